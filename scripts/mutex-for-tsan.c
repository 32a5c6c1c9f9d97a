/* Tells ThreadSanitizer what it cannot see of Swift's Mutex: its fast path is compiled into the program, as atomics that it
 * knows; the slow one, when two threads want it at once, is in the library, which is not instrumented, and there the kernel
 * hands the lock over (futex(2), FUTEX_LOCK_PI). What the first thread did before it would look unordered to the second.
 *
 * Preloaded by scripts/sanitize; in programs without ThreadSanitizer it adds nothing. The names are those of Swift 6's
 * libswiftSynchronization; if they are others one day, the reports are back. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>

#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context)) void *self

void __tsan_acquire(void *) __attribute__((weak));
void __tsan_release(void *) __attribute__((weak));

SWIFT void lock_slow(uint32_t thread, SELF) __asm__("$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF");
SWIFT bool try_lock_slow(SELF) __asm__("$s15Synchronization12_MutexHandleV12_tryLockSlowSbyF");
SWIFT void unlock_slow(SELF) __asm__("$s15Synchronization12_MutexHandleV11_unlockSlowyyF");

SWIFT void lock_slow(uint32_t thread, SELF) {
  SWIFT void (*theirs)(uint32_t, SELF) = dlsym(RTLD_NEXT, "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF");
  theirs(thread, self);
  if (__tsan_acquire) __tsan_acquire(self);
}

SWIFT bool try_lock_slow(SELF) {
  SWIFT bool (*theirs)(SELF) = dlsym(RTLD_NEXT, "$s15Synchronization12_MutexHandleV12_tryLockSlowSbyF");
  bool has_it = theirs(self);
  if (has_it && __tsan_acquire) __tsan_acquire(self);
  return has_it;
}

SWIFT void unlock_slow(SELF) {
  SWIFT void (*theirs)(SELF) = dlsym(RTLD_NEXT, "$s15Synchronization12_MutexHandleV11_unlockSlowyyF");
  if (__tsan_release) __tsan_release(self);
  theirs(self);
}
