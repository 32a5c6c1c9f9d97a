/* A packet socket with a ring of blocks that the kernel fills and we read (packet(7), packet_mmap.rst, TPACKET_V3).
 *
 * 1. A block belongs to the kernel, or to us from the moment its status says so until we give it back; we read and write
 *    only blocks of ours.
 * 2. In front of each frame lies the virtio_net_hdr that tells what was left to the card. It is copied before its bytes are
 *    used to put a VLAN tag back.
 */

#define _GNU_SOURCE
#include "CLiveShims.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

_Static_assert(sizeof(lv_instruction) == sizeof(struct sock_filter), "the same layout");

static bool fail(lv_fault *fault, const char *call) {
  fault->code = errno;
  fault->call = call;
  return false;
}

static bool set(int descriptor, int option, const void *value, socklen_t size, const char *call, lv_fault *fault) {
  return setsockopt(descriptor, SOL_PACKET, option, value, size) == 0 || fail(fault, call);
}

static bool make_ring(lv_ring *ring, uint32_t timeout_ms, lv_fault *fault) {
  int version = TPACKET_V3, one = 1;
  struct tpacket_req3 request;
  memset(&request, 0, sizeof request);
  request.tp_block_size = ring->block_size;
  request.tp_block_nr = ring->block_count;
  request.tp_frame_size = 2048;
  request.tp_frame_nr = ring->block_size / 2048 * ring->block_count;
  request.tp_retire_blk_tov = timeout_ms;
  if (!set(ring->descriptor, PACKET_VERSION, &version, sizeof version, "setsockopt(PACKET_VERSION)", fault) ||
      !set(ring->descriptor, PACKET_VNET_HDR, &one, sizeof one, "setsockopt(PACKET_VNET_HDR)", fault) ||
      !set(ring->descriptor, PACKET_RX_RING, &request, sizeof request, "setsockopt(PACKET_RX_RING)", fault))
    return false;
  size_t size = (size_t)ring->block_size * ring->block_count;
  void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, ring->descriptor, 0);
  if (memory == MAP_FAILED) return fail(fault, "mmap");
  ring->memory = memory;
  return true;
}

bool lv_ring_open(
    lv_ring *ring, int interface, uint32_t block_size, uint32_t block_count, uint32_t timeout_ms,
    const lv_instruction *filter, size_t filter_length, lv_fault *fault) {
  memset(ring, 0, sizeof *ring);
  ring->block_size = block_size;
  ring->block_count = block_count;
  /* Protocol 0: nothing arrives before bind. */
  ring->descriptor = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
  if (ring->descriptor < 0) return fail(fault, "socket(AF_PACKET)");
  struct sockaddr_ll address;
  memset(&address, 0, sizeof address);
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = interface;
  bool is_open = make_ring(ring, timeout_ms, fault) && lv_ring_filter(ring, filter, filter_length, fault);
  if (is_open && bind(ring->descriptor, (struct sockaddr *)&address, sizeof address) != 0)
    is_open = fail(fault, "bind(AF_PACKET)");
  if (!is_open) lv_ring_close(ring);
  return is_open;
}

void lv_ring_close(lv_ring *ring) {
  if (ring->memory) munmap(ring->memory, (size_t)ring->block_size * ring->block_count);
  if (ring->descriptor >= 0) close(ring->descriptor);
  ring->memory = NULL;
  ring->descriptor = -1;
}

bool lv_ring_join(const lv_ring *ring, int *group, lv_fault *fault) {
  int type = *group < 0 ? PACKET_FANOUT_HASH | PACKET_FANOUT_FLAG_UNIQUEID : PACKET_FANOUT_HASH;
  uint32_t value = (uint32_t)type << 16 | (*group < 0 ? 0 : (uint32_t)*group & 0xffff);
  if (!set(ring->descriptor, PACKET_FANOUT, &value, sizeof value, "setsockopt(PACKET_FANOUT)", fault)) return false;
  socklen_t size = sizeof value;
  if (getsockopt(ring->descriptor, SOL_PACKET, PACKET_FANOUT, &value, &size) != 0) return fail(fault, "getsockopt(PACKET_FANOUT)");
  *group = value & 0xffff;
  return true;
}

