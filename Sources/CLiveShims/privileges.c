/* Capabilities (capabilities(7)), by the system calls themselves: no library is needed for so little. */

#define _GNU_SOURCE
#include "CLiveShims.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

_Static_assert(LV_CAP_NET_RAW == CAP_NET_RAW && LV_CAP_SYS_ADMIN == CAP_SYS_ADMIN, "the kernel's numbers");

static bool fail(lv_fault *fault, const char *call) {
  fault->code = errno;
  fault->call = call;
  return false;
}

bool lv_has_capability(int capability) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2] = {{0, 0, 0}, {0, 0, 0}};
  if (syscall(SYS_capget, &header, data) != 0) return false;
  return data[capability / 32].effective >> (capability % 32) & 1;
}

static bool keep_only(int capability) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2] = {{0, 0, 0}, {0, 0, 0}};
  if (lv_has_capability(capability)) {
    data[capability / 32].effective = 1u << (capability % 32);
    data[capability / 32].permitted = 1u << (capability % 32);
  }
  return syscall(SYS_capset, &header, data) == 0;
}

/* Only a thread that may do so can narrow its bounding set; for the others no_new_privs says the same. */
static void narrow_bounds(void) {
  for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++)
    if (capability != LV_CAP_NET_RAW) prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
}

static bool become(int64_t user, int64_t group, lv_fault *fault) {
  if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) return fail(fault, "prctl(PR_SET_KEEPCAPS)");
  if (setgroups(0, NULL) != 0) return fail(fault, "setgroups");
  if (setresgid((gid_t)group, (gid_t)group, (gid_t)group) != 0) return fail(fault, "setresgid");
  if (setresuid((uid_t)user, (uid_t)user, (uid_t)user) != 0) return fail(fault, "setresuid");
  /* Changing the user has emptied the effective set. */
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2];
  if (syscall(SYS_capget, &header, data) != 0) return fail(fault, "capget");
  for (int i = 0; i < 2; i++) data[i].effective = data[i].permitted;
  return syscall(SYS_capset, &header, data) == 0 || fail(fault, "capset");
}

bool lv_drop_privileges(int64_t user, int64_t group, lv_fault *fault) {
  narrow_bounds();
  if (user >= 0 && !become(user, group, fault)) return false;
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 && errno != EINVAL)
    return fail(fault, "prctl(PR_CAP_AMBIENT)");
  if (!keep_only(LV_CAP_NET_RAW)) return fail(fault, "capset");
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 || fail(fault, "prctl(PR_SET_NO_NEW_PRIVS)");
}
