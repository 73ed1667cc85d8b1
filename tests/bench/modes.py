# SPDX-License-Identifier: Apache-2.0
"""modes - how each contender is started, and one run of a command inside it"""

import json
import os
import select
import signal
import socket
import subprocess
import time

TCP_PORT = 5301
RR_PORT = 5302
GATEWAY = "10.0.2.2"
NAMED = "203.0.113.53"  # every name has this address; its DNS is there, too
FAR = "198.51.100.2"  # behind the impaired path
# published: a server's port inside -> where its clients go
INSIDE = {"iperf3": 5321, "rr": 5322}
OUTSIDE = {"iperf3": 5311, "rr": 5312}
OWN = ("sh", "rr", "iperf3", "unshare", "taskset", "timeout", "true", "curl",
       "impair", "nsenter")


class Mode:
    """
    One contender: its command line up to CMD and the host's address. A variant
    differs from another one in a setting: some measures are enough of it.
    """

    def __init__(self, name, argv, address, inward=None, slirp_mtu=0,
                 peer=False, variant=False):
        self.name = name
        self.argv = argv
        self.inward = argv if inward is None else inward
        self.address = address
        self.slirp_mtu = slirp_mtu
        self.peer = peer
        self.variant = variant


def of_postern(postern, mark="", old=None):
    """
    The ways of one build of postern; mark ends their names, and old is a
    program that hides what newer kernels have
    """
    allow = ["--allow", f"127.0.0.1:{TCP_PORT}",
             "--allow", f"127.0.0.1:{RR_PORT}",
             "--allow", f"{NAMED}:{RR_PORT}", "--allow", f"{FAR}:{TCP_PORT}"]
    publish = []
    for what, port in INSIDE.items():
        publish += ["-p", f"127.0.0.1:{OUTSIDE[what]}:{port}"]

    def ours(name, *how, under=(), variant=False):
        return Mode(name + mark, [*under, postern, "do", *how, *allow, "--"],
                    GATEWAY, [*under, postern, "do", *how, *publish, "--"],
                    variant=variant)

    older = [ours("tap old kernel", "--frontend", "link", "--link", "tap",
                  under=[old], variant=True)] if old else []
    return [ours("link/tap", "--frontend", "link", "--link", "tap"),
            ours("link/veth", "--frontend", "link", "--link", "veth"),
            ours("tap 1500", "--frontend", "link", "--link", "tap",
                 "--mtu", "1500", variant=True),
            ours("sockets", "--frontend", "sockets"),
            ours("direct", "--sockets", "direct"), *older]


def all_modes(postern, pastas, old):
    """The list that is interleaved; the first is what ratios are against"""
    modes = [Mode("native", [], "127.0.0.1"), *of_postern(postern, old=old)]
    for name, path in pastas:
        for mtu in (65520, 1500):
            argv = [path, "--config-net", "-q", "-m", str(mtu), "-t", "none",
                    "-u", "none", "-T", "none", "-U", "none", "--"]
            ports = ",".join(f"{OUTSIDE[w]}:{INSIDE[w]}" for w in INSIDE)
            inward = [*argv]
            inward[inward.index("-t") + 1] = ports
            modes.append(Mode(f"{name} {mtu}", argv, "192.0.2.2", inward,
                              peer=True, variant=mtu == 1500))
    for mtu in (65520, 1500):
        modes.append(Mode(f"slirp4netns {mtu}", ["unshare", "-Urn"], GATEWAY,
                          slirp_mtu=mtu, peer=True, variant=mtu == 1500))
    return modes


def _processes():
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
                head, _, tail = f.read().rpartition(")")
        except OSError:
            continue
        found[int(pid)] = (int(tail.split()[1]), head.partition("(")[2])
    return found


def relays(spared):
    """The bench's descendants that are neither load nor in `spared`"""
    table = _processes()
    below = {os.getpid()}
    grew = True
    while grew:
        more = {p for p, (up, _) in table.items() if up in below} - below
        below |= more
        grew = bool(more)
    return [p for p in below - {os.getpid()} - set(spared)
            if table.get(p, (0, "sh"))[1] not in OWN]


def cpu_ns(pids):
    """Nanoseconds on a CPU, all threads, user and kernel"""
    total = 0
    for pid in pids:
        try:
            for tid in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{tid}/schedstat",
                          encoding="utf-8") as f:
                    total += int(f.read().split()[0])
        except OSError:
            continue
    return total


