# SPDX-License-Identifier: Apache-2.0
"""measures - what is measured, each for one mode, once"""

import json
import subprocess
import time

import modes as m


def iperf3(mode, options, seconds, spared, port=m.TCP_PORT, address=None):
    """The end of its report, the relay's CPU ns, the machine's busy s"""
    script = (f"timeout {seconds + 10} iperf3 -c {address or mode.address} "
              f"-p {port} -t {seconds} -J {options} </dev/null 2>/dev/null")
    busy = m.machine_busy()
    text, cpu = m.once(mode, script, spared, limit=seconds + 20)
    return json.loads(text)["end"], cpu, m.machine_busy() - busy


def throughput(mode, way, streams, seconds, spared):
    """Gbit/s that arrived, min/max share, CPU s per GB: relay, all there is"""
    reverse = "-R" if way == "down" else ""
    end, cpu, busy = iperf3(mode, f"-P {streams} -C reno {reverse}", seconds,
                            spared)
    total = end["sum_received"]
    shares = [s["receiver"]["bytes"] for s in end["streams"]]
    got = {f"{way}{streams}": total["bits_per_second"] / 1e9}
    if streams == 16:
        got[f"{way}16_fair"] = min(shares) / max(max(shares), 1)
    if streams == 1:
        got[f"{way}1_all"] = busy * 1e9 / max(total["bytes"], 1)
        if mode.argv:
            got[f"{way}1_cpu"] = cpu / max(total["bytes"], 1)
    return got


def datagrams(mode, key, size, rate, reverse, seconds, spared):
    """Gbit/s and 1000/s that arrived, and % lost"""
    end, _, _ = iperf3(mode, f"-u -l {size} -b {rate} "
                       f"{'-R' if reverse else ''}", seconds, spared)
    total = end["sum"]
    kept = 1 - total["lost_percent"] / 100
    got = {f"{key}_lost": total["lost_percent"]}
    if rate == "0":
        got[key] = total["bits_per_second"] * kept / 1e9
        if size == 64:
            got[key] *= 1e6 / (8 * size)
    return got


def rate_of(text, cpu):
    """What rr printed, with the relay's CPU in us for each exchange"""
    got = json.loads(text)
    got["rate"] = got["count"] * 1000 / got["ms"]
    got["cpu"] = cpu / 1000 / got["count"]
    return got


def columns(key, got, relayed):
    """The columns of a kind of exchange"""
    out = {key: got["rate"], f"{key}_p50": got["p50_us"],
           f"{key}_p99": got["p99_us"]}
    if relayed:
        out[f"{key}_cpu"] = got["cpu"]
    return out


def exchange(kind, mode, ms, rr, spared, pin=True):
    """Small exchanges of one kind of rr.c's; free of a core with pin=False"""
    where = "x.bench.test" if kind == "namecrr" else mode.address
    script = (f"timeout {ms // 1000 + 10} {rr} {kind} {where} "
              f"{m.RR_PORT} {ms} </dev/null")
    text, cpu = m.once(mode, script, spared, pin=pin, limit=ms / 1000 + 20)
    return columns(kind if pin else f"{kind}_free", rate_of(text, cpu),
                   mode.argv)


def port_of(mode, what):
    """Where clients of a published server go"""
    return m.OUTSIDE[what] if mode.argv else m.INSIDE[what]


def published_throughput(mode, way, seconds, spared):
    """Gbit/s through a published port, and the relay's CPU s per GB"""
    client = ["iperf3", "-c", "127.0.0.1", "-p",
              str(port_of(mode, "iperf3")), "-t", str(seconds), "-C", "reno",
              "-J", *(["-R"] if way == "out" else [])]
    text, cpu = m.served(mode, "iperf3",
                         f"iperf3 -s -p {m.INSIDE['iperf3']}", client, spared,
                         limit=seconds + 20)
    total = json.loads(text)["end"]["sum_received"]
    got = {f"p{way}1": total["bits_per_second"] / 1e9}
    if mode.argv:
        got[f"p{way}1_cpu"] = cpu / max(total["bytes"], 1)
    return got


