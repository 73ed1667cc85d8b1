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
import statistics
import subprocess
import sys
import tempfile
import time

import modes as m

HERE = os.path.dirname(os.path.abspath(__file__))
PR_SET_CHILD_SUBREAPER = 36
INSIDE = "POSTERN_BENCH_INSIDE"

# key, heading, unit, whether more is better
COLUMNS = [("up1", "app>host 1", "Gbit/s", True),
           ("down1", "host>app 1", "Gbit/s", True),
           ("up4", "app>host 4", "Gbit/s", True),
           ("down4", "host>app 4", "Gbit/s", True),
           ("up16", "app>host 16", "Gbit/s", True),
           ("down16", "host>app 16", "Gbit/s", True),
           ("up16_fair", "app>host 16, least/most share", "", True),
           ("down16_fair", "host>app 16, least/most share", "", True),
           ("udpup", "UDP 1472 app>host", "Gbit/s", True),
           ("udpdown", "UDP 1472 host>app", "Gbit/s", True),
           ("udpup_lost", "UDP 1472 app>host lost", "%", False),
           ("udpdown_lost", "UDP 1472 host>app lost", "%", False),
           ("udpslow_lost", "UDP 1472 app>host lost at 500 Mbit/s", "%", False),
           ("up1_cpu", "relay up", "s/GB", False),
           ("down1_cpu", "relay down", "s/GB", False),
           ("rr", "rr", "1/s", True),
           ("rr_p50", "rr p50", "us", False),
           ("rr_p99", "rr p99", "us", False),
           ("rr_cpu", "rr relay", "us", False),
           ("crr", "crr", "1/s", True),
           ("crr_p99", "crr p99", "us", False),
           ("crr_cpu", "crr relay", "us", False),
           ("pin1", "published client>app 1", "Gbit/s", True),
           ("pout1", "published app>client 1", "Gbit/s", True),
           ("pin1_cpu", "published relay in", "s/GB", False),
           ("pout1_cpu", "published relay out", "s/GB", False),
           ("prr", "published rr", "1/s", True),
           ("prr_p50", "published rr p50", "us", False),
           ("prr_cpu", "published rr relay", "us", False),
           ("pcrr", "published crr", "1/s", True),
           ("pcrr_p99", "published crr p99", "us", False),
           ("pcrr_cpu", "published crr relay", "us", False),
           ("start", "start", "ms", False),
           ("idle1000", "B/flow 1k", "B", False),
           ("idle10000", "B/flow 10k", "B", False),
           ("fds", "fd/flow", "", False)]


def sh(*argv):
    """Runs a command of the set-up, which must succeed"""
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, timeout=10)


def set_up():
    """The bench's own machine: reno, loopback, a default route for pasta"""
    with open("/proc/sys/net/ipv4/tcp_congestion_control", "w",
              encoding="utf-8") as f:
        f.write("reno")
    sh("ip", "link", "set", "lo", "up")
    sh("ip", "link", "add", "ext0", "type", "veth", "peer", "name", "ext1")
    sh("ip", "address", "add", "192.0.2.1/24", "dev", "ext0")
    sh("ip", "link", "set", "ext0", "up")
    sh("ip", "link", "set", "ext1", "up")
    sh("ip", "route", "add", "default", "via", "192.0.2.2")


def iperf3(mode, options, seconds, spared):
    """The end of its report, and the relay's CPU ns"""
    script = (f"timeout {seconds + 10} iperf3 -c {mode.address} "
              f"-p {m.TCP_PORT} -t {seconds} -J {options} "
              "</dev/null 2>/dev/null")
    text, cpu = m.once(mode, script, spared, limit=seconds + 20)
    return json.loads(text)["end"], cpu


def throughput(mode, streams, reverse, seconds, spared):
    """Gbit/s that arrived, the relay's CPU seconds per GB, min/max share"""
    end, cpu = iperf3(mode, f"-P {streams} -C reno {'-R' if reverse else ''}",
                      seconds, spared)
    total = end["sum_received"]
    shares = [s["receiver"]["bytes"] for s in end["streams"]]
    return (total["bits_per_second"] / 1e9, cpu / max(total["bytes"], 1),
            min(shares) / max(max(shares), 1))


