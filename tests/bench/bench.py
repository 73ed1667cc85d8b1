# SPDX-License-Identifier: Apache-2.0
"""bench - measures postern beside native sockets, pasta and slirp4netns

All of it happens in a user and network namespace that this program makes for
itself, so that no setting of the machine changes; an ordinary user may run it.
"""

import argparse
import ctypes
import json
import os
import platform
import subprocess
import sys
import tempfile
import time

import measures
import modes as m
import report
from path import Path

HERE = os.path.dirname(os.path.abspath(__file__))
PR_SET_CHILD_SUBREAPER = 36
INSIDE = "POSTERN_BENCH_INSIDE"

def sh(*argv):
    """Runs a command of the set-up, which must succeed"""
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, timeout=10)


def set_up():
    """The bench's own machine: reno, loopback, a default route for pasta"""
    for name, value in (("tcp_congestion_control", "reno"),
                        ("ip_unprivileged_port_start", "0"),
                        # or who connects last searches longest for a port
                        ("ip_local_port_range", "6000 65535"),
                        ("tcp_tw_reuse", "1")):
        with open(f"/proc/sys/net/ipv4/{name}", "w", encoding="utf-8") as f:
            f.write(value)
    sh("ip", "link", "set", "lo", "up")
    sh("ip", "link", "add", "ext0", "type", "veth", "peer", "name", "ext1")
    sh("ip", "address", "add", "192.0.2.1/24", "dev", "ext0")
    sh("ip", "link", "set", "ext0", "up")
    sh("ip", "link", "set", "ext1", "up")
    sh("ip", "route", "add", "default", "via", "192.0.2.2")
    sh("ip", "address", "add", f"{m.NAMED}/32", "dev", "lo")
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as f:
        f.write(f"nameserver {m.NAMED}\n")
        f.flush()
        os.chmod(f.name, 0o644)
        sh("mount", "--bind", f.name, os.path.realpath("/etc/resolv.conf"))