def published_exchange(kind, mode, ms, rr, spared):
    """As exchange(), through a published port"""
    client = [rr, kind, "127.0.0.1", str(port_of(mode, "rr")), str(ms)]
    text, cpu = m.served(mode, "rr", f"{rr} serve-all {m.INSIDE['rr']}", client,
                         spared, pin=True, limit=ms / 1000 + 20)
    return columns(f"p{kind}", rate_of(text, cpu), mode.argv)


def asked(run, words):
    """Tells the program inside, and its JSON"""
    run.say(words + "\n")
    answer = json.loads(run.until(b"}\n") + "}")
    if "ended" in answer:
        raise RuntimeError(f"cannot do \"{words}\"")
    return answer


def crowd(mode, flows, ms, rr, spared):
    """
    Bytes and descriptors of the relay for each idle flow, its CPU while nothing
    happens, and small exchanges through the crowd beside those before it
    """
    script = (f"timeout 90 {rr} idle {mode.address} {m.RR_PORT} 0 || "
              """echo '{"ended": true}'""")
    run = m.Run(mode, script, spared, pin=True, limit=120)
    try:
        time.sleep(0.3)  # who only launched has ended by then
        run.relays = m.relays(spared)
        run.go()
        run.until(b"}\n")
        empty = asked(run, f"rr {ms}")
        before = m.rss_bytes(run.relays), m.descriptors(run.relays)
        asked(run, f"open {flows}")
        time.sleep(0.3)
        after = m.rss_bytes(run.relays), m.descriptors(run.relays)
        cpu = m.cpu_ns(run.relays)
        time.sleep(1)
        cpu = m.cpu_ns(run.relays) - cpu
        full = asked(run, f"rr {ms}")
        got = {f"crowd{flows}_rr": full["p50_us"] / empty["p50_us"]}
        if mode.argv:
            got[f"idle{flows}"] = (after[0] - before[0]) / flows
            got["idle_cpu"] = cpu / 1e7
            if None not in (before[1], after[1]):
                got["fds"] = (after[1] - before[1]) / flows
        return got
    finally:
        run.close()


def told(mode, rr, words, spared, pin=False, limit=60):
    """The JSON of one command of rr's inside"""
    text, _ = m.once(mode, f"timeout {limit} {rr} {words} </dev/null", spared,
                     pin=pin, limit=limit + 20)
    return json.loads(text)


def busy_flows(mode, ms, rr, spared):
    """The least share of 1000 busy flows by the greatest one"""
    got = told(mode, rr, f"busy {mode.address} {m.RR_PORT} {ms} 1000", spared)
    return {"busy_fair": got["least"] / got["most"]}


def many(mode, count, rr, spared):
    """The rate of connections to one port: the last tenth's by the first's"""
    got = told(mode, rr, f"many {mode.address} {m.RR_PORT} {count}", spared,
               pin=True, limit=180)
    return {"many": got["count"] * 1000 / got["ms"],
            "many_last": got["last"] / got["first"]}


def wall_ms(argv):
    """Wall time of a command that must succeed"""
    before = time.monotonic()
    subprocess.run(argv, check=True, timeout=20, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return (time.monotonic() - before) * 1000


def start(mode):
    """Of `true`, and of a first byte by HTTP"""
    got = {"start_curl": wall_ms([*mode.argv, "curl", "-s", "-o", "/dev/null",
                                  f"http://{mode.address}:{m.RR_PORT}/"])}
    if mode.argv:
        got["start"] = wall_ms([*mode.argv, "true"])
    return got


def far_throughput(mode, way, path, key, seconds, spared):
    """Gbit/s to or from a server behind the impaired path"""
    # the first second is the slow start's
    end, _, _ = iperf3(mode, f"-C reno -O 1 {'-R' if way == 'down' else ''}",
                       seconds, spared, address=path.address)
    return {f"{key}_{way}": end["sum_received"]["bits_per_second"] / 1e9}
