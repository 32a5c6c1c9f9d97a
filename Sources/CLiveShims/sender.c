/* Raw sockets: one for each receiver and protocol. */

#define _GNU_SOURCE
#include "CLiveShims.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static bool fail(lv_fault *fault, const char *call) {
  fault->code = errno;
  fault->call = call;
  return false;
}

static socklen_t address_of(const lv_end *end, struct sockaddr_storage *address) {
  memset(address, 0, sizeof *address);
  if (end->family == 4) {
    struct sockaddr_in *v4 = (struct sockaddr_in *)address;
    v4->sin_family = AF_INET;
    memcpy(&v4->sin_addr, end->address, 4);
    return sizeof *v4;
  }
  struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;
  v6->sin6_family = AF_INET6;
  memcpy(&v6->sin6_addr, end->address, 16);
  return sizeof *v6;
}

static bool set(int descriptor, int level, int option, int value, const char *call, lv_fault *fault) {
  return setsockopt(descriptor, level, option, &value, sizeof value) == 0 || fail(fault, call);
}

/* A raw socket is given what arrives, too; nobody reads it. */
static bool deafen(int descriptor, lv_fault *fault) {
  struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
  struct sock_fprog program = {1, &nothing};
  return setsockopt(descriptor, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0 ||
         fail(fault, "setsockopt(SO_ATTACH_FILTER)");
}

/* Fragments are made where a link needs them: over IPv4 also by routers, over IPv6 by us alone, who must know the path. */
static bool set_header(int descriptor, uint8_t family, uint8_t protocol, uint8_t traffic_class, lv_fault *fault) {
  if (family == 4)
    return set(descriptor, IPPROTO_IP, IP_TOS, traffic_class, "setsockopt(IP_TOS)", fault) &&
           set(descriptor, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT, "setsockopt(IP_MTU_DISCOVER)", fault);
  return set(descriptor, IPPROTO_IPV6, IPV6_TCLASS, traffic_class, "setsockopt(IPV6_TCLASS)", fault) &&
         set(descriptor, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_WANT, "setsockopt(IPV6_MTU_DISCOVER)", fault) &&
         (protocol != IPPROTO_UDP ||
          set(descriptor, IPPROTO_IPV6, IPV6_CHECKSUM, 6, "setsockopt(IPV6_CHECKSUM)", fault));
}

int lv_sender_open(const lv_end *end, uint8_t protocol, uint8_t traffic_class, int buffer, lv_fault *fault) {
  int domain = end->family == 4 ? AF_INET : AF_INET6;
  int descriptor = socket(domain, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
  if (descriptor < 0) return fail(fault, "socket(SOCK_RAW)") - 1;
  /* More than net.core.wmem_max only with CAP_NET_ADMIN; as much as there may be otherwise. */
  if (setsockopt(descriptor, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof buffer) != 0)
    setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
  if (!deafen(descriptor, fault) || !set_header(descriptor, end->family, protocol, traffic_class, fault)) {
    close(descriptor);
    return -1;
  }
  return descriptor;
}

int lv_injector_open(int interface, int buffer, lv_fault *fault) {
  /* Protocol 0: it hears nothing. */
  int descriptor = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor < 0) return fail(fault, "socket(AF_PACKET)") - 1;
  if (setsockopt(descriptor, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof buffer) != 0)
    setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
  struct sockaddr_ll address;
  memset(&address, 0, sizeof address);
  address.sll_family = AF_PACKET;
  address.sll_ifindex = interface;
  if (bind(descriptor, (struct sockaddr *)&address, sizeof address) == 0) return descriptor;
  fail(fault, "bind(AF_PACKET)");
  close(descriptor);
  return -1;
}

bool lv_sender_connect(int descriptor, const lv_end *end) {
  struct sockaddr_storage address;
  socklen_t size = address_of(end, &address);
  return connect(descriptor, (struct sockaddr *)&address, size) == 0;
}

int lv_sender_path_mtu(int descriptor, const lv_end *end) {
  int mtu = 0;
  socklen_t size = sizeof mtu;
  bool is_v4 = end->family == 4;
  int level = is_v4 ? IPPROTO_IP : IPPROTO_IPV6, option = is_v4 ? IP_MTU : IPV6_MTU;
  return getsockopt(descriptor, level, option, &mtu, &size) == 0 ? mtu : 0;
}

size_t lv_send(int descriptor, const lv_end *end, const lv_datagram *datagrams, size_t count, int *code) {
  struct mmsghdr messages[LV_SEND_LIMIT];
  struct iovec parts[LV_SEND_LIMIT][2];
  struct sockaddr_storage address;
  socklen_t size = end ? address_of(end, &address) : 0;
  if (count > LV_SEND_LIMIT) count = LV_SEND_LIMIT;
  for (size_t i = 0; i < count; i++) {
    parts[i][0] = (struct iovec){(void *)datagrams[i].header, datagrams[i].header_length};
    parts[i][1] = (struct iovec){(void *)datagrams[i].body, datagrams[i].body_length};
    messages[i].msg_hdr = (struct msghdr){end ? &address : NULL, size, parts[i], 2, NULL, 0, 0};
    messages[i].msg_len = 0;
  }
  *code = 0;
  size_t sent = 0;
  while (sent < count) {
    int now = sendmmsg(descriptor, messages + sent, (unsigned)(count - sent), MSG_DONTWAIT);
    if (now < 0 && errno == EINTR) continue;
    if (now <= 0) {
      *code = errno;
      break;
    }
    sent += (size_t)now;
  }
  return sent;
}
