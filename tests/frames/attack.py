#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""attack - the frame checks, as the app; TAP on stdout

Usage: attack.py RIG-DIR INTERFACE tap|veth|linux [NAME-PART...]

After each check postern must be alive: a new connection echoes, the datapath
is the same process, its descriptors are back at the number before. What only
postern promises is left out where the plain kernel is measured.
"""
import sys
import time
import traceback

import floor  # noqa: F401, the checks register themselves
import rig as rig_module
import threats  # noqa: F401


FLOWS_KEPT_MAX = 8192


def back_to_normal(rig, before, seconds):
    """the same process with as many descriptors, as soon as it can be"""
    end = time.monotonic() + seconds
    while True:
        now = rig.state()
        if now["pid"] != before["pid"]:
            return "the datapath is another process, or none"
        # a UDP flow is kept for its answers, up to a bound
        if now["fds"] <= before["fds"] + min(rig.flows, FLOWS_KEPT_MAX):
            break
        if time.monotonic() > end:
            return f"{before['fds']} descriptors before, {now['fds']} after"
        time.sleep(0.1)
    if now["rss_kb"] > before["rss_kb"] + 16 * 1024:
        return f"{before['rss_kb']} kB before, {now['rss_kb']} kB after"
    return None


def run(rig, function):
    """None, or why it failed"""
    rig.port.drain(0.01)
    rig.clear()
    rig.flows = 0
    before = rig.state()
    try:
        function(rig)
    except Exception:  # a failure is a line of TAP, not the end
        return traceback.format_exc()
    rig.port.drain(0.01)
    if not rig.alive(6):
        return "not alive afterwards"
    if rig.kind == "linux":
        return None
    return back_to_normal(rig, before, getattr(function, "settle", 6))


def main():
    directory, ifname, kind = sys.argv[1:4]
    parts = sys.argv[4:]
    rig = rig_module.Rig(directory, ifname, kind)
    chosen = [c for c in rig_module.CHECKS if (kind != "linux" or c[2]) and
              (not parts or any(p in c[0] for p in parts))]
    print(f"1..{len(chosen)}", flush=True)
    if not rig.port.resolve():
        print("Bail out! no ARP answer")
        return 1
    failed = 0
    for number, (name, function, _) in enumerate(chosen, 1):
        start = time.monotonic()
        why = run(rig, function)
        took = time.monotonic() - start
        if why:
            failed += 1
            print("# " + why.rstrip().replace("\n", "\n# "))
        verdict = "not ok" if why else "ok"
        print(f"{verdict} {number} - {name} ({took:.1f} s)", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
