#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""world - what stands around postern in the frames rig

Usage: world.py net SOCKET | world.py host SOCKET MONITOR-PID

`net` serves: TCP echo (EOFSEEN after the end), reset after a byte, an endless
writer, one that never reads, UDP echo. `host` listens where nothing may come
through, watches its interface, and looks into /proc. Both answer requests of
the test program on a unix socket: one JSON line each way.
"""
import json
import os
import selectors
import socket
import struct
import sys
import threading
import time

LOCK = threading.Lock()
JOURNAL = []  # what arrived: dictionaries


def note(**what):
    with LOCK:
        JOURNAL.append(what)


def spawn(target, *args):
    threading.Thread(target=target, args=args, daemon=True).start()


def only6(sock):
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)


# --- servers --------------------------------------------------------------------
def serve(address, port, handle):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    only6(listener)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    listener.listen(4096)

    def loop():
        while True:
            conn, peer = listener.accept()
            spawn(handle, conn, peer, port)
    spawn(loop)


def echo(conn, peer, port):
    """bytes back as they come; the journal has the first of them"""
    seen = b""
    try:
        while True:
            data = conn.recv(65536)
            if not data:
                conn.sendall(b"EOFSEEN")
                break
            if len(seen) < 1024:
                seen = (seen + data)[:1024]
                note(kind="tcp", port=port, peer=peer[1], seen=seen.hex())
            conn.sendall(data)
    except OSError:
        pass
    conn.close()


def reset(conn, peer, port):
    try:
        conn.recv(1)
        conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                        struct.pack("ii", 1, 0))
    except OSError:
        pass
    conn.close()


def endless(conn, peer, port):
    block = bytes(range(256)) * 64
    try:
        while True:
            conn.sendall(block)
    except OSError:
        pass
    conn.close()


def never(conn, peer, port):
    time.sleep(3600)


def serve_udp(address, port):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    sock.bind((address, port))

    def loop():
        while True:
            data, peer = sock.recvfrom(65536)
            note(kind="udp", port=port, peer=peer[1],
                 seen=data[:256].hex(), length=len(data))
            try:
                sock.sendto(data, peer)
            except OSError:
                pass
    spawn(loop)


# --- what must see nothing --------------------------------------------------------
def trap(conn, peer, port):
    note(kind="accept", port=port, peer=str(peer))
    conn.close()


def trap_udp(address, port):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    only6(sock)
    sock.bind((address, port))

    def loop():
        while True:
            data, peer = sock.recvfrom(65536)
            note(kind="datagram", port=port, peer=str(peer))
    spawn(loop)


class Watch:
    """frames on the host's interface that the host itself sent"""

    def __init__(self, ifname):
        self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW,
                                  socket.htons(3))
        self.sock.bind((ifname, 3))
        self.frames = []
        self.total = 0
        spawn(self.loop)

    def loop(self):
        while True:
            frame, where = self.sock.recvfrom(65536)
            if where[2] == socket.PACKET_OUTGOING:
                self.total += 1
                if len(self.frames) < 20000:
                    self.frames.append(frame[:54].hex())


def process_state(monitor):
    """pid, memory, descriptors, CPU time of the datapath under monitor"""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as f:
                comm, rest = f.read().split(") ", 1)
            fields = rest.split()
            if "postern-data" not in comm or not descends(pid, monitor):
                continue
            with open(f"/proc/{pid}/statm") as f:
                rss = int(f.read().split()[1]) * 4
            fds = len(os.listdir(f"/proc/{pid}/fd"))
        except OSError:
            continue
        return {"pid": int(pid), "rss_kb": rss, "fds": fds,
                "cpu_ms": (int(fields[11]) + int(fields[12])) * 10}
    return {"pid": 0, "rss_kb": 0, "fds": 0, "cpu_ms": 0}


def descends(pid, ancestor):
    for _ in range(20):
        with open(f"/proc/{pid}/stat") as f:
            parent = int(f.read().split(") ", 1)[1].split()[1])
        if parent == ancestor:
            return True
        if parent <= 1:
            return False
        pid = parent
    return False


def answer(request, watch, monitor):
    if request == "journal":
        with LOCK:
            return list(JOURNAL)
    if request == "clear":
        with LOCK:
            JOURNAL.clear()
        if watch:
            watch.frames.clear()
            watch.total = 0
        return True
    if request == "capture":
        return list(watch.frames)
    if request == "state":
        return process_state(monitor)
    return None


def control(path, watch, monitor):
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path + ".new")
    os.chmod(path + ".new", 0o666)
    listener.listen(16)
    os.rename(path + ".new", path)
    while True:
        conn, _ = listener.accept()
        with conn, conn.makefile("rw") as f:
            for line in f:
                f.write(json.dumps(answer(line.strip(), watch, monitor)) +
                        "\n")
                f.flush()


def main():
    side, path = sys.argv[1:3]
    watch = None
    if side == "net":
        for address in ("192.0.2.2", "2001:db8:1::2"):
            serve(address, 7001, echo)
            serve(address, 7002, reset)
            serve(address, 7003, endless)
            serve(address, 7004, never)
            serve_udp(address, 7001)
            serve_udp(address, 69)
    else:
        for address in ("127.0.0.1", "::1", "0.0.0.0", "::"):
            port = 7100 if address in ("127.0.0.1", "::1") else 7101
            serve(address, port, trap)
            trap_udp(address, port)
        watch = Watch("h0")
    control(path, watch, int(sys.argv[3]) if len(sys.argv) > 3 else 0)


if __name__ == "__main__":
    main()
