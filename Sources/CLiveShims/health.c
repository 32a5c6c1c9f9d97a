/* What tells whether a receiver is well: ICMP errors, echoes, connections, routes and neighbours. */

#define _GNU_SOURCE
#include "CLiveShims.h"

#include <errno.h>
#include <linux/icmp.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

_Static_assert(
    LV_NEIGHBOUR_INCOMPLETE == NUD_INCOMPLETE && LV_NEIGHBOUR_FAILED == NUD_FAILED, "the kernel's numbers");

static bool fail(lv_fault *fault, const char *call) {
  fault->code = errno;
  fault->call = call;
  return false;
}

static socklen_t address_of(const lv_end *end, uint16_t port, struct sockaddr_storage *address) {
  memset(address, 0, sizeof *address);
  if (end->family == 4) {
    struct sockaddr_in *v4 = (struct sockaddr_in *)address;
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    memcpy(&v4->sin_addr, end->address, 4);
    return sizeof *v4;
  }
  struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;
  v6->sin6_family = AF_INET6;
  v6->sin6_port = htons(port);
  memcpy(&v6->sin6_addr, end->address, 16);
  return sizeof *v6;
}

/* ---- ICMP ---- */

static bool hear_errors_and_echoes(int descriptor, uint8_t family) {
  if (family == 4) {
    struct icmp_filter filter = {~(1u << ICMP_DEST_UNREACH | 1u << ICMP_ECHOREPLY)};
    return setsockopt(descriptor, SOL_RAW, ICMP_FILTER, &filter, sizeof filter) == 0;
  }
  struct icmp6_filter filter;
  ICMP6_FILTER_SETBLOCKALL(&filter);
  ICMP6_FILTER_SETPASS(ICMP6_DST_UNREACH, &filter);
  ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter);
  return setsockopt(descriptor, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof filter) == 0;
}

int lv_icmp_open(uint8_t family, lv_fault *fault) {
  int protocol = family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
  int descriptor = socket(family == 4 ? AF_INET : AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
  if (descriptor < 0) return fail(fault, "socket(SOCK_RAW)") - 1;
  if (hear_errors_and_echoes(descriptor, family)) return descriptor;
  fail(fault, "setsockopt(ICMP_FILTER)");
  close(descriptor);
  return -1;
}

size_t lv_icmp_receive(int descriptor, uint8_t *bytes, size_t room, lv_end *from) {
  struct sockaddr_storage address;
  socklen_t size = sizeof address;
  ssize_t count = recvfrom(descriptor, bytes, room, MSG_DONTWAIT, (struct sockaddr *)&address, &size);
  if (count <= 0) return 0;
  from->family = address.ss_family == AF_INET ? 4 : 6;
  if (from->family == 4)
    memcpy(from->address, &((struct sockaddr_in *)&address)->sin_addr, 4);
  else
    memcpy(from->address, &((struct sockaddr_in6 *)&address)->sin6_addr, 16);
  return (size_t)count;
}

bool lv_icmp_send(int descriptor, const lv_end *end, const uint8_t *bytes, size_t count) {
  struct sockaddr_storage address;
  socklen_t size = address_of(end, 0, &address);
  return sendto(descriptor, bytes, count, MSG_DONTWAIT, (struct sockaddr *)&address, size) == (ssize_t)count;
}

/* ---- connections ---- */

int lv_connection_begin(const lv_end *end, uint16_t port, int *code) {
  struct sockaddr_storage address;
  socklen_t size = address_of(end, port, &address);
  int descriptor = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor < 0) {
    *code = errno;
    return -1;
  }
  if (connect(descriptor, (struct sockaddr *)&address, size) == 0 || errno == EINPROGRESS) return descriptor;
  *code = errno;
  close(descriptor);
  return -1;
}

int lv_connection_state(int descriptor) {
  struct sockaddr_storage peer;
  socklen_t size = sizeof peer;
  if (getpeername(descriptor, (struct sockaddr *)&peer, &size) == 0) return 0;
  int code = 0;
  size = sizeof code;
  if (getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size) != 0) return errno;
  return code == 0 ? EINPROGRESS : code;
}

/* ---- routes and neighbours: rtnetlink(7) ---- */

int lv_ways_watch(lv_fault *fault) {
  int descriptor = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
  if (descriptor < 0) return fail(fault, "socket(AF_NETLINK)") - 1;
  struct sockaddr_nl address;
  memset(&address, 0, sizeof address);
  address.nl_family = AF_NETLINK;
  address.nl_groups = RTMGRP_LINK | RTMGRP_NEIGH | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE;
  if (bind(descriptor, (struct sockaddr *)&address, sizeof address) == 0) return descriptor;
  fail(fault, "bind(AF_NETLINK)");
  close(descriptor);
  return -1;
}

