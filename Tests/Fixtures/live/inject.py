"""Makes system calls inside a running process, as its own code would (ptrace(2)), and prints what the kernel answers.

    inject.py PID < calls       one call a line: NAME ARGUMENT...; a number, 'text', or @N: what the N-th call (from 0) gave

Prints for each call its name and the result, or the name of the error. x86-64 only. The process goes on afterwards.
"""
import ctypes, errno, os, re, struct, sys

NUMBERS = dict(getpid=39, openat=257, close=3, socket=41, setsockopt=54, ioctl=16, execve=59, ptrace=101, process_vm_readv=310,
               bpf=321, mount=165, unshare=272, setns=308, keyctl=250, mmap=9, mprotect=10, clone=56, clone3=435, kill=62, tgkill=234,
               fchmodat=268, fchmod=91, fchown=93, chown=92, unlink=87, rename=82, mkdir=83, symlink=88, truncate=76, link=86, init_module=175,
               perf_event_open=298, userfaultfd=323, io_uring_setup=425, prctl=157, seccomp=317, setuid=105, prlimit64=302,
               bind=49, listen=50, pidfd_getfd=438, memfd_create=319, personality=135, reboot=169, fork=57, vfork=58,
               execveat=322, capset=126, socketpair=53, connect=42, write=1)
ATTACH, DETACH, GETREGS, SETREGS, SINGLESTEP = 16, 17, 12, 13, 9
REGISTERS = "r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss fs_base gs_base ds es fs gs".split()
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.restype = ctypes.c_long
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


def ptrace(request, address=None, data=None):
    if libc.ptrace(request, pid, address, data) == -1:
        raise OSError(ctypes.get_errno(), f"ptrace({request})")


def registers():
    values = (ctypes.c_ulonglong * 27)()
    ptrace(GETREGS, None, ctypes.cast(values, ctypes.c_void_p))
    return dict(zip(REGISTERS, values))


def set_registers(registers):
    values = (ctypes.c_ulonglong * 27)(*[registers[name] for name in REGISTERS])
    ptrace(SETREGS, None, ctypes.cast(values, ctypes.c_void_p))


def syscall_instruction():
    """An address in libc's code that holds `syscall`: what the process would use itself."""
    for line in open(f"/proc/{pid}/maps"):
        if "r-xp" in line and "/libc.so" in line:
            start, end = (int(text, 16) for text in line.split()[0].split("-"))
            memory.seek(start)
            found = memory.read(end - start).find(b"\x0f\x05")
            if found >= 0:
                return start + found
    sys.exit("no syscall instruction found")


def call(name, arguments):
    now = dict(before)
    room = before["rsp"] - 2048 & ~15
    values = []
    for argument in arguments:
        if isinstance(argument, bytes):
            memory.seek(room)
            memory.write(argument + b"\0")
            values.append(room)
            room += len(argument) + 16 & ~15
        else:
            values.append(argument)
    now.update(rax=NUMBERS[name], orig_rax=2**64 - 1, rip=instruction)
    now.update(zip(["rdi", "rsi", "rdx", "r10", "r8", "r9"], (value % 2**64 for value in values + [0] * 6)))
    set_registers(now)
    ptrace(SINGLESTEP)
    _, status = os.waitpid(pid, 0)
    if not os.WIFSTOPPED(status):
        sys.exit(f"{name}: the process has ended ({status})")
    return struct.unpack("q", struct.pack("Q", registers()["rax"]))[0]


def argument(text):
    if text.startswith("'"):
        return text[1:-1].encode().decode("unicode_escape").encode("latin-1")
    return results[int(text[1:])] if text.startswith("@") else int(text, 0)


pid = int(sys.argv[1])
ptrace(ATTACH)
os.waitpid(pid, 0)
memory = open(f"/proc/{pid}/mem", "r+b", buffering=0)
instruction = syscall_instruction()
before = registers()
results = []
try:
    for line in sys.stdin:
        name, *words = re.findall(r"'[^']*'|\S+", line)
        results.append(call(name, [argument(word) for word in words]))
        print(name, results[-1] if results[-1] >= 0 else errno.errorcode[-results[-1]])
finally:
    set_registers(before)
    ptrace(DETACH)
