"""Network namespaces and a live engine, for scripts/faults and scripts/soak: a host with a bridge; web1, web2 and web3 behind
tap-web1, ...; a receiver with a vxlan device for VNI 7. The namespaces bear the process's number, and go with it."""

import atexit
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def run(*command, check=True):
    done = subprocess.run(command, capture_output=True, text=True)
    if check and done.returncode != 0:
        sys.exit(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def binary(given):
    """The program under test: as given, or a release build."""
    if given:
        return os.path.abspath(given)
    build = ["swift", "build", "--configuration", "release", "--static-swift-stdlib", "--product", "moontap"]
    subprocess.run(build, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return os.path.join(ROOT, ".build/release/moontap")


def median(values):
    values = sorted(values)
    middle = len(values) // 2
    return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2


class Laboratory:
    WEBS = (1, 2, 3)

    def __init__(self, moontap):
        if os.geteuid() != 0:
            sys.exit("network namespaces need root")
        self.moontap = moontap
        self.prefix = f"mtf{os.getpid()}"
        self.folder = tempfile.mkdtemp(prefix="moontap-faults-")
        self.children = []
        self.mounts = []
        atexit.register(self.close)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        for name in ("h", "w1", "w2", "w3", "r"):
            self.add_namespace(name)
        self.ip("h", "link add br0 type bridge")
        self.ip("h", "link set br0 up")
        for web in self.WEBS:
            self.plug(web)
        self.add_receiver()
        for one, other in ((1, 2), (2, 1)):
            self.ip(f"w{one}", f"neigh replace 10.20.1.1{other} lladdr 02:00:0a:14:01:0{other} dev eth0 nud permanent")
        self.write("inventory.json", json.dumps(self.inventory()))
        self.write(
            "policy.lua",
            'mirror { name = "m", vpc = "vpc-shop", source = source.subnet("subnet-web"), direction = "out",\n'
            '  target = target.receivers("10.20.9.10", { encapsulation = { vni = 7 } }) }\n',
        )

    def close(self):
        for child in self.children:
            if child.poll() is None:
                child.kill()
                child.wait()
        for name in ("h", "w1", "w2", "w3", "r"):
            run("ip", "netns", "del", self.prefix + name, check=False)
        for folder in self.mounts:
            run("umount", "-l", folder, check=False)
        subprocess.run(["rm", "-rf", self.folder], check=False)

    # Namespaces and cables

    def ip(self, name, arguments):
        return run("ip", "-n", self.prefix + name, *arguments.split())

    def inside(self, name, *command):
        return ["ip", "netns", "exec", self.prefix + name, *command]

    def add_namespace(self, name):
        run("ip", "netns", "add", self.prefix + name)
        self.ip(name, "link set lo up")
        run(*self.inside(name, "sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6"))

    def plug(self, web):
        self.ip("h", f"link add tap-web{web} type veth peer name eth0 netns {self.prefix}w{web}")
        self.ip(f"w{web}", f"link set eth0 address 02:00:0a:14:01:0{web}")
        self.ip(f"w{web}", f"addr add 10.20.1.1{web}/24 dev eth0")
        self.ip(f"w{web}", "link set eth0 up")
        self.ip("h", f"link set tap-web{web} master br0 up")

    def add_receiver(self):
        self.ip("h", f"link add to-ids type veth peer name eth0 netns {self.prefix}r")
        self.ip("h", "addr add 10.20.9.1/24 dev to-ids")
        self.ip("h", "link set to-ids up")
        self.ip("r", "addr add 10.20.9.10/24 dev eth0")
        self.ip("r", "link set eth0 up")
        self.ip("r", "link add vx0 type vxlan id 7 dstport 4789 local 10.20.9.10")
        self.ip("r", "link set vx0 up")

    @staticmethod
    def inventory():
        enis = [
            {"id": f"eni-web{web}", "subnet": "subnet-web", "mac": f"02:00:0a:14:01:0{web}",
             "addresses": [f"10.20.1.1{web}"], "interface": f"tap-web{web}"}
            for web in Laboratory.WEBS
        ]
        subnets = [
            {"id": name, "cidrs": [cidr], "routeTable": "rtb"}
            for name, cidr in (("subnet-web", "10.20.1.0/24"), ("subnet-ids", "10.20.9.0/24"))
        ]
        vpc = {"id": "vpc-shop", "cidrs": ["10.20.0.0/16"], "routeTables": [{"id": "rtb", "routes": []}],
               "subnets": subnets, "enis": enis}
        return {"format": "moontap.inventory/1", "regions": [{"id": "r", "vpcs": [vpc]}]}

    # Files and processes

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w") as file:
            file.write(text)
        return self.path(name)

    def read(self, name):
        with open(self.path(name)) as file:
            return file.read()

    def start(self, name, *command, out="out", err="err"):
        with open(self.path(out), "w") as output, open(self.path(err), "w") as errors:
            child = subprocess.Popen(self.inside(name, *command), stdout=output, stderr=errors)
        self.children.append(child)
        return child

    def await_text(self, child, file, text, times=1, seconds=60):
        end = time.monotonic() + seconds
        while self.read(file).count(text) < times:
            if child.poll() is not None or time.monotonic() > end:
                return False
            time.sleep(0.01)
        return True

    def engine(self, *more, inventory="inventory.json", begun=None):
        """A live engine; `begun` is called with it before it is waited for."""
        child = self.start(
            "h", self.moontap, "run", self.path("policy.lua"), "--inventory", self.path(inventory),
            "--live", "--json", *more, out="summary", err="said")
        if begun:
            begun(child)
        self.is_ready = self.await_text(child, "said", "capturing on")
        return child

    def end(self, engine, seconds=30):
        """Its exit code; below zero: a signal."""
        if engine.poll() is None:
            engine.send_signal(signal.SIGTERM)
        try:
            return engine.wait(seconds)
        except subprocess.TimeoutExpired:
            engine.kill()
            engine.wait()
            return None

    # Counts

    def counter(self, name, device, counter):
        return int(run(*self.inside(name, "cat", f"/sys/class/net/{device}/statistics/{counter}")))

    def production_losses(self):
        places = [("h", "tap-web1"), ("h", "tap-web2"), ("w1", "eth0"), ("w2", "eth0")]
        kinds = ("rx_dropped", "tx_dropped", "rx_errors", "tx_errors")
        return sum(self.counter(name, device, kind) for name, device in places for kind in kinds)


def packets(value):
    return value["packets"] if isinstance(value, dict) else value


def violations(summary):
    """What does not add up in a summary."""
    wrong = []
    mirror = summary["mirrors"][0]
    live = summary["live"]
    collected = sent = 0
    for receiver in mirror["receivers"]:
        drops = sum(packets(drop) for drop in receiver["drops"].values())
        delivered = packets(receiver["delivered"])
        collected += receiver["packets"]
        sent += delivered
        if receiver["packets"] != delivered + drops:
            wrong.append(f"{receiver['packets']} copies, {delivered} delivered and {drops} lost")
    if packets(mirror["collected"]) != collected:
        wrong.append(f"{packets(mirror['collected'])} collected, {collected} for receivers")
    for interface in live["interfaces"]:
        if interface["met"] != interface["read"] + interface["lost"]:
            wrong.append(f"{interface['name']}: met {interface['met']}, read {interface['read']}, lost {interface['lost']}")
    records = sum(interface["records"] for interface in live["interfaces"])
    if packets(summary["records"]) != records:
        wrong.append(f"{packets(summary['records'])} records, {records} of interfaces")
    if sent != sum(receiver["sent"] for receiver in live["receivers"]):
        wrong.append("delivered is not sent")
    return wrong
