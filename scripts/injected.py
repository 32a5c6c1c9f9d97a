"""System calls that fail: each of several on its 1st to 20th call after the program has begun its work, by `strace -e inject`,
in an offline run and in a live one. For scripts/faults --inject.

What the loader and the C library do before the program opens its first file is left out: those faults are theirs. Where a run makes a call less often than that,
or never, there is nothing to inject. The n-th call is counted for each thread by itself, as strace does.

A fault is well met if the run ends by itself, without a signal, and: with 0 only if the output is whole (offline: byte for byte that
of a run without a fault; live: everything adds up, up to what the sender sent and the receiver got); else the error is told.
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
MOST = 20


class Way:
    """A run of one kind. `run(wrapper)` gives its exit code and what is wrong with its result."""

    def __init__(self, laboratory):
        self.laboratory = laboratory


class Offline(Way):
    name = "offline"

    def prepare(self):
        examples = os.path.join(ROOT, "examples")
        self.command = [
            self.laboratory.moontap, "run", f"{examples}/policies/web-to-ids.lua", "--inventory",
            f"{examples}/inventories/campus.json", "--read", f"{examples}/captures/campus.pcap", "--write",
            self.laboratory.path("copies"),
        ]
        self.first = "web-to-ids.lua"
        status, _ = self.run([])
        assert status == 0
        self.whole = self.digest()

    def digest(self):
        folder = self.laboratory.path("copies")
        names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
        return [(name, hashlib.sha256(open(os.path.join(folder, name), "rb").read()).hexdigest()) for name in names]

    def run(self, wrapper):
        shutil.rmtree(self.laboratory.path("copies"), ignore_errors=True)
        with open(self.laboratory.path("said"), "w") as said, open(self.laboratory.path("summary"), "w") as summary:
            try:
                status = subprocess.run(wrapper + self.command, stdout=summary, stderr=said, timeout=20).returncode
            except subprocess.TimeoutExpired:
                return None, ["does not end"]
        wrong = []
        if status == 0 and hasattr(self, "whole"):
            if self.digest() != self.whole:
                wrong.append("exit code 0, and the copies are not whole")
            if "wrote 2 captures" not in self.laboratory.read("summary"):
                wrong.append("exit code 0, and the summary is not whole")
        return status, wrong


class Live(Way):
    name = "live"
    first = "policy.lua"

    def prepare(self):
        status, wrong = self.run([])
        assert status == 0 and not wrong, wrong

    def run(self, wrapper):
        lab = self.laboratory
        before = lab.counter("w1", "eth0", "tx_packets"), lab.counter("r", "vx0", "rx_packets")
        engine = lab.engine("--capture-wait", "1", "--recovery", "1", "--probe", "icmp", wrapper=wrapper)
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
        interface = next((i for i in summary["live"]["interfaces"] if i["name"] == "tap-web1"), None)
        observed = sum(packets(e["observed"]) for e in mirror["enis"] if e["eni"] == "eni-web1" and e["direction"] == "out")
        reached = observed + (interface["lost"] if interface else 0)
        told = "tap-web1" in lab.read("said").replace("capturing on tap-web1", "")
        if reached < sent and not told:
            wrong.append(f"{sent} sent, {observed} observed, and nothing said")
        return status, wrong


def calls(way, trace):
    """Of the thread that makes a call most often: how often before the program's work begins, and how often then."""
    wrapper = ["strace", "-D", "-f", "-qq", "-o", trace, "-e", "trace=" + ",".join("?" + call for call in CALLS)]
    way.run(wrapper)
    time.sleep(0.2)
    before, after = {}, {}
    has_begun = False
    for line in open(trace):
        found = re.match(r"(\d+) +(\w+)\(", line)
        if not found:
            continue
        thread, call = found.groups()
        if call == "openat" and way.first in line:
            has_begun = True
        counts = after if has_begun else before
        counts.setdefault(call, Counter())[thread] += 1
    busiest = {call: threads.most_common(1)[0] for call, threads in after.items()}
    return {call: (before.get(call, Counter())[thread], count) for call, (thread, count) in busiest.items()}


def faults(way, trace):
    counts = calls(way, trace)
    plan = {}
    for call, errors in CALLS.items():
        before, after = counts.get(call, (0, 0))
        for number in range(1, min(MOST, after) + 1):
            # Two errors each, in turn, and every error on the first call.
            chosen = errors if number == 1 else [errors[number % len(errors)], errors[(number + 1) % len(errors)]]
            plan |= {(call, error, before + number): None for error in chosen}
    return list(plan)


def is_reached(way, trace):
    """The fault was injected, and not into the loader."""
    if not os.path.exists(trace):
        return False
    text = open(trace).read()
    injected = text.find("(INJECTED)")
    return injected >= 0 and way.first in text[:injected]


def verdict(way, status, wrong):
    if status is not None and (status < 0 or status >= 128):
        return [f"ended by a signal: {status}"]
    if status not in (0, None) and not way.laboratory.read("said").strip():
        return wrong + [f"exit code {status}, and nothing said"]
    return wrong


def inject(laboratory, sample):
    trace = laboratory.path("trace")
    table, failures, total = {}, [], 0
    ways = [Offline(laboratory), Live(laboratory)]
    plans = []
    for way in ways:
        way.prepare()
        plans += [(way, *fault) for fault in faults(way, trace)]
    if sample:
        plans = plans[:: max(1, len(plans) // sample)][:sample]
    print(f"{len(plans)} faults", flush=True)
    for way, call, error, number in plans:
        if os.path.exists(trace):
            os.remove(trace)
        rule = f"inject={call}:error={error}:when={number}"
        status, wrong = way.run(
            ["strace", "-D", "-f", "-qq", "-o", trace, "-e", f"trace={call},openat", "-e", rule])
        time.sleep(0.02)
        row = table.setdefault((way.name, call), Counter())
        if not is_reached(way, trace):
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
