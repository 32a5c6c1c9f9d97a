// The programs of scripts/bench-live: a sender that paces itself by sleeping, and the plain libpcap program that a mirror
// is compared with.
//
//   live send INTERFACE small|imix|large RATE MILLISECONDS    prints: packets that the kernel took, packets that it did not,
//                                                            nanoseconds taken, nanoseconds of its own processor time
//   live copy INTERFACE ADDRESS                              sends what arrives in VXLAN to ADDRESS, until SIGTERM

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <pcap/pcap.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { FRAMES = 3072, LONGEST = 1500, BURST = 64 };

static void fail(const char *what) {
  fprintf(stderr, "live: %s: %s\n", what, strerror(errno));
  exit(1);
}

static int64_t now(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

// --- Sending -----------------------------------------------------------------------------------------------------------

static uint8_t frames[FRAMES][LONGEST];
static size_t lengths[FRAMES];

static uint16_t sum(const uint8_t *header) {
  uint32_t total = 0;
  for (int i = 0; i < 20; i += 2) total += (uint32_t)header[i] << 8 | header[i + 1];
  while (total >> 16) total = (total & 0xffff) + (total >> 16);
  return (uint16_t)~total;
}

static void put(uint8_t *at, size_t word) {
  at[0] = (uint8_t)(word >> 8);
  at[1] = (uint8_t)word;
}

// UDP without a checksum from one of 1,024 ports to port 443; no two frames are the same for long, as none of a network are.
static void make(const char *kind) {
  static const size_t imix[12] = {64, 594, 64, 64, 594, 64, 1500, 64, 594, 64, 64, 594};
  for (size_t i = 0; i < FRAMES; i++) {
    size_t length = !strcmp(kind, "small") ? 64 : !strcmp(kind, "large") ? 1500 : imix[i % 12];
    uint8_t *frame = frames[i];
    memcpy(frame, (uint8_t[]){2, 0, 0, 0, 0, 0xfe, 2, 0, 0, 0, 0, 1, 8, 0}, 14);
    memcpy(frame + 14, (uint8_t[]){0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 17, 0, 0, 10, 20, 1, 11, 10, 20, 2, 12}, 20);
    put(frame + 16, length - 14);
    put(frame + 24, sum(frame + 14));
    put(frame + 34, 20000 + i % 1024);
    put(frame + 36, 443);
    put(frame + 38, length - 34);
    lengths[i] = length;
  }
}

// Each packet of a run is another one: a counter in its payload.
static void number(size_t frame, uint64_t counter) { memcpy(frames[frame] + 42, &counter, sizeof counter); }

static int open_packets(const char *interface) {
  struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(interface)};
  int one = 1, buffer = 16 << 20, descriptor = socket(AF_PACKET, SOCK_RAW, 0);
  if (descriptor < 0 || bind(descriptor, (struct sockaddr *)&address, sizeof address) != 0) fail(interface);
  setsockopt(descriptor, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof one);
  setsockopt(descriptor, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof buffer);
  return descriptor;
}

static int send_paced(const char *interface, const char *kind, uint64_t rate, uint64_t milliseconds) {
  int descriptor = open_packets(interface);
  make(kind);
  struct mmsghdr messages[BURST];
  struct iovec parts[BURST];
  uint64_t given = 0, sent = 0, total = rate * milliseconds / 1000;
  int64_t start = now(CLOCK_MONOTONIC), cpu = now(CLOCK_PROCESS_CPUTIME_ID), wake = start;
  // What is not sent when its time is over is not sent any more: the rate is told, not waited for.
  while (given < total && now(CLOCK_MONOTONIC) - start < (int64_t)milliseconds * 1100000) {
    uint64_t due = (uint64_t)(now(CLOCK_MONOTONIC) - start) * rate / 1000000000;
    if (due > total) due = total;
    while (given < due) {
      unsigned count = due - given < BURST ? (unsigned)(due - given) : BURST;
      for (unsigned i = 0; i < count; i++) {
        size_t frame = (given + i) % FRAMES;
        number(frame, given + i);
        parts[i] = (struct iovec){frames[frame], lengths[frame]};
        messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
      }
      int took = sendmmsg(descriptor, messages, count, MSG_DONTWAIT);
      if (took > 0) sent += (uint64_t)took;
      given += took > 0 ? (unsigned)took : 1;
      if (now(CLOCK_MONOTONIC) - start > (int64_t)milliseconds * 1100000) break;
    }
    wake += 1000000;
    struct timespec until = {wake / 1000000000, wake % 1000000000};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
  }
  printf("%lu %lu %ld %ld\n", (unsigned long)sent, (unsigned long)(given - sent), (long)(now(CLOCK_MONOTONIC) - start),
         (long)(now(CLOCK_PROCESS_CPUTIME_ID) - cpu));
  return 0;
}

// --- The libpcap program -----------------------------------------------------------------------------------------------

static pcap_t *capture;
static struct sockaddr_in receiver = {.sin_family = AF_INET};
static int way;

static void stop(int signal) {
  (void)signal;
  pcap_breakloop(capture);
}

static void copy(uint8_t *none, const struct pcap_pkthdr *header, const uint8_t *bytes) {
  (void)none;
  static uint8_t datagram[65536] = {8, 0, 0, 0, 0, 0, 7, 0};
  size_t length = header->caplen < sizeof datagram - 8 ? header->caplen : sizeof datagram - 8;
  memcpy(datagram + 8, bytes, length);
  sendto(way, datagram, length + 8, 0, (struct sockaddr *)&receiver, sizeof receiver);
}

static int copy_all(const char *interface, const char *address) {
  char error[PCAP_ERRBUF_SIZE];
  struct bpf_program filter;
  int buffer = 4 << 20;
  receiver.sin_port = htons(4789);
  if (inet_pton(AF_INET, address, &receiver.sin_addr) != 1) fail(address);
  way = socket(AF_INET, SOCK_DGRAM, 0);
  setsockopt(way, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof buffer);
  capture = pcap_create(interface, error);
  if (!capture || pcap_set_snaplen(capture, 65535) || pcap_set_timeout(capture, 10) ||
      pcap_set_buffer_size(capture, 16 << 20) || pcap_activate(capture) < 0 ||
      pcap_compile(capture, &filter, "udp dst port 443", 1, PCAP_NETMASK_UNKNOWN) || pcap_setfilter(capture, &filter)) {
    fprintf(stderr, "live: %s: %s\n", interface, capture ? pcap_geterr(capture) : error);
    return 1;
  }
  signal(SIGTERM, stop);
  pcap_loop(capture, -1, copy, NULL);
  return 0;
}

int main(int count, char **words) {
  if (count == 6 && !strcmp(words[1], "send"))
    return send_paced(words[2], words[3], strtoull(words[4], NULL, 10), strtoull(words[5], NULL, 10));
  if (count == 4 && !strcmp(words[1], "copy")) return copy_all(words[2], words[3]);
  fprintf(stderr, "live send INTERFACE small|imix|large RATE MILLISECONDS | live copy INTERFACE ADDRESS\n");
  return 64;
}