def datagrams(mode, rate, reverse, seconds, spared):
    """Gbit/s of 1472 bytes each that arrived, and % lost"""
    end, _ = iperf3(mode, f"-u -l 1472 -b {rate} {'-R' if reverse else ''}",
                    seconds, spared)
    total = end["sum"]
    kept = 1 - total["lost_percent"] / 100
    return total["bits_per_second"] * kept / 1e9, total["lost_percent"]


def exchange(kind, mode, ms, rr, spared):
    """What rr printed, with the relay's CPU in us for each exchange"""
    script = (f"timeout {ms // 1000 + 10} {rr} {kind} {mode.address} "
              f"{m.RR_PORT} {ms} </dev/null")
    text, cpu = m.once(mode, script, spared, pin=True, limit=ms / 1000 + 20)
    got = json.loads(text)
    got["rate"] = got["count"] * 1000 / got["ms"]
    got["cpu"] = cpu / 1000 / got["count"]
    return got


def port_of(mode, what):
    """Where clients of a published server go"""
    return m.OUTSIDE[what] if mode.argv else m.INSIDE[what]


def published_throughput(mode, reverse, seconds, spared):
    """Gbit/s through a published port, and the relay's CPU s per GB"""
    client = ["iperf3", "-c", "127.0.0.1", "-p",
              str(port_of(mode, "iperf3")), "-t", str(seconds), "-C", "reno",
              "-J", *(["-R"] if reverse else [])]
    text, cpu = m.served(mode, "iperf3",
                         f"iperf3 -s -p {m.INSIDE['iperf3']}", client, spared,
                         limit=seconds + 20)
    total = json.loads(text)["end"]["sum_received"]
    return total["bits_per_second"] / 1e9, cpu / max(total["bytes"], 1)


def published_exchange(kind, mode, ms, rr, spared):
    """As exchange(), through a published port"""
    client = [rr, kind, "127.0.0.1", str(port_of(mode, "rr")), str(ms)]
    text, cpu = m.served(mode, "rr", f"{rr} serve-all {m.INSIDE['rr']}", client,
                         spared, pin=True, limit=ms / 1000 + 20)
    got = json.loads(text)
    got["rate"] = got["count"] * 1000 / got["ms"]
    got["cpu"] = cpu / 1000 / got["count"]
    return got


def idle(mode, flows, rr, spared):
    """Resident bytes and descriptors of the relay for each idle flow"""
    script = f"timeout 60 {rr} idle {mode.address} {m.RR_PORT} {flows}"
    run = m.Run(mode, script, spared, limit=60)
    try:
        time.sleep(0.3)  # who only launched has ended by then
        run.relays = m.relays(spared)
        rss, fds = m.rss_bytes(run.relays), m.descriptors(run.relays)
        run.go()
        run.until(b"}")
        time.sleep(0.3)
        rss = (m.rss_bytes(run.relays) - rss) / flows
        after = m.descriptors(run.relays)
        return rss, None if None in (fds, after) else (after - fds) / flows
    finally:
        run.close()


