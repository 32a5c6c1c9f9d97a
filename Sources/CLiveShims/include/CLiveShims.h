#ifndef CLIVESHIMS_H
#define CLIVESHIMS_H

/*
 * The system calls of a live run that Swift imports badly: macros, flexible layouts, capabilities.
 *
 * Every function that may fail fills in an `lv_fault`: which call failed, and its errno. Nothing here allocates per packet,
 * blocks (but for `lv_wait`), or keeps state of its own.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

typedef struct __attribute__((swift_attr("@safe"))) lv_fault {
  int code;
  const char *_Nullable call; /* a literal */
} lv_fault;

/* ---- network namespaces ---- */

/* Enters a network namespace (setns(2)); returns a descriptor for the way back, or -1. */
int lv_namespace_enter(const char *path, lv_fault *fault);
/* The way back; closes the descriptor. */
bool lv_namespace_leave(int home, lv_fault *fault);

/* ---- interfaces ---- */

typedef struct lv_interface {
  int index;
  int mtu;
  int hardware; /* ARPHRD_... of if_arp.h */
  bool is_up;
} lv_interface;

bool lv_interface_find(const char *name, lv_interface *interface, lv_fault *fault);

/* Up, and with a carrier. What cannot be asked counts as running. */
bool lv_interface_is_running(int index);

/* A socket that becomes readable when interfaces of the namespace come, go or change (rtnetlink(7)); -1: fault. */
int lv_links_watch(lv_fault *fault);
/* Reads all there is; whether there was anything. */
bool lv_links_changed(int descriptor);

/* ---- capture: TPACKET_V3 of packet(7), packet_mmap.rst ---- */

typedef struct lv_instruction { /* struct sock_filter */
  uint16_t code;
  uint8_t jump_true;
  uint8_t jump_false;
  uint32_t k;
} lv_instruction;

typedef struct lv_ring {
  int descriptor;
  uint8_t *_Null_unspecified memory;
  uint32_t block_size;
  uint32_t block_count;
  uint32_t block;      /* the one being read */
  uint32_t left;       /* frames of it that are not read; 0: not begun */
  uint32_t offset;     /* of the next of them in the block */
  uint32_t finished;   /* blocks read to the end and not given back, up to `block` */
} lv_ring;

/* One frame, as it lies in the ring. Valid until its block is given back. The memory is ours to change. */
typedef struct __attribute__((swift_attr("@safe"))) lv_frame {
  uint8_t *_Null_unspecified bytes;
  int64_t time; /* nanoseconds since 1970 */
  uint32_t captured;
  uint32_t original;
  bool is_outgoing;   /* the host sent it */
  bool is_tagged;     /* the kernel had taken the outermost VLAN tag off; it is back in `bytes` */
  bool needs_checksum; /* the checksum at `checksum_start + checksum_offset` was left to the card */
  uint8_t segmentation; /* LV_WHOLE, LV_TCP, LV_UDP, LV_OTHER */
  uint16_t segment_size;
  uint16_t checksum_start;
  uint16_t checksum_offset;
} lv_frame;

enum { LV_WHOLE, LV_TCP, LV_UDP, LV_OTHER };

/* Never promiscuous. Frames arrive from here on, those that the filter takes. */
bool lv_ring_open(
    lv_ring *ring, int interface, uint32_t block_size, uint32_t block_count, uint32_t timeout_ms,
    const lv_instruction *filter, size_t filter_length, lv_fault *fault);
void lv_ring_close(lv_ring *ring);
/* Joins the sockets of an interface among which the kernel spreads its frames (packet(7), PACKET_FANOUT_HASH): both ways of a
 * flow go to one of them, and all fragments of a datagram. The same on every interface where as many joined, in the same order.
 * `group`: -1 for the first, which finds one; for the others what the first was given. */
bool lv_ring_join(const lv_ring *ring, int *group, lv_fault *fault);
/* Replaces the filter. */
bool lv_ring_filter(const lv_ring *ring, const lv_instruction *filter, size_t length, lv_fault *fault);
/* The next frame, or false. */
bool lv_ring_next(lv_ring *ring, lv_frame *frame);
/* Gives back the blocks that were read to the end. */
void lv_ring_release(lv_ring *ring);
/* Frames that met the filter, and of those the ones for which there was no room, since the last call. */
bool lv_ring_count(const lv_ring *ring, uint64_t *met, uint64_t *lost);
/* Whether the interface still exists. */
bool lv_ring_is_bound(const lv_ring *ring);

/* Waits until one of the descriptors is readable, or has an error, such as a ring's when its interface goes down: it is cleared, since
   it would end each wait from then on. */
