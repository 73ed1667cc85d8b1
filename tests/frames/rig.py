# SPDX-License-Identifier: Apache-2.0
"""rig - what every frame check has at hand: port, servers, a hand-made TCP

The checks register with @check and are run in the order of their files; the
first failure is the one to read, since after a death all others follow.
"""
import json
import os
import socket
import time

from wire import (ACK, FIN, ICMP, PSH, RST, SYN, TCP, UDP, Packet, Port, icmp,
                  ip, tcp, udp)

NET4, NET6 = "192.0.2.2", "2001:db8:1::2"
CHECKS = []


def check(name, linux=True):
    """linux: the kernel as a router must pass it, too (calibration)"""
    def register(function):
        CHECKS.append((name, function, linux))
        return function
    return register


class World:
    """one of the two programs around us (world.py)"""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(path)
        self.file = self.sock.makefile("rw")

    def ask(self, request):
        self.file.write(request + "\n")
        self.file.flush()
        return json.loads(self.file.readline())


class Rig:
    def __init__(self, directory, ifname, kind):
        self.kind = kind  # tap, veth, linux
        self.net = World(os.path.join(directory, "net.sock"))
        self.host = World(os.path.join(directory, "host.sock"))
        # addresses that the kernel here does not have: it stays silent
        self.port = Port(ifname, "10.0.2.200", "fd00::200", "10.0.2.2",
                         "fd00::2")
        self.next_port = 30000  # above those of the floods
        self.flows = 0  # UDP and echo: their descriptors time out

    def fresh_port(self):
        self.next_port += 1
        return self.next_port

    def app(self, host):
        return self.port.app6 if ":" in host else self.port.app4

    def state(self):
        return self.host.ask("state")

    def clear(self):
        self.net.ask("clear")
        self.host.ask("clear")

    # --- UDP, ICMP -----------------------------------------------------------
    def udp_echo(self, data, host=NET4, dport=7001, timeout=2):
        sport = self.fresh_port()
        app = self.app(host)
        self.flows += 1
        self.port.send(ip(app, host, UDP, udp(app, host, sport, dport, data)))
        return self.port.expect(
            lambda p: p.proto == UDP and p.dport == sport, timeout)

    def refusal(self, host, proto, dport=80, timeout=2):
        """sends a SYN or a datagram; what says no: 'rst', (type, code)"""
        app, sport = self.app(host), self.fresh_port()
        self.flows += proto == UDP
        if proto == TCP:
            body = tcp(app, host, sport, dport, 1000, 0, SYN)
        else:
            body = udp(app, host, sport, dport, b"hello")
        self.port.send(ip(app, host, proto, body))
        ports = sport.to_bytes(2, "big") + dport.to_bytes(2, "big")

        def about_us(p):
            if p.proto == TCP:
                return p.dport == sport
            return p.proto in (1, 58) and ports in p.data
        p = self.port.expect(about_us, timeout)
        if p is None:
            return None
        if p.proto == TCP:
            return "rst" if p.flags & RST else "open"
        return p.type, p.code

    # --- alive ------------------------------------------------------------------
    def alive(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            c = Conn(self)
            if c.open(timeout=1):
                c.send(b"alive?")
                if c.read(6, 1) == b"alive?":
                    c.close()
                    return True
                c.abort()
        return False


class Conn:
    """a TCP endpoint that does only what it is told"""

    def __init__(self, rig, dport=7001, host=NET4, options=b"\2\4\5\xb4",
                 window=65535, isn=None):
        self.rig, self.port = rig, rig.port
        self.host, self.app = host, rig.app(host)
        self.sport, self.dport = rig.fresh_port(), dport
        self.options, self.window = options, window
        self.edge = None    # the window stays shut at this many bytes
        self.isn = isn if isn is not None else self.sport * 7919
        self.seq = self.isn
        self.ack = 0
        self.irs = None
        self.stream = {}    # position: byte string, as they came
        self.segments = []  # every segment with data
        self.flags_seen = 0
        self.timestamps = None

    def tx(self, flags, data=b"", seq=None, ack=None, window=None, **fields):
        seq = self.seq if seq is None else seq
        ack = self.ack if ack is None else ack
        options = fields.pop("options", b"")
        if self.timestamps and not options:
            options = b"\1\1\x08\n" + self.timestamps()
        if window is None and self.edge is not None:
            window = max(0, self.edge - self.taken())
        body = tcp(self.app, self.host, self.sport, self.dport, seq, ack,
                   flags, data, self.window if window is None else window,
                   options=options, **fields)
        self.port.send(ip(self.app, self.host, TCP, body))

    def taken(self):
        return (self.ack - self.irs - 1) & 0xFFFFFFFF if self.irs else 0

    def mine(self, p):
        return (p.proto == TCP and p.dport == self.sport and
                p.sport == self.dport and p.src == self.host)

    def rx(self, timeout=1):
        """the next segment of this connection, noted; or None"""
        p = self.port.expect(self.mine, timeout)
        if p is None:
            return None
        self.flags_seen |= p.flags
        if p.data and self.irs is not None:
            at = (p.seq - self.irs - 1) & 0xFFFFFFFF
            self.stream[at] = max(self.stream.get(at, b""), p.data, key=len)
            self.segments.append(p)
        return p

    def syn(self):
        self.tx(SYN, options=self.options, ack=0)

    def open(self, timeout=3):
        self.syn()
        p = self.rx(timeout)
        if p is None or p.flags & (SYN | ACK) != SYN | ACK:
            return None
        self.irs = p.seq
        self.seq = (self.isn + 1) & 0xFFFFFFFF
        self.ack = (p.seq + 1) & 0xFFFFFFFF
        self.tx(ACK)
        return p

    def send(self, data):
        self.tx(ACK | PSH, data)
        self.seq = (self.seq + len(data)) & 0xFFFFFFFF

    def contiguous(self):
        """the bytes of the stream that are there without a hole"""
        out = b""
        for at in sorted(self.stream):
            data = self.stream[at]
            if at > len(out):
                break
            out = out[:at] + data if at + len(data) > len(out) else out
        return out

    def read(self, n, timeout=3):
        """acknowledges as it goes; up to n bytes from the start"""
        end = time.monotonic() + timeout
        while len(self.contiguous()) < n and time.monotonic() < end:
            p = self.rx(end - time.monotonic())
            if p is None:
                break
            got = len(self.contiguous())
            self.ack = (self.irs + 1 + got) & 0xFFFFFFFF
            if p.flags & FIN and p.seq + len(p.data) == self.ack:
                self.ack += 1
            if p.data or p.flags & FIN:
                self.tx(ACK)
            if p.flags & RST:
                break
        return self.contiguous()

    def close(self):
        self.tx(ACK | FIN)
        self.seq += 1
        end = time.monotonic() + 1
        while time.monotonic() < end:
            p = self.rx(0.5)
            if p is None or p.flags & RST:
                return
            if p.data or p.flags & FIN:
                self.ack = p.seq + len(p.data) + (p.flags & FIN)
                self.tx(ACK)
            if p.flags & FIN:
                return

    def abort(self):
        self.tx(RST | ACK, seq=self.seq if self.irs else self.isn + 1)

    def is_live(self, word=b"ping!"):
        """does it still echo? False as well when an RST came"""
        before = len(self.contiguous())
        self.send(word)
        got = self.read(before + len(word), 2)
        return got[before:before + len(word)] == word