class Bench:
    """The samples so far, by mode and column"""

    def __init__(self, contenders, args, spared):
        self.modes = contenders
        self.args = args
        self.spared = spared
        self.samples = {c.name: {} for c in contenders}
        self.samples["unshare"] = {}
        self.failures = []

    def put(self, name, values):
        """Adds a sample of some columns"""
        for key, value in values.items():
            self.samples[name].setdefault(key, []).append(value)

    def guarded(self, mode, what, call, *args):
        """One measurement; a contender that fails loses only that one"""
        try:
            self.put(mode.name, call(*args))
        except (OSError, RuntimeError, ValueError, KeyError,
                subprocess.SubprocessError) as e:
            self.failures.append(f"{mode.name}: {what}: {e}")

    def tcp(self, mode):
        """Both ways; of the variants one stream tells enough"""
        for way in "up", "down":
            for streams in (1,) if mode.variant else (1, 4, 16):
                # shares are even once all have started
                self.guarded(mode, f"{way}{streams}", measures.throughput,
                             mode, way, streams, 2 if streams == 16 else 1,
                             self.spared)

    def udp(self, mode):
        """Datagrams as fast as they go, both ways, and at a modest rate"""
        for case in (("udpup", 1472, "0", False), ("udpdown", 1472, "0", True),
                     ("udpslow", 1472, "500M", False),
                     ("udpbig", 65507, "0", False),
                     ("udpsmall", 64, "0", False)):
            if not mode.variant:
                self.guarded(mode, case[0], measures.datagrams, mode, *case, 1,
                             self.spared)

    def small(self, mode):
        """Request/response and connect/request/close"""
        for kind, pin in (("rr", True), ("crr", True), ("rr", False),
                          ("namecrr", True)):
            if pin and kind != "namecrr" or not mode.variant:
                self.guarded(mode, kind, measures.exchange, kind, mode,
                             self.args.ms, self.args.rr, self.spared, pin)

    def published(self, mode):
        """The same through published ports"""
        if mode.variant:
            return
        for way in "in", "out":
            self.guarded(mode, f"published {way}",
                         measures.published_throughput, mode, way, 1,
                         self.spared)
        for kind in "rr", "crr":
            self.guarded(mode, f"published {kind}",
                         measures.published_exchange, kind, mode,
                         self.args.ms, self.args.rr, self.spared)

    def crowd(self, mode):
        """Many flows, idle ones and busy ones"""
        if mode.variant:
            return
        for flows in (1000,) if self.args.quick else (1000, 10000):
            self.guarded(mode, f"{flows} idle flows", measures.crowd, mode,
                         flows, self.args.ms, self.args.rr, self.spared)
        self.guarded(mode, "busy flows", measures.busy_flows, mode, 1000,
                     self.args.rr, self.spared)

    def many(self, mode):
        """200 000 connections to one port"""
        if not mode.variant:
            self.guarded(mode, "many", measures.many, mode,
                         20000 if self.args.quick else 200000, self.args.rr,
                         self.spared)

    def starts(self, mode):
        """MODE -- true and MODE -- curl beside unshare"""
        if mode.name == "native":
            self.put("unshare", {"start":
                                 measures.wall_ms(["unshare", "-Urn", "true"])})
        if not mode.slirp_mtu and not mode.variant:
            self.guarded(mode, "start", measures.start, mode)

    def paths(self, rounds):
        """A server behind delay and loss; the same frames are lost to all"""
        path = Path(self.args.impair)
        try:
            for key, _, delay_ms, lost in report.PATHS:
                if self.args.quick and key not in ("d10", "l1"):
                    continue
                for seed in range(2 * rounds if lost else rounds):
                    for mode in self.modes:
                        if mode.variant:
                            continue
                        for way in "up", "down":
                            path.set(delay_ms, lost, seed + 1)
                            self.guarded(mode, f"{key} {way}",
                                         measures.far_throughput, mode, way,
                                         path, key, 1,
                                         self.spared + path.pids())
        finally:
            path.close()

    def all(self):
        """Everything that is asked for, A B C A B C"""
        quick, wanted = self.args.quick, self.args.measure
        for part, rounds, quick_rounds, call in (
                ("starts", 21, 7, self.starts), ("tcp", 5, 2, self.tcp),
                ("udp", 5, 1, self.udp), ("small", 5, 3, self.small),
                ("published", 5, 1, self.published),
                ("crowd", 3, 1, self.crowd), ("many", 1, 1, self.many)):
            began = time.monotonic()
            for _ in range(quick_rounds if quick else rounds):
                for mode in self.modes if part in wanted else []:
                    call(mode)
            if part in wanted:
                print(f"{part}: {time.monotonic() - began:.0f} s",
                      file=sys.stderr)
        if "paths" in wanted:
            self.paths(1 if quick else 5)


def about():
    """What the figures depend on"""
    cpu = ""
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        for line in f:
            if line.startswith("model name"):
                cpu = line.partition(":")[2].strip()
                break
    with open("/proc/sys/net/ipv4/tcp_congestion_control",
              encoding="utf-8") as f:
        control = f.read().strip()
    packages = subprocess.run(
        ["dpkg-query", "-W", "passt", "slirp4netns", "iperf3"], check=False,
        capture_output=True, text=True, timeout=10, stdin=subprocess.DEVNULL)
    return {"kernel": platform.release(), "cpu": cpu, "cores": os.cpu_count(),
            "congestion_control": control, "load": os.getloadavg(),
            "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
            "versions": packages.stdout.split("\n")[:-1]}


def decisions(postern, tmp):
    """What policy decides in how many ns: the lines of policy_decide.c"""
    top = os.path.dirname(os.path.dirname(HERE))
    build = os.path.dirname(os.path.abspath(postern))
    program = os.path.join(tmp, "decide")
    subprocess.run(["cc", "-O2", "-I", os.path.join(top, "src"), "-o", program,
                    os.path.join(HERE, "policy_decide.c"),
                    os.path.join(build, "libpostern-pure.a")],
                   check=True, timeout=60, stdin=subprocess.DEVNULL)
    out = subprocess.run([program], check=True, timeout=120,
                         stdin=subprocess.DEVNULL, capture_output=True)
    return [json.loads(line) for line in out.stdout.splitlines()]