void lv_wait(const int *descriptors, size_t count, int timeout_ms);

/* ---- sending ---- */

typedef struct lv_end {
  uint8_t family; /* 4 or 6 */
  uint8_t address[16];
} lv_end;

/* A raw socket to one receiver: the kernel makes the IP header, what is sent begins behind it. -1: fault. */
int lv_sender_open(const lv_end *end, uint8_t protocol, uint8_t traffic_class, int buffer, lv_fault *fault);
/* A packet socket that sends whole frames out of an interface. -1: fault. */
int lv_injector_open(int interface, int buffer, lv_fault *fault);
/* Fixes the route, so that the path MTU can be asked for and ICMP errors are heard of. */
bool lv_sender_connect(int descriptor, const lv_end *end);
/* 0: not known. */
int lv_sender_path_mtu(int descriptor, const lv_end *end);

typedef struct __attribute__((swift_attr("@safe"))) lv_datagram {
  const void *header;
  const void *body;
  uint32_t header_length;
  uint32_t body_length;
} lv_datagram;

/* Datagrams in one call of lv_send at most. */
enum { LV_SEND_LIMIT = 128 };

/* sendmmsg(2), which does not wait. Without an end: to whom the socket is connected or bound. Returns how many went; `code` is the errno that stopped it, 0 if all went. */
size_t lv_send(int descriptor, const lv_end *_Nullable end, const lv_datagram *datagrams, size_t count, int *code);

/* ---- health of receivers ---- */

/* Hears ICMP unreachables and echo replies that this host gets, and sends echoes; IPv4 with its IP header in front. -1: fault. */
int lv_icmp_open(uint8_t family, lv_fault *fault);
/* The next message and who sent it; 0: none waits. */
size_t lv_icmp_receive(int descriptor, uint8_t *bytes, size_t room, lv_end *from);
bool lv_icmp_send(int descriptor, const lv_end *end, const uint8_t *bytes, size_t count);

/* Begins a TCP connection. -1: `code` says why not. */
int lv_connection_begin(const lv_end *end, uint16_t port, int *code);
/* 0: it stands; EINPROGRESS: not yet; else why it does not. */
int lv_connection_state(int descriptor);

/* A socket that becomes readable when routes, neighbours or interfaces change; `lv_links_changed` reads it. -1: fault. */
int lv_ways_watch(lv_fault *fault);

typedef struct lv_way {
  lv_end next; /* the gateway, or the end itself */
  int interface;
  bool is_local; /* this host has the address */
  bool is_down;  /* the interface has no carrier, or is down */
} lv_way;

/* The kernel's route (RTM_GETROUTE). Returns an errno, 0: there is one. */
int lv_way_find(const lv_end *end, lv_way *way);
enum { LV_NEIGHBOUR_INCOMPLETE = 0x01, LV_NEIGHBOUR_FAILED = 0x20 };
/* NUD_... of neighbour.h of the way's next hop; 0: the kernel knows nothing of it. */
int lv_neighbour_state(const lv_way *way);

/* ---- privileges ---- */

enum { LV_CAP_NET_RAW = 13, LV_CAP_SYS_ADMIN = 21 };

bool lv_has_capability(int capability);
/* Gives up all capabilities of this thread but CAP_NET_RAW, for ever and for what it executes; becomes another user if
   `user` is not -1. To be called before there are other threads. */
bool lv_drop_privileges(int64_t user, int64_t group, lv_fault *fault);

/* ---- confinement: for this thread and those that it makes, for ever; after no_new_privs ---- */

/* What may be done below a folder: read files and lists of names; that, write, make and remove files; remove files only; write, make,
   rename and remove files, but not read them. */
enum { LV_READ, LV_CHANGE, LV_REMOVE, LV_WRITE };

typedef struct __attribute__((swift_attr("@safe"))) lv_folder {
  const char *path;
  /* The folder, if it is open; else -1. */
  int descriptor;
  uint8_t access;
} lv_folder;

/* Of the kernel's Landlock; 0 and a fault: there is none. */
int lv_landlock_version(lv_fault *fault);
/* Forbids every use of files but below the folders, listening at TCP ports, signals and abstract sockets of others, as far as the
   version knows. Folders that cannot be reached are left out. */
bool lv_landlock_enter(int version, const lv_folder *folders, size_t count, lv_fault *fault);

bool lv_seccomp_is_known(lv_fault *fault);
/* Only system calls of a run that has opened everything; others are EPERM. Other threads there are, too. */
bool lv_seccomp_enter(lv_fault *fault);

#pragma clang assume_nonnull end

#endif