def start_ms(argv):
    """Wall time of `argv true`"""
    before = time.monotonic()
    subprocess.run([*argv, "true"], check=True, timeout=10,
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    return (time.monotonic() - before) * 1000


class Bench:
    """The samples so far, by mode and column"""

    def __init__(self, contenders, args, spared):
        self.modes = contenders
        self.args = args
        self.spared = spared
        self.samples = {c.name: {} for c in contenders}
        self.samples["unshare"] = {}
        self.failures = []

    def put(self, name, **values):
        """Adds a sample; None is no sample"""
        for key, value in values.items():
            if value is not None:
                self.samples[name].setdefault(key, []).append(value)

    def guarded(self, mode, what, call):
        """One measurement; a contender that fails loses only that one"""
        try:
            self.put(mode.name, **call())
        except (OSError, RuntimeError, ValueError, KeyError,
                subprocess.SubprocessError) as e:
            self.failures.append(f"{mode.name}: {what}: {e}")

    def tcp(self, mode, seconds):
        """Both ways with one and four streams"""
        for way, reverse in (("up", False), ("down", True)):
            for streams in (1, 4, 16):
                def call(way=way, reverse=reverse, streams=streams):
                    rate, cpu, fair = throughput(mode, streams, reverse,
                                                 seconds, self.spared)
                    got = {f"{way}{streams}": rate}
                    if streams == 16:
                        got[f"{way}16_fair"] = fair
                    if streams == 1 and mode.argv:
                        got[f"{way}1_cpu"] = cpu
                    return got
                self.guarded(mode, f"{way}{streams}", call)

    def udp(self, mode, seconds):
        """Datagrams as fast as they go, both ways, and at a modest rate"""
        for way, rate, reverse in (("up", "0", False), ("down", "0", True),
                                   ("slow", "500M", False)):
            def call(way=way, rate=rate, reverse=reverse):
                got, lost = datagrams(mode, rate, reverse, seconds,
                                      self.spared)
                if way == "slow":
                    return {"udpslow_lost": lost}
                return {f"udp{way}": got, f"udp{way}_lost": lost}
            self.guarded(mode, f"udp {way}", call)

    def small(self, mode, ms):
        """Request/response and connect/request/close, on one core"""
        for kind in ("rr", "crr"):
            def call(kind=kind):
                got = exchange(kind, mode, ms, self.args.rr, self.spared)
                out = {kind: got["rate"], f"{kind}_p99": got["p99_us"],
                       f"{kind}_p50": got["p50_us"]}
                if mode.argv:
                    out[f"{kind}_cpu"] = got["cpu"]
                return out
            self.guarded(mode, kind, call)

    def published(self, mode, seconds, ms):
        """The same through published ports"""
        for way, reverse in (("in", False), ("out", True)):
            def bulk(way=way, reverse=reverse):
                rate, cpu = published_throughput(mode, reverse, seconds,
                                                 self.spared)
                got = {f"p{way}1": rate}
                if mode.argv:
                    got[f"p{way}1_cpu"] = cpu
                return got
            self.guarded(mode, f"published {way}", bulk)
        for kind in ("rr", "crr"):
            def call(kind=kind):
                got = published_exchange(kind, mode, ms, self.args.rr,
                                         self.spared)
                out = {f"p{kind}": got["rate"], f"p{kind}_p99": got["p99_us"],
                       f"p{kind}_p50": got["p50_us"]}
                if mode.argv:
                    out[f"p{kind}_cpu"] = got["cpu"]
                return out
            self.guarded(mode, f"published {kind}", call)

    def crowd(self, mode, flows):
        """Idle flows; only for what relays"""
        def call():
            rss, fds = idle(mode, flows, self.args.rr, self.spared)
            return {f"idle{flows}": rss, "fds": fds}
        if mode.argv:
            self.guarded(mode, f"idle {flows}", call)

    def starts(self, count):
        """MODE -- true beside unshare, interleaved"""
        for _ in range(count):
            self.put("unshare", start=start_ms(["unshare", "-Urn"]))
            for mode in self.modes:
                if mode.argv and not mode.slirp_mtu:
                    self.guarded(mode, "start", lambda mode=mode:
                                 {"start": start_ms(mode.argv)})

    def all(self):
        """Everything that is asked for, A B C A B C"""
        quick, wanted = self.args.quick, self.args.measure
        ms = 500 if quick else 1000
        if "starts" in wanted:
            self.starts(7 if quick else 21)
        for part, rounds, call in (
                ("tcp", 2, lambda mode: self.tcp(mode, 1)),
                ("udp", 2, lambda mode: self.udp(mode, 1)),
                ("small", 3, lambda mode: self.small(mode, ms)),
                ("published", 2, lambda mode: self.published(mode, 1, ms))):
            for _ in range(rounds if quick else 5):
                for mode in self.modes if part in wanted else []:
                    call(mode)
        for flows in (1000,) if quick else (1000, 10000):
            for mode in self.modes if "crowd" in wanted else []:
                self.crowd(mode, flows)


def shown(values):
    """median, and min..max where there is more than one"""
    def number(x):
        return f"{x:.0f}" if abs(x) >= 100 else f"{x:.2f}"
    text = number(statistics.median(values))
    if len(values) > 1:
        text += f" ({number(min(values))}..{number(max(values))})"
    return text


def table(bench):
    """The figures as Markdown: a line for each mode and measure"""
    peers = [c.name for c in bench.modes if c.peer]
    lines = []
    for key, heading, unit, more in COLUMNS:
        med = {name: statistics.median(s[key])
               for name, s in bench.samples.items() if key in s}
        if not med:
            continue
        lines += ["", f"{heading}{', ' + unit if unit else ''}", "",
                  "| mode | median (min..max) | / native | / best peer |",
                  "|---|---|---|---|"]
        best = [med[p] for p in peers if p in med]
        best = (max if more else min)(best) if best else 0
        native = med.get("native", 0)
        for name, value in med.items():
            ratios = [f"{value / base:.2f}" if base else ""
                      for base in (native, best)]
            lines.append(f"| {name} | {shown(bench.samples[name][key])} | "
                         f"{ratios[0]} | {ratios[1]} |")
    return "\n".join(lines)


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


def decisions_table(rows):
    """The same as Markdown"""
    lines = ["", "A policy decision", "", "| rules | ns |", "|---|---|"]
    for row in rows:
        what = f"{row['rules']} addresses and prefixes" if "rules" in row \
            else f"{row['names']} names"
        lines.append(f"| {what} | {row.get('ns', row.get('decide_ns')):.0f} |")
    return "\n".join(lines)


def options():
    """The command line"""
    p = argparse.ArgumentParser(prog="bench", description=__doc__)
    p.add_argument("--postern", required=True)
    p.add_argument("--quick", action="store_true", help="about two minutes")
    p.add_argument("--json", metavar="FILE", help="the samples, all of them")
    p.add_argument("--pasta", metavar="PATH", help="one more pasta")
    p.add_argument("--against", metavar="PATH",
                   help="another build of postern, beside ours")
    p.add_argument("--modes", metavar="NAME,...",
                   help="these alone, such as native,sockets")
    p.add_argument("--measure", metavar="PART,...",
                   default="starts,tcp,udp,small,published,crowd",
                   help="parts, of: %(default)s")
    args = p.parse_args()
    args.measure = args.measure.split(",")
    return args


def contenders(args):
    """All modes, or those asked for"""
    pastas = [("pasta", "pasta")]
    if args.pasta:
        pastas.append(("pasta*", args.pasta))
    modes = m.all_modes(args.postern, pastas)
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


def main():
    """Enters the namespace, measures, prints"""
    args = options()
    if INSIDE not in os.environ:
        env = dict(os.environ, **{INSIDE: "1"})
        os.execvpe("unshare", ["unshare", "-Urn", sys.executable,
                               *sys.argv], env)
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    set_up()
    first = about()
    with tempfile.TemporaryDirectory() as tmp:
        args.rr = os.path.join(tmp, "rr")
        subprocess.run(["cc", "-O2", "-o", args.rr,
                        os.path.join(HERE, "rr.c")], check=True, timeout=60,
                       stdin=subprocess.DEVNULL)
        decided = decisions(args.postern, tmp)
        servers = [server("iperf3", "-s", "-B", "127.0.0.1", "-p",
                          str(m.TCP_PORT)),
                   server("taskset", "-c", "0", args.rr, "serve",
                          str(m.RR_PORT))]
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
    print(table(bench))
    print(decisions_table(decided))
    for line in bench.failures:
        print(f"failed: {line}")
    if args.json:
        with open(args.json, "w", encoding="utf-8") as f:
            json.dump({"about": first, "samples": bench.samples,
                       "decisions": decided,
                       "failures": bench.failures}, f, indent=1)


if __name__ == "__main__":
    main()
