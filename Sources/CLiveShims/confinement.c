/*
 * Landlock (landlock(7)) and seccomp (seccomp(2)): what a run that has opened everything gives up for ever.
 *
 * Both hold for the thread that enters and for all that it makes; the filter for the threads there are, too. Neither can be left.
 * Debian 12's headers know Landlock's second version only: what came later is written here by its numbers (landlock(7), VERSIONS).
 */

#define _GNU_SOURCE
#include "CLiveShims.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <linux/landlock.h>
#include <linux/netlink.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the low half of an argument is taken to come first"
#endif
#if defined __x86_64__
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined __aarch64__
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#error "the filter knows the system calls of x86-64 and ARM64"
#endif

static bool fail(lv_fault *fault, const char *call) {
  fault->code = errno;
  fault->call = call;
  return false;
}

/* ---- Landlock ---- */

enum {
  FIRST_RIGHTS = (1 << 13) - 1, /* LANDLOCK_ACCESS_FS_EXECUTE to LANDLOCK_ACCESS_FS_MAKE_SYM */
  TRUNCATE = 1 << 14,           /* version 3 */
  DEVICE_IOCTL = 1 << 15,       /* version 5 */
  BIND_TCP = 1 << 0,            /* version 4 */
  SCOPES = 1 << 0 | 1 << 1,     /* version 6: abstract sockets and signals stay inside */
};

typedef struct ruleset {
  uint64_t files;
  uint64_t network;
  uint64_t scopes;
} ruleset;

/* What is handled is forbidden but where a rule allows it. */
static size_t describe(int version, ruleset *rules) {
  *rules = (ruleset){FIRST_RIGHTS, 0, 0};
  if (version >= 2) rules->files |= LANDLOCK_ACCESS_FS_REFER;
  if (version >= 3) rules->files |= TRUNCATE;
  if (version >= 4) rules->network = BIND_TCP;
  if (version >= 5) rules->files |= DEVICE_IOCTL;
  if (version >= 6) rules->scopes = SCOPES;
  return version >= 6 ? sizeof *rules : version >= 4 ? 2 * sizeof(uint64_t) : sizeof(uint64_t);
}

static uint64_t rights(uint8_t access) {
  const uint64_t read = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
  switch (access) {
  case LV_READ: return read;
  case LV_REMOVE: return LANDLOCK_ACCESS_FS_REMOVE_FILE;
  default:
    return read | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE | TRUNCATE;
  }
}

/* A folder that is not there, or that this user cannot reach, could not be used either way. */
static bool allow_below(int list, const lv_folder *folder, uint64_t handled, lv_fault *fault) {
  int descriptor = open(folder->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return errno == ENOENT || errno == EACCES || errno == ENOTDIR || fail(fault, "open(O_PATH)");
  struct landlock_path_beneath_attr rule = {rights(folder->access) & handled, descriptor};
  bool is_added = syscall(SYS_landlock_add_rule, list, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
  if (!is_added) fail(fault, "landlock_add_rule");
  close(descriptor);
  return is_added;
}

int lv_landlock_version(lv_fault *fault) {
  long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (version < 1) fail(fault, "landlock_create_ruleset");
  return version < 1 ? 0 : (int)version;
}

bool lv_landlock_enter(int version, const lv_folder *folders, size_t count, lv_fault *fault) {
  ruleset rules;
  size_t size = describe(version, &rules);
  int list = (int)syscall(SYS_landlock_create_ruleset, &rules, size, 0);
  if (list < 0) return fail(fault, "landlock_create_ruleset");
  bool is_right = true;
  for (size_t i = 0; i < count && is_right; i++) is_right = allow_below(list, &folders[i], rules.files, fault);
  if (is_right && syscall(SYS_landlock_restrict_self, list, 0) != 0) is_right = fail(fault, "landlock_restrict_self");
  close(list);
  return is_right;
}

/* ---- seccomp: what is not listed is EPERM ---- */

#define NUMBER BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))
#define LOW(n) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[n]))
#define HIGH(n) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[n]) + 4)
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define REFUSE(code) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (code))
/* The next instruction, if it is so; else the one after it. */
#define IF_IS(value) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, 1)
#define IF_HAS(bits) BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (bits), 0, 1)

enum { LONGEST = 512 };

typedef struct program {
  struct sock_filter code[LONGEST];
  unsigned short length;
} program;

static void add(program *to, const struct sock_filter *code, size_t count) {
  for (size_t i = 0; i < count && to->length < LONGEST; i++) to->code[to->length++] = code[i];
}

/* Instructions for one system call, which end it: where another one is made the number is still loaded behind them. */
static void judge(program *to, unsigned number, const struct sock_filter *code, size_t count) {
  const struct sock_filter skip = BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, (uint8_t)count);
  add(to, &skip, 1);
  add(to, code, count);
}

#define JUDGE(to, number, ...)                                        \
  do {                                                                \
    const struct sock_filter code[] = {__VA_ARGS__};                  \
    judge((to), (number), code, sizeof code / sizeof *code);          \
  } while (0)

