/* Namespaces and interfaces. */

#define _GNU_SOURCE
#include "CLiveShims.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static bool fail(lv_fault *fault, const char *call) {
  fault->code = errno;
  fault->call = call;
  return false;
}

int lv_namespace_enter(const char *path, lv_fault *fault) {
  int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  if (home < 0) return fail(fault, "open(/proc/self/ns/net)") - 1;
  int there = open(path, O_RDONLY | O_CLOEXEC);
  if (there < 0 || setns(there, CLONE_NEWNET) != 0) {
    fail(fault, there < 0 ? "open" : "setns");
    if (there >= 0) close(there);
    close(home);
    return -1;
  }
  close(there);
  return home;
}

bool lv_namespace_leave(int home, lv_fault *fault) {
  bool is_back = setns(home, CLONE_NEWNET) == 0;
  if (!is_back) fail(fault, "setns");
  close(home);
  return is_back;
}

bool lv_interface_find(const char *name, lv_interface *interface, lv_fault *fault) {
  if (strlen(name) >= IFNAMSIZ) {
    errno = ENODEV;
    return fail(fault, "if_nametoindex");
  }
  int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return fail(fault, "socket");
  struct ifreq request;
  memset(&request, 0, sizeof request);
  strcpy(request.ifr_name, name);
  bool is_found = ioctl(descriptor, SIOCGIFINDEX, &request) == 0;
  interface->index = request.ifr_ifindex;
  is_found = is_found && ioctl(descriptor, SIOCGIFMTU, &request) == 0;
  interface->mtu = request.ifr_mtu;
  is_found = is_found && ioctl(descriptor, SIOCGIFHWADDR, &request) == 0;
  interface->hardware = request.ifr_hwaddr.sa_family;
  is_found = is_found && ioctl(descriptor, SIOCGIFFLAGS, &request) == 0;
  interface->is_up = request.ifr_flags & IFF_UP;
  if (!is_found) fail(fault, "ioctl(SIOCGIF...)");
  close(descriptor);
  return is_found;
}

bool lv_interface_is_running(int interface) {
  struct ifreq request;
  memset(&request, 0, sizeof request);
  int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return true;
  bool is_known =
      if_indextoname((unsigned)interface, request.ifr_name) && ioctl(descriptor, SIOCGIFFLAGS, &request) == 0;
  close(descriptor);
  return !is_known || (request.ifr_flags & (IFF_UP | IFF_RUNNING)) == (IFF_UP | IFF_RUNNING);
}

int lv_links_watch(lv_fault *fault) {
  int descriptor = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
  if (descriptor < 0) return fail(fault, "socket(AF_NETLINK)") - 1;
  struct sockaddr_nl address;
  memset(&address, 0, sizeof address);
  address.nl_family = AF_NETLINK;
  address.nl_groups = RTMGRP_LINK;
  if (bind(descriptor, (struct sockaddr *)&address, sizeof address) != 0) {
    fail(fault, "bind(AF_NETLINK)");
    close(descriptor);
    return -1;
  }
  return descriptor;
}

bool lv_links_changed(int descriptor) {
  char buffer[4096];
  bool has_changed = false;
  while (true) {
    ssize_t count = recv(descriptor, buffer, sizeof buffer, MSG_DONTWAIT | MSG_TRUNC);
    /* ENOBUFS: some were lost, which says that there were some. */
    if (count < 0 && errno != ENOBUFS && errno != EINTR) return has_changed;
    has_changed = true;
  }
}

void lv_wait(const int *descriptors, size_t count, int timeout_ms) {
  struct pollfd list[count + 1];
  for (size_t i = 0; i < count; i++) list[i] = (struct pollfd){descriptors[i], POLLIN, 0};
  if (poll(list, count, timeout_ms) <= 0) return;
  for (size_t i = 0; i < count; i++) {
    int code = 0;
    socklen_t size = sizeof code;
    if (list[i].revents & POLLERR) getsockopt(list[i].fd, SOL_SOCKET, SO_ERROR, &code, &size);
  }
}