def machine_busy():
    """Seconds that the machine's processors were not idle, since boot"""
    with open("/proc/stat", encoding="utf-8") as f:
        fields = [int(x) for x in f.readline().split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")


def rss_bytes(pids):
    """Resident bytes of all of them"""
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/statm", encoding="utf-8") as f:
                total += int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except OSError:
            continue
    return total


def descriptors(pids):
    """Open descriptors of all of them, or None where they may not be seen"""
    try:
        return sum(len(os.listdir(f"/proc/{p}/fd")) for p in pids)
    except OSError:
        return None


def _slirp_publish(api, outside, inside):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(api)
        s.sendall(json.dumps({
            "execute": "add_hostfwd",
            "arguments": {"proto": "tcp", "host_addr": "127.0.0.1",
                          "host_port": outside, "guest_port": inside},
        }).encode())
        s.shutdown(socket.SHUT_WR)
        if b"error" in s.recv(4096):
            raise RuntimeError("slirp4netns does not publish")


class Run:
    """A shell inside a mode that waits to be told: one line, one command"""

    def __init__(self, mode, script, spared, pin=False, limit=60,
                 inward=False):
        self.spared = spared
        self.limit = time.monotonic() + limit
        self.pin = ["taskset", "-c", "0"] if pin else []
        self.buf = b""
        self.slirp = None
        self.relays = []
        inner = f"echo up; read go; {script}; echo done; read go"
        self.proc = subprocess.Popen(
            [*self.pin, *(mode.inward if inward else mode.argv),
             "sh", "-c", inner],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, start_new_session=True)
        try:
            self.until(b"up\n")
            if mode.slirp_mtu:
                self._start_slirp(mode.slirp_mtu, inward)
            self.relays = relays(spared)
        except Exception:
            self.close()
            raise

    def _start_slirp(self, mtu, inward):
        r, w = os.pipe()
        api = f"/tmp/slirp-{os.getpid()}-{self.proc.pid}"
        self.slirp = subprocess.Popen(
            [*self.pin, "slirp4netns", "-c", "-m", str(mtu), "-r", str(w),
             "-a", api, str(self.proc.pid), "tap0"], pass_fds=[w],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        os.close(w)
        ready, _, _ = select.select([r], [], [], 10)
        ok = ready and os.read(r, 1)
        os.close(r)
        if not ok:
            raise RuntimeError("slirp4netns did not start")
        try:
            for what in INSIDE if inward else ():
                _slirp_publish(api, OUTSIDE[what], INSIDE[what])
        finally:
            os.unlink(api)

    def go(self):
        """Lets the shell take its next step"""
        self.proc.stdin.write(b"\n")
        self.proc.stdin.flush()

    def say(self, words):
        """To the program inside, which has the shell's stdin"""
        self.proc.stdin.write(words.encode())
        self.proc.stdin.flush()

    def until(self, mark):
        """What the shell wrote up to `mark`"""
        fd = self.proc.stdout.fileno()
        while mark not in self.buf:
            left = self.limit - time.monotonic()
            if left <= 0 or not select.select([fd], [], [], left)[0]:
                raise TimeoutError("no answer in time")
            piece = os.read(fd, 65536)
            if not piece:
                raise RuntimeError("ended early")
            self.buf += piece
        text, _, self.buf = self.buf.partition(mark)
        return text.decode()

    def close(self):
        """Ends this run's processes, by their ids"""
        self.proc.stdin.close()
        for p in (self.proc, self.slirp):
            if not p:
                continue
            try:
                p.wait(timeout=3 if p is self.proc else 0.3)
            except subprocess.TimeoutExpired:
                p.send_signal(signal.SIGTERM)
                try:
                    p.wait(timeout=2)
                except subprocess.TimeoutExpired:
                    p.kill()
                    p.wait()
        self.proc.stdout.close()
        for pid in self.relays:
            try:
                os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                continue


def once(mode, script, spared, pin=False, limit=60):
    """Runs `script` in `mode`: its output and the relay's CPU ns meanwhile"""
    run = Run(mode, script, spared, pin, limit)
    try:
        before = cpu_ns(run.relays)
        run.go()
        text = run.until(b"done\n")
        return text, cpu_ns(run.relays) - before
    finally:
        run.close()


def served(mode, what, command, client, spared, pin=False, limit=60):
    """
    Runs `command` inside as a server and `client`, a list, outside: what the
    client printed and the relay's CPU ns meanwhile
    """
    port = OUTSIDE[what] if mode.argv else INSIDE[what]
    script = (f"{command} >/dev/null 2>&1 </dev/null & s=$!; echo serving; "
              "read stop; kill $s; wait $s")
    run = Run(mode, script, spared, pin, limit, inward=True)
    try:
        run.go()
        run.until(b"serving\n")
        _await_port(port, run.limit)
        before = cpu_ns(run.relays)
        out = subprocess.run([*run.pin, *client], check=True, timeout=limit,
                             stdin=subprocess.DEVNULL, capture_output=True)
        used = cpu_ns(run.relays) - before
        run.go()
        run.until(b"done\n")
        return out.stdout, used
    finally:
        run.close()


def _listens(port):
    want = f":{port:04X}"
    for name in ("tcp", "tcp6"):
        with open(f"/proc/net/{name}", encoding="utf-8") as f:
            for line in f:
                word = line.split()
                if word[1].endswith(want) and word[3] == "0A":
                    return True
    return False


def _await_port(port, limit):
    """Without a connection, which iperf3 would take for its test's"""
    while not _listens(port):
        if time.monotonic() > limit:
            raise TimeoutError("nobody listens")
        time.sleep(0.02)
    time.sleep(0.4)  # who always listens knows nothing of the server
