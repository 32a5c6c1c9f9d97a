"""System calls that fail: each of several on its 1st to 20th call, by `strace -e inject`, in an offline run, in a live one that also
records, and in a change of the store. For scripts/faults --inject.

The program waits for its inventory, which comes through a FIFO, until strace has attached itself: what the loader and the C library did
before is left out, since those faults are theirs. Where a run makes a call less often than that, or never, there is nothing to inject.
The n-th call is counted for each thread by itself, as strace does.

A fault is well met if the run ends by itself, without a signal, and: with 0 only if the output is whole (offline: byte for byte that
of a run without a fault; live: everything adds up, up to what the sender sent and the receiver got; store: the change is in it); else the error is told. The
store is sound in any case.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import time
from collections import Counter

from laboratory import ROOT, packets, run, violations

CALLS = {
    "write": ["ENOSPC", "EIO", "EINTR", "EAGAIN"],
    "pwrite64": ["ENOSPC", "EIO"],
    "writev": ["ENOSPC", "EIO"],
    "fsync": ["EIO", "ENOSPC"],
    "rename": ["EIO", "ENOSPC", "EPERM"],
    "renameat": ["EIO", "ENOSPC", "EPERM"],
    "openat": ["EIO", "EPERM", "ENOMEM"],
    "mmap": ["ENOMEM", "EAGAIN", "EPERM"],
    "read": ["EIO", "EINTR"],
    "sendto": ["ENOBUFS", "EPERM", "ENETDOWN"],
    "sendmsg": ["ENOBUFS", "EPERM"],
    "sendmmsg": ["ENOBUFS", "EINTR", "EAGAIN", "EPERM", "ENETDOWN", "EHOSTUNREACH", "ENOMEM"],
    "recvmsg": ["ENOBUFS", "EINTR", "ENOMEM"],
    "recvfrom": ["ENOBUFS", "EINTR", "ENOMEM"],
    "poll": ["EINTR", "ENOMEM", "EAGAIN"],
    "setsockopt": ["EPERM", "ENOMEM", "ENOBUFS"],
    "getsockopt": ["ENOBUFS", "ENOMEM"],
    "socket": ["EPERM", "ENOMEM", "ENOBUFS"],
    "bind": ["EPERM", "ENETDOWN", "ENOMEM"],
    "ioctl": ["EIO", "EPERM", "ENETDOWN"],
    "connect": ["EHOSTUNREACH", "ENETDOWN", "EAGAIN", "EPERM"],
}
# SQLite's; nothing else in such a command makes them, the loader neither.
STORE_CALLS = {
    "fsync": ["EIO", "ENOSPC"],
    "fdatasync": ["EIO", "ENOSPC"],
    "pwrite64": ["ENOSPC", "EIO"],
    "pread64": ["EIO"],
    "ftruncate": ["EIO", "ENOSPC"],
    "unlink": ["EIO", "EPERM"],
    "fcntl": ["EAGAIN", "ENOMEM"],
}
MOST = 20


class Way:
    """A run of one kind. `run(options)` gives its exit code and what is wrong with its result; options are strace's, nil for none."""

    calls = CALLS

    def __init__(self, laboratory, inventory):
        self.laboratory = laboratory
        self.trace = laboratory.path("trace")
        self.fifo = laboratory.path("inventory.fifo")
        with open(inventory, encoding="utf-8") as file:
            self.inventory = file.read()
        self.tracer = None

    def make_fifo(self):
        for path in (self.fifo, self.trace):
            if os.path.exists(path):
                os.remove(path)
        os.mkfifo(self.fifo)

    def begun(self, child, options):
        """Attaches strace, then gives the program its inventory."""
        if options is not None:
            # It stands before its inventory, with all that the loader does behind it.
            wait(lambda: child.poll() is not None or "inventory.fifo" in opening(child.pid))
            self.tracer = subprocess.Popen(["strace", "-f", "-qq", "-o", self.trace, *options, "-p", str(child.pid)])
            wait(lambda: child.poll() is not None or is_traced(child.pid))
        try:
            wait(lambda: child.poll() is not None or self.feed())
        except BrokenPipeError:
            pass

    def feed(self):
        try:
            descriptor = os.open(self.fifo, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            return False
        os.set_blocking(descriptor, True)
        with os.fdopen(descriptor, "w") as file:
            file.write(self.inventory)
        return True

    def ended(self):
        if self.tracer:
            self.tracer.wait(10)
            self.tracer = None


def wait(condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.005)


def opening(pid):
    """The path that a thread of the process waits to open, as far as it can be seen: openat's second argument is one in its memory."""
    for thread in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{thread}/syscall", encoding="ascii") as file:
                words = file.read().split()
            if len(words) > 3 and words[0] in ("257", "56"):  # openat of x86-64, of ARM64
                with open(f"/proc/{pid}/mem", "rb") as memory:
                    memory.seek(int(words[2], 16))
                    return memory.read(256).split(b"\0")[0].decode(errors="replace")
        except (OSError, ValueError):
            continue
    return ""


def is_traced(pid):
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
        return all("TracerPid:\t0\n" not in open(f"/proc/{pid}/task/{task}/status", encoding="utf-8").read() for task in tasks)
    except OSError:
        return False


class Offline(Way):
    name = "offline"

    def __init__(self, laboratory):
        examples = os.path.join(ROOT, "examples")
        super().__init__(laboratory, f"{examples}/inventories/campus.json")
        self.command = [
            laboratory.moontap, "run", f"{examples}/policies/web-to-ids.lua", "--inventory", self.fifo,
            "--read", f"{examples}/captures/campus.pcap", "--write", laboratory.path("copies"),
        ]

    def prepare(self):
        status, _ = self.run(None)
        assert status == 0
        self.whole = self.digest()

    def digest(self):
        folder = self.laboratory.path("copies")
        names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
        return [(name, hashlib.sha256(open(os.path.join(folder, name), "rb").read()).hexdigest()) for name in names]

    def run(self, options):
        shutil.rmtree(self.laboratory.path("copies"), ignore_errors=True)
        self.make_fifo()
        with open(self.laboratory.path("said"), "w") as said, open(self.laboratory.path("summary"), "w") as summary:
            child = subprocess.Popen(self.command, stdout=summary, stderr=said)
            self.begun(child, options)
            try:
                status = child.wait(20)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
                return None, ["does not end"]
            finally:
                self.ended()
        wrong = []
        if status == 0 and hasattr(self, "whole"):
            if self.digest() != self.whole:
                wrong.append("exit code 0, and the copies are not whole")
            if "wrote 2 captures" not in self.laboratory.read("summary"):
                wrong.append("exit code 0, and the summary is not whole")
        return status, wrong


class Live(Way):
    name = "live"

    def __init__(self, laboratory):
        super().__init__(laboratory, laboratory.path("inventory.json"))

    def prepare(self):
        status, wrong = self.run(None)
        assert status == 0 and not wrong, wrong

    def run(self, options):
        try:
            return self.run_once(options)
        finally:
            self.ended()

    def run_once(self, options):
        lab = self.laboratory
        before = lab.counter("w1", "eth0", "tx_packets"), lab.counter("r", "vx0", "rx_packets")
        self.make_fifo()
        shutil.rmtree(lab.path("recording"), ignore_errors=True)
        os.mkdir(lab.path("recording"))
        engine = lab.engine(
            "--capture-wait", "1", "--recovery", "1", "--probe", "icmp", "--write", lab.path("recording"), inventory="inventory.fifo",
            begun=lambda child: self.begun(child, options))
        if lab.is_ready:
            run(*lab.inside("w1", "ping", "-q", "-c", "30", "-i", "0.02", "-W", "1", "10.20.1.12"))
            time.sleep(0.1)
        sent = lab.counter("w1", "eth0", "tx_packets") - before[0]
        status = lab.end(engine)
        if status is None:
            return None, ["does not end"]
        if status != 0:
            return status, []
        try:
            summary = json.loads(lab.read("summary"))
        except ValueError:
            return status, ["exit code 0, and the summary is not whole"]
        wrong = violations(summary)
        mirror = summary["mirrors"][0]
        delivered = sum(packets(receiver["delivered"]) for receiver in mirror["receivers"])
        got = lab.counter("r", "vx0", "rx_packets") - before[1]
        if delivered != got:
            wrong.append(f"{delivered} delivered, {got} received")
        recording = summary["live"]["recording"]
        kept = recording["packets"] + sum(recording["lost"].values())
        if kept != packets(mirror["collected"]):
            wrong.append(f"{packets(mirror['collected'])} collected, {kept} recorded or lost")
        interface = next((i for i in summary["live"]["interfaces"] if i["name"] == "tap-web1"), None)
        observed = sum(packets(e["observed"]) for e in mirror["enis"] if e["eni"] == "eni-web1" and e["direction"] == "out")
        reached = observed + (interface["lost"] if interface else 0)
        told = "tap-web1" in lab.read("said").replace("capturing on tap-web1", "")
        if reached < sent and not told:
            wrong.append(f"{sent} sent, {observed} observed, and nothing said")
        return status, wrong


class Stored(Way):
    name = "store"
    calls = STORE_CALLS

    def __init__(self, laboratory):
        super().__init__(laboratory, os.path.join(ROOT, "examples/inventories/campus.json"))
        self.folder = laboratory.path("store")

    def moontap(self, *words):
        return [self.laboratory.moontap, *words, "--store", os.path.join(self.folder, "moontap.db")]

    def prepare(self):
        status, wrong = self.run(None)
        assert status == 0 and not wrong, wrong

    def run(self, options):
        shutil.rmtree(self.folder, ignore_errors=True)
        os.mkdir(self.folder)
        run(*self.moontap("inventory", "import", os.path.join(ROOT, "examples/inventories/campus.json")))
        if os.path.exists(self.trace):
            os.remove(self.trace)
        tracer = ["strace", "-f", "-qq", "-o", self.trace, *options] if options else []
        create = self.moontap(
            "mirror", "create", "--name", "m", "--vpc", "vpc-campus", "--whole-vpc", "--receivers", "10.50.9.10")
        with open(self.laboratory.path("said"), "w") as said:
            try:
                status = subprocess.run([*tracer, *create], stdout=subprocess.DEVNULL, stderr=said, timeout=20).returncode
            except subprocess.TimeoutExpired:
                return None, ["does not end"]
        wrong = []
        check = subprocess.run(self.moontap("store", "check"), capture_output=True, text=True)
        if check.returncode != 0:
            wrong.append("the store is not sound: " + check.stderr.strip())
        elif status == 0:
            names = [mirror["definition"]["name"] for mirror in json.loads(run(*self.moontap("mirror", "list", "--json")))["mirrors"]]
            if names != ["m"]:
                wrong.append(f"exit code 0, and the store has {names}")
        return status, wrong


def calls(way):
    """How often the thread that makes a call most often makes it."""
    way.run(["-e", "trace=" + ",".join("?" + call for call in way.calls)])
    counts = {}
    for line in open(way.trace):
        found = re.match(r"(\d+) +(\w+)\(", line)
        if found:
            counts.setdefault(found.group(2), Counter())[found.group(1)] += 1
    return {call: max(threads.values()) for call, threads in counts.items()}


def faults(way):
    counts = calls(way)
    plan = {}
    for call, errors in way.calls.items():
        for number in range(1, min(MOST, counts.get(call, 0)) + 1):
            # Two errors each, in turn, and every error on the first call.
            chosen = errors if number == 1 else [errors[number % len(errors)], errors[(number + 1) % len(errors)]]
            plan |= {(call, error, number): None for error in chosen}
    return list(plan)


def verdict(way, status, wrong):
    if status is not None and (status < 0 or status >= 128):
        return [f"ended by a signal: {status}"]
    if status not in (0, None) and not way.laboratory.read("said").strip():
        return wrong + [f"exit code {status}, and nothing said"]
    return wrong


def inject(laboratory, sample):
    table, failures, total = {}, [], 0
    ways = [Offline(laboratory), Live(laboratory), Stored(laboratory)]
    plans = []
    for way in ways:
        way.prepare()
        plans += [(way, *fault) for fault in faults(way)]
    if sample:
        plans = plans[:: max(1, len(plans) // sample)][:sample]
    print(f"{len(plans)} faults", flush=True)
    for way, call, error, number in plans:
        status, wrong = way.run(["-e", "trace=" + call, "-e", f"inject={call}:error={error}:when={number}"])
        row = table.setdefault((way.name, call), Counter())
        if not os.path.exists(way.trace) or "(INJECTED)" not in open(way.trace).read():
            row["not reached"] += 1
            continue
        total += 1
        wrong = verdict(way, status, wrong)
        row["whole" if status == 0 else "told"] += 1
        if wrong:
            row["wrong"] += 1
            failures.append(f"{way.name}: {call} number {number} fails with {error}: {'; '.join(wrong)}")
            print(failures[-1], flush=True)
    print(f"\n{'run':10}{'call':12}{'exit 0':>8}{'told':>8}{'not reached':>13}{'wrong':>7}")
    for (name, call), row in table.items():
        print(f"{name:10}{call:12}{row['whole']:8}{row['told']:8}{row['not reached']:13}{row['wrong']:7}")
    print(f"{total} faults injected, {len(failures)} not well met")
    return 1 if failures else 0