def options():
    """The command line"""
    p = argparse.ArgumentParser(prog="bench", description=__doc__)
    p.add_argument("--postern", required=True)
    p.add_argument("--quick", action="store_true", help="fewer samples")
    p.add_argument("--json", metavar="FILE", help="the samples, all of them")
    p.add_argument("--svg", metavar="DIR", help="pictures, one a measure")
    p.add_argument("--pasta", metavar="PATH", help="one more pasta")
    p.add_argument("--against", metavar="PATH",
                   help="another build of postern, beside ours")
    p.add_argument("--modes", metavar="NAME,...",
                   help="these alone, such as native,sockets")
    p.add_argument("--measure", metavar="PART,...",
                   default="starts,tcp,udp,small,published,crowd,many,paths",
                   help="parts, of: %(default)s")
    args = p.parse_args()
    args.measure = args.measure.split(",")
    args.ms = 500
    return args


def contenders(args):
    """All modes, or those asked for"""
    pastas = [("pasta", "pasta")]
    if args.pasta:
        pastas.append(("pasta*", args.pasta))
    modes = m.all_modes(args.postern, pastas, args.old)
    if args.against:
        modes += m.of_postern(args.against, "*")
    if args.modes:
        names = args.modes.split(",")
        modes = [c for c in modes if c.name.rstrip("*") in names]
    return modes


def server(*argv):
    """A server of the bench, ended by its id"""
    return subprocess.Popen(argv, stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)


def pictures(bench, folder):
    """A file for each measure"""
    os.makedirs(folder, exist_ok=True)
    for key, _, _, _ in report.COLUMNS:
        text = report.picture(bench, key)
        if text:
            with open(os.path.join(folder, f"{key}.svg"), "w",
                      encoding="utf-8") as f:
                f.write(text)


def main():
    """Enters the namespace, measures, prints"""
    args = options()
    if INSIDE not in os.environ:
        env = dict(os.environ, **{INSIDE: "1"})
        os.execvpe("unshare", ["unshare", "-Urnm", sys.executable,
                               *sys.argv], env)
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    set_up()
    first = about()
    with tempfile.TemporaryDirectory() as tmp:
        os.chmod(tmp, 0o755)
        for name in "rr", "impair", "old":
            setattr(args, name, os.path.join(tmp, name))
            subprocess.run(["cc", "-O2", "-D_GNU_SOURCE", "-o",
                            os.path.join(tmp, name),
                            os.path.join(HERE, f"{name}.c")], check=True,
                           timeout=60, stdin=subprocess.DEVNULL)
        decided = decisions(args.postern, tmp)
        servers = [server("iperf3", "-s", "-B", "127.0.0.1", "-p",
                          str(m.TCP_PORT)),
                   server("taskset", "-c", "0", args.rr, "serve-all",
                          str(m.RR_PORT)),
                   server("taskset", "-c", "0", args.rr, "names", m.NAMED)]
        try:
            time.sleep(0.3)
            bench = Bench(contenders(args), args, [s.pid for s in servers])
            began = time.monotonic()
            bench.all()
        finally:
            for s in servers:
                s.terminate()
                s.wait()
    first["seconds"] = round(time.monotonic() - began)
    first["load_after"] = os.getloadavg()
    for key, value in first.items():
        print(f"{key}: {value}")
    print(report.table(bench))
    print(report.decisions_table(decided))
    for line in bench.failures:
        print(f"failed: {line}")
    if args.svg:
        pictures(bench, args.svg)
    if args.json:
        with open(args.json, "w", encoding="utf-8") as f:
            json.dump({"about": first, "samples": bench.samples,
                       "decisions": decided,
                       "failures": bench.failures}, f, indent=1)


if __name__ == "__main__":
    main()