typedef struct request {
  struct nlmsghdr header;
  union {
    struct rtmsg route;
    struct ndmsg neighbour;
  } body;
  struct rtattr attribute;
  uint8_t address[16];
} request;

/* One request, one answer. Returns the answer's length; below zero: the errno, negated. */
static ssize_t ask(const request *request, size_t length, void *answer, size_t room) {
  int descriptor = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (descriptor < 0) return -errno;
  struct timeval patience = {1, 0};
  setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ssize_t count = send(descriptor, request, length, 0);
  if (count >= 0) count = recv(descriptor, answer, room, 0);
  if (count < 0) count = -errno;
  close(descriptor);
  if (count < (ssize_t)sizeof(struct nlmsghdr)) return count < 0 ? count : -EPROTO;
  const struct nlmsghdr *header = answer;
  if (header->nlmsg_type == NLMSG_ERROR) return ((const struct nlmsgerr *)NLMSG_DATA(header))->error;
  return header->nlmsg_len <= (size_t)count ? (ssize_t)header->nlmsg_len : -EPROTO;
}

static size_t prepare(request *request, uint16_t type, size_t body, uint16_t attribute, const lv_end *end) {
  size_t size = end->family == 4 ? 4 : 16;
  uint8_t *place = (uint8_t *)&request->body + NLMSG_ALIGN(body);
  struct rtattr head = {(unsigned short)RTA_LENGTH(size), attribute};
  memcpy(place, &head, sizeof head);
  memcpy(place + RTA_LENGTH(0), end->address, size);
  request->header.nlmsg_len = (uint32_t)(NLMSG_LENGTH(body) + RTA_SPACE(size));
  request->header.nlmsg_type = type;
  request->header.nlmsg_flags = NLM_F_REQUEST;
  return request->header.nlmsg_len;
}

static void read_route(const struct nlmsghdr *header, lv_way *way) {
  const struct rtmsg *route = NLMSG_DATA(header);
  size_t length = RTM_PAYLOAD(header);
  way->is_local = route->rtm_type == RTN_LOCAL;
  for (const struct rtattr *at = RTM_RTA(route); RTA_OK(at, length); at = RTA_NEXT(at, length)) {
    if (at->rta_type == RTA_OIF) memcpy(&way->interface, RTA_DATA(at), sizeof way->interface);
    if (at->rta_type == RTA_GATEWAY) {
      way->next.family = route->rtm_family == AF_INET ? 4 : 6;
      memcpy(way->next.address, RTA_DATA(at), way->next.family == 4 ? 4 : 16);
    }
    if (at->rta_type == RTA_VIA && RTA_PAYLOAD(at) == sizeof(struct rtvia) + 16) {
      way->next.family = 6;
      memcpy(way->next.address, ((const struct rtvia *)RTA_DATA(at))->rtvia_addr, 16);
    }
  }
}

int lv_way_find(const lv_end *end, lv_way *way) {
  union {
    struct nlmsghdr header;
    uint8_t bytes[4096];
  } answer;
  request request;
  memset(&request, 0, sizeof request);
  memset(way, 0, sizeof *way);
  way->next = *end;
  request.body.route.rtm_family = end->family == 4 ? AF_INET : AF_INET6;
  request.body.route.rtm_dst_len = end->family == 4 ? 32 : 128;
  size_t length = prepare(&request, RTM_GETROUTE, sizeof(struct rtmsg), RTA_DST, end);
  ssize_t count = ask(&request, length, &answer, sizeof answer);
  if (count < 0) return (int)-count;
  if (count < (ssize_t)NLMSG_LENGTH(sizeof(struct rtmsg)) || answer.header.nlmsg_type != RTM_NEWROUTE) return EPROTO;
  read_route(&answer.header, way);
  way->is_down = !lv_interface_is_running(way->interface);
  return 0;
}

int lv_neighbour_state(const lv_way *way) {
  union {
    struct nlmsghdr header;
    uint8_t bytes[4096];
  } answer;
  request request;
  memset(&request, 0, sizeof request);
  request.body.neighbour.ndm_family = way->next.family == 4 ? AF_INET : AF_INET6;
  request.body.neighbour.ndm_ifindex = way->interface;
  size_t length = prepare(&request, RTM_GETNEIGH, sizeof(struct ndmsg), NDA_DST, &way->next);
  ssize_t count = ask(&request, length, &answer, sizeof answer);
  if (count < (ssize_t)NLMSG_LENGTH(sizeof(struct ndmsg)) || answer.header.nlmsg_type != RTM_NEWNEIGH) return 0;
  return ((const struct ndmsg *)NLMSG_DATA(&answer.header))->ndm_state;
}