bool lv_ring_filter(const lv_ring *ring, const lv_instruction *filter, size_t length, lv_fault *fault) {
  struct sock_fprog program = {(unsigned short)length, (struct sock_filter *)filter};
  if (length > 0xffff) {
    errno = EINVAL;
    return fail(fault, "setsockopt(SO_ATTACH_FILTER)");
  }
  return setsockopt(ring->descriptor, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0 ||
         fail(fault, "setsockopt(SO_ATTACH_FILTER)");
}

/* ---- reading ---- */

static struct tpacket_block_desc *block_at(const lv_ring *ring, uint32_t block) {
  return (struct tpacket_block_desc *)(ring->memory + (size_t)block * ring->block_size);
}

/* Begins the next block if the kernel has handed it over; it may be empty. */
static bool begin_block(lv_ring *ring) {
  while (ring->left == 0) {
    if (ring->finished == ring->block_count) return false;
    struct tpacket_block_desc *block = block_at(ring, ring->block);
    if (!(__atomic_load_n(&block->hdr.bh1.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER)) return false;
    ring->left = block->hdr.bh1.num_pkts;
    ring->offset = block->hdr.bh1.offset_to_first_pkt;
    if (ring->left > 0) return true;
    ring->block = (ring->block + 1) % ring->block_count;
    ring->finished++;
  }
  return true;
}

/* The tag goes behind the two MACs, which move into the room of the virtio_net_hdr. */
static void restore_tag(const struct tpacket3_hdr *header, lv_frame *frame) {
  if (!(header->tp_status & TP_STATUS_VLAN_VALID) || frame->captured < 12) return;
  uint16_t type = header->tp_status & TP_STATUS_VLAN_TPID_VALID ? header->hv1.tp_vlan_tpid : ETH_P_8021Q;
  uint16_t words[2] = {htons(type), htons((uint16_t)header->hv1.tp_vlan_tci)};
  memmove(frame->bytes - 4, frame->bytes, 12);
  memcpy(frame->bytes + 8, words, 4);
  frame->bytes -= 4;
  frame->captured += 4;
  frame->original += 4;
  frame->checksum_start += 4;
  frame->is_tagged = true;
}

static uint8_t segmentation(uint8_t type) {
  switch (type & ~VIRTIO_NET_HDR_GSO_ECN) {
  case VIRTIO_NET_HDR_GSO_NONE: return LV_WHOLE;
  case VIRTIO_NET_HDR_GSO_TCPV4:
  case VIRTIO_NET_HDR_GSO_TCPV6: return LV_TCP;
  case VIRTIO_NET_HDR_GSO_UDP_L4: return LV_UDP;
  default: return LV_OTHER;
  }
}

bool lv_ring_next(lv_ring *ring, lv_frame *frame) {
  if (!begin_block(ring)) return false;
  uint8_t *start = (uint8_t *)block_at(ring, ring->block) + ring->offset;
  const struct tpacket3_hdr *header = (const struct tpacket3_hdr *)start;
  const struct sockaddr_ll *link = (const struct sockaddr_ll *)(start + TPACKET_ALIGN(sizeof *header));
  struct virtio_net_hdr notes;
  frame->bytes = start + header->tp_mac;
  memcpy(&notes, frame->bytes - sizeof notes, sizeof notes);
  frame->time = (int64_t)header->tp_sec * 1000000000 + header->tp_nsec;
  frame->captured = header->tp_snaplen;
  frame->original = header->tp_len;
  frame->is_outgoing = link->sll_pkttype == PACKET_OUTGOING;
  frame->is_tagged = false;
  frame->needs_checksum = notes.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM;
  frame->segmentation = segmentation(notes.gso_type);
  frame->segment_size = notes.gso_size;
  frame->checksum_start = notes.csum_start;
  frame->checksum_offset = notes.csum_offset;
  restore_tag(header, frame);
  ring->offset += header->tp_next_offset;
  if (--ring->left == 0) {
    ring->block = (ring->block + 1) % ring->block_count;
    ring->finished++;
  }
  return true;
}

void lv_ring_release(lv_ring *ring) {
  while (ring->finished > 0) {
    uint32_t block = (ring->block + ring->block_count - ring->finished) % ring->block_count;
    __atomic_store_n(&block_at(ring, block)->hdr.bh1.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
    ring->finished--;
  }
}

bool lv_ring_count(const lv_ring *ring, uint64_t *met, uint64_t *lost) {
  struct tpacket_stats_v3 counts;
  socklen_t size = sizeof counts;
  /* A call that failed has forgotten nothing; this may be the last one. */
  int answer = -1;
  for (int attempt = 0; attempt < 3 && answer != 0; attempt++) {
    answer = getsockopt(ring->descriptor, SOL_PACKET, PACKET_STATISTICS, &counts, &size);
  }
  if (answer != 0) return false;
  *met = counts.tp_packets;
  *lost = counts.tp_drops;
  return true;
}

bool lv_ring_is_bound(const lv_ring *ring) {
  struct sockaddr_ll address;
  socklen_t size = sizeof address;
  /* What cannot be asked is no reason to give up what waits in the ring. */
  return getsockname(ring->descriptor, (struct sockaddr *)&address, &size) != 0 || address.sll_ifindex > 0;
}