/* Allowed whatever the arguments. What became old, and some machines do not have, stands below. */
static const unsigned plain[] = {
    /* packets */
    SYS_sendmmsg, SYS_sendmsg, SYS_sendto, SYS_recvfrom, SYS_recvmsg, SYS_recvmmsg, SYS_bind, SYS_connect, SYS_getsockopt,
    SYS_getsockname, SYS_getpeername, SYS_accept, SYS_accept4, SYS_shutdown,
    /* waiting, time */
    SYS_ppoll, SYS_pselect6, SYS_epoll_create1, SYS_epoll_ctl, SYS_epoll_pwait, SYS_timerfd_create, SYS_timerfd_settime,
    SYS_timerfd_gettime, SYS_eventfd2, SYS_futex, SYS_nanosleep, SYS_clock_nanosleep, SYS_clock_gettime, SYS_clock_getres,
    SYS_gettimeofday, SYS_restart_syscall,
    /* files: which, Landlock says; but modes, owners and times are nobody's to change, since it does not look at those */
    SYS_read, SYS_readv, SYS_pread64, SYS_preadv, SYS_write, SYS_writev, SYS_pwrite64, SYS_pwritev, SYS_openat, SYS_close,
    SYS_lseek, SYS_fstat, SYS_newfstatat, SYS_statx, SYS_faccessat, SYS_faccessat2, SYS_readlinkat, SYS_getdents64, SYS_getcwd,
    SYS_fcntl, SYS_flock, SYS_ftruncate, SYS_fallocate, SYS_fadvise64, SYS_fsync, SYS_fdatasync, SYS_unlinkat, SYS_statfs,
    SYS_fstatfs, SYS_pipe2, SYS_dup, SYS_dup3,
    /* memory, threads */
    SYS_munmap, SYS_mremap, SYS_madvise, SYS_brk, SYS_membarrier, SYS_gettid, SYS_set_robust_list, SYS_set_tid_address, SYS_rseq,
    SYS_exit, SYS_exit_group, SYS_sched_yield, SYS_sched_getaffinity, SYS_sched_setaffinity, SYS_sched_getparam,
    SYS_sched_getscheduler, SYS_sched_get_priority_min, SYS_sched_get_priority_max, SYS_getpriority, SYS_setpriority, SYS_getcpu,
    SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_sigaltstack,
    /* about itself */
    SYS_getpid, SYS_getppid, SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid, SYS_getresuid, SYS_getresgid, SYS_capget,
    SYS_getrusage, SYS_times, SYS_sysinfo, SYS_uname, SYS_getrandom,
#ifdef __x86_64__
    SYS_poll, SYS_select, SYS_epoll_wait, SYS_open, SYS_stat, SYS_lstat, SYS_access, SYS_readlink, SYS_unlink, SYS_pipe, SYS_dup2,
    SYS_time,
#endif
};

/* No program, no other process, no memory that becomes code, no socket but those of the run. */
static void judge_processes(program *to) {
  const unsigned spaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
  JUDGE(to, SYS_clone, LOW(0), IF_HAS(spaces), REFUSE(EPERM), IF_HAS(CLONE_THREAD), ALLOW, REFUSE(EPERM));
  /* Its flags are out of reach; libc then takes clone. */
  JUDGE(to, SYS_clone3, REFUSE(ENOSYS));
  JUDGE(to, SYS_tgkill, LOW(0), IF_IS((unsigned)getpid()), ALLOW, REFUSE(EPERM));
  JUDGE(to, SYS_mmap, LOW(2), IF_HAS(PROT_EXEC), REFUSE(EPERM), ALLOW);
  JUDGE(to, SYS_mprotect, LOW(2), IF_HAS(PROT_EXEC), REFUSE(EPERM), ALLOW);
  JUDGE(to, SYS_prctl, LOW(0), IF_IS(PR_SET_NAME), ALLOW, IF_IS(PR_GET_NAME), ALLOW, REFUSE(EPERM));
  /* Limits are asked for, not set. */
  JUDGE(to, SYS_prlimit64, LOW(2), IF_IS(0), HIGH(2), IF_IS(0), ALLOW, REFUSE(EPERM));
}

static void judge_sockets(program *to) {
  JUDGE(
      to, SYS_socket, LOW(0), IF_IS(AF_INET), ALLOW, IF_IS(AF_INET6), ALLOW, IF_IS(AF_PACKET), ALLOW,
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_NETLINK, 0, 3), LOW(2), IF_IS(NETLINK_ROUTE), ALLOW, REFUSE(EPERM));
  /* Of a packet socket this is what makes an interface promiscuous. */
  JUDGE(
      to, SYS_setsockopt, LOW(1), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SOL_PACKET, 0, 3), LOW(2), IF_IS(PACKET_ADD_MEMBERSHIP),
      REFUSE(EPERM), ALLOW);
  JUDGE(
      to, SYS_ioctl, LOW(1), IF_IS(SIOCGIFINDEX), ALLOW, IF_IS(SIOCGIFNAME), ALLOW, IF_IS(SIOCGIFMTU), ALLOW,
      IF_IS(SIOCGIFHWADDR), ALLOW, IF_IS(SIOCGIFFLAGS), ALLOW, IF_IS(FIONREAD), ALLOW, IF_IS(FIONBIO), ALLOW, IF_IS(TCGETS),
      ALLOW, IF_IS(TIOCGWINSZ), ALLOW, REFUSE(EPERM));
}

bool lv_seccomp_is_known(lv_fault *fault) {
  uint32_t action = SECCOMP_RET_ERRNO;
  return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0 || fail(fault, "seccomp");
}

bool lv_seccomp_enter(lv_fault *fault) {
  program all = {.length = 0};
  const struct sock_filter head[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0), REFUSE(EPERM), NUMBER};
  add(&all, head, sizeof head / sizeof *head);
  for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) JUDGE(&all, plain[i], ALLOW);
  judge_sockets(&all);
  judge_processes(&all);
  const struct sock_filter tail = REFUSE(EPERM);
  add(&all, &tail, 1);
  /* Cut short it would end without a verdict, which the kernel refuses. */
  struct sock_fprog filter = {all.length, all.code};
  return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter) == 0 || fail(fault, "seccomp");
}
