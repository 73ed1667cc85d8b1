# SPDX-License-Identifier: Apache-2.0
"""wire - packets by hand and a raw port to send them through

Plain struct, so that every field can lie. A Port is a packet socket with a
virtio header on each frame: what the kernel left out of a checksum is then
told, and a train comes as one frame with the size of its segments.
"""
import select
import socket
import struct
import time

SOL_PACKET, PACKET_VNET_HDR, PACKET_IGNORE_OUTGOING = 263, 15, 23
ETH_IP4, ETH_ARP, ETH_IP6 = 0x0800, 0x0806, 0x86DD
ICMP, TCP, UDP, ICMP6 = 1, 6, 17, 58
FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32
NEEDS_CSUM = 1
NO_VNET = bytes(10)


def addr(text):
    """bytes of an address: 4 or 16"""
    family = socket.AF_INET6 if ":" in text else socket.AF_INET
    return socket.inet_pton(family, text)


def csum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def pseudo(src, dst, proto, length):
    if len(src) == 4:
        return src + dst + struct.pack("!BBH", 0, proto, length)
    return src + dst + struct.pack("!II", length, proto)


def ip4(src, dst, proto, payload, ttl=64, ident=1, frag=0, options=b"",
        total=None, ihl=None, version=4, check=None, tos=0):
    ihl = 5 + len(options) // 4 if ihl is None else ihl
    total = 20 + len(options) + len(payload) if total is None else total
    head = struct.pack("!BBHHHBBH", (version & 15) << 4 | ihl & 15, tos,
                       total & 0xFFFF, ident & 0xFFFF, frag, ttl, proto, 0)
    head += addr(src) + addr(dst) + options
    if check is None:
        check = csum(head[:ihl * 4] if ihl >= 5 else head)
    return head[:10] + struct.pack("!H", check) + head[12:] + payload


def ip6(src, dst, nxt, payload, hops=64, length=None, version=6):
    length = len(payload) if length is None else length
    return struct.pack("!IHBB", version << 28, length & 0xFFFF, nxt,
                       hops) + addr(src) + addr(dst) + payload


def ip(src, dst, proto, payload, **fields):
    return (ip6 if ":" in src else ip4)(src, dst, proto, payload, **fields)


def udp(src, dst, sport, dport, data, length=None, check=None):
    length = 8 + len(data) if length is None else length
    head = struct.pack("!HHHH", sport, dport, length & 0xFFFF, 0)
    if check is None:
        check = csum(pseudo(addr(src), addr(dst), UDP, 8 + len(data)) +
                     head + data) or 0xFFFF
    return head[:6] + struct.pack("!H", check) + data


def tcp(src, dst, sport, dport, seq, ack, flags, data=b"", window=65535,
        options=b"", urg=0, offset=None, check=None):
    options += b"\1" * (-len(options) % 4)
    offset = 5 + len(options) // 4 if offset is None else offset
    head = struct.pack("!HHIIBBHHH", sport, dport, seq & 0xFFFFFFFF,
                       ack & 0xFFFFFFFF, (offset & 15) << 4, flags, window, 0,
                       urg) + options
    if check is None:
        check = csum(pseudo(addr(src), addr(dst), TCP,
                            len(head) + len(data)) + head + data)
    return head[:16] + struct.pack("!H", check) + head[18:] + data


def icmp(kind, code, rest=bytes(4), data=b"", src=None, dst=None):
    """with src and dst: ICMPv6, which sums a pseudo-header"""
    head = struct.pack("!BBH", kind, code, 0) + rest + data
    over = pseudo(addr(src), addr(dst), ICMP6, len(head)) if src else b""
    return head[:2] + struct.pack("!H", csum(over + head)) + head[4:]


class Packet:
    """what came: fields of the IP and transport headers, payload, checks"""

    def __init__(self, frame, vnet):
        self.vnet_flags, self.gso_type = vnet[0], vnet[1]
        self.gso_size = struct.unpack("=H", vnet[4:6])[0]
        self.frame = frame
        self.kind = struct.unpack("!H", frame[12:14])[0]
        self.raw = frame[14:]
        self.proto = self.l4 = self.src = self.dst = None
        if self.kind == ETH_IP4 and len(self.raw) >= 20:
            self.take_ip4()
        elif self.kind == ETH_IP6 and len(self.raw) >= 40:
            self.take_ip6()
        if self.l4 is not None:
            self.take_l4()

    def take_ip4(self):
        raw = self.raw
        ihl = (raw[0] & 15) * 4
        (self.total, self.ident, self.frag, self.ttl,
         self.proto) = struct.unpack("!HHHBB", raw[2:10])
        self.ip_ok = csum(raw[:ihl]) == 0
        self.src = socket.inet_ntop(socket.AF_INET, raw[12:16])
        self.dst = socket.inet_ntop(socket.AF_INET, raw[16:20])
        self.raw = raw = raw[:self.total]
        self.l4 = raw[ihl:]

    def take_ip6(self):
        raw = self.raw
        length, self.proto, self.ttl = struct.unpack("!HBB", raw[4:8])
        self.ip_ok = True
        self.frag = 0
        self.src = socket.inet_ntop(socket.AF_INET6, raw[8:24])
        self.dst = socket.inet_ntop(socket.AF_INET6, raw[24:40])
        self.raw = raw = raw[:40 + length]
        self.l4 = raw[40:]

    def take_l4(self):
        l4 = self.l4
        self.data = b""
        if self.proto == TCP and len(l4) >= 20:
            (self.sport, self.dport, self.seq, self.ack, off, self.flags,
             self.window, _, _) = struct.unpack("!HHIIBBHHH", l4[:20])
            self.options = l4[20:(off >> 4) * 4]
            self.data = l4[(off >> 4) * 4:]
        elif self.proto == UDP and len(l4) >= 8:
            self.sport, self.dport = struct.unpack("!HH", l4[:4])
            self.data = l4[8:]
        elif self.proto in (ICMP, ICMP6) and len(l4) >= 8:
            self.type, self.code = l4[0], l4[1]
            self.data = l4[8:]

    def sum_ok(self):
        """is the transport checksum right, as far as it is filled in?"""
        whole = pseudo(addr(self.src), addr(self.dst), self.proto,
                       len(self.l4))
        if self.proto == ICMP:
            return csum(self.l4) == 0
        if self.vnet_flags & NEEDS_CSUM:
            at = {TCP: 16, UDP: 6}[self.proto]
            return struct.unpack("!H", self.l4[at:at + 2])[0] == (
                ~csum(whole) & 0xFFFF)
        return csum(whole + self.l4) == 0

    def option(self, kind):
        """the bytes of a TCP option, or None"""
        left = self.options
        while left:
            if left[0] == 0:
                return None
            if left[0] == 1:
                left = left[1:]
                continue
            if len(left) < 2 or left[1] < 2:
                return None
            if left[0] == kind:
                return left[2:left[1]]
            left = left[left[1]:]
        return None


class Port:
    """the app's interface, spoken to with frames"""

    def __init__(self, ifname, app4, app6, gateway4, gateway6):
        self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.sock.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        self.sock.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self.sock.bind((ifname, 3))
        self.sock.setblocking(False)
        self.mac = self.sock.getsockname()[4]
        self.app4, self.app6 = app4, app6
        self.gateway4, self.gateway6 = gateway4, gateway6
        self.gateway_mac = None
        self.sent = self.lost = 0

    def raw(self, frame, vnet=NO_VNET):
        """a frame as it is; waits for room, as any sender does"""
        for _ in range(2000):
            try:
                self.sent += 1
                return self.sock.send(vnet + frame)
            except BlockingIOError:
                select.select([], [self.sock], [], 0.05)
            except OSError as e:
                if e.errno == 105:  # ENOBUFS: the queue is full
                    time.sleep(0.0005)
                    continue
                self.lost += 1  # too short, too long: not a frame at all
                return 0
        raise TimeoutError("the interface takes no frame")

    def send(self, packet, mac=None, vnet=NO_VNET):
        """an IP packet to the gateway's MAC"""
        kind = ETH_IP6 if packet[:1] and packet[0] >> 4 == 6 else ETH_IP4
        self.ether(packet, kind, mac, vnet)

    def ether(self, payload, kind, mac=None, vnet=NO_VNET):
        self.raw((mac or self.gateway_mac or b"\xff" * 6) + self.mac +
                 struct.pack("!H", kind) + payload, vnet)

    def recv(self, timeout):
        """the next packet, or None; answers who asks for our address"""
        end = time.monotonic() + timeout
        while True:
            try:
                frame = self.sock.recv(70000)
            except BlockingIOError:
                left = end - time.monotonic()
                if left <= 0 or not select.select([self.sock], [], [],
                                                  left)[0]:
                    return None
                continue
            if len(frame) < 24:
                continue
            p = Packet(frame[10:], frame[:10])
            if not self.answered(p):
                return p

    def answered(self, p):
        """ARP and NS for the address that the kernel does not know"""
        if p.kind == ETH_ARP and len(p.raw) >= 28:
            if p.raw[7] == 1 and p.raw[24:28] == addr(self.app4):
                self.ether(p.raw[:6] + b"\0\2" + self.mac + p.raw[24:28] +
                           p.raw[8:18], ETH_ARP, p.raw[8:14])
                return True
        if p.proto == ICMP6 and len(p.l4) >= 24 and p.l4[0] == 135:
            if p.l4[8:24] == addr(self.app6):
                body = icmp(136, 0, b"\x60\0\0\0", p.l4[8:24] + b"\2\1" +
                            self.mac, self.app6, p.src)
                self.send(ip6(self.app6, p.src, ICMP6, body, hops=255),
                          p.frame[6:12])
                return True
        return False

    def drain(self, quiet=0.05):
        """everything that comes until it is quiet"""
        got = []
        while True:
            p = self.recv(quiet)
            if p is None:
                return got
            got.append(p)

    def expect(self, test, timeout=3):
        """the first packet that passes the test, or None"""
        end = time.monotonic() + timeout
        while True:
            left = end - time.monotonic()
            if left <= 0:
                return None
            p = self.recv(left)
            if p is not None and test(p):
                return p

    def resolve(self):
        """the gateway's MAC by ARP"""
        ask = (struct.pack("!HHBBH", 1, ETH_IP4, 6, 4, 1) + self.mac +
               addr(self.app4) + bytes(6) + addr(self.gateway4))
        for _ in range(10):
            self.ether(ask, ETH_ARP, b"\xff" * 6)
            p = self.expect(lambda p: p.kind == ETH_ARP and len(p.raw) >= 28
                            and p.raw[7] == 2 and
                            p.raw[14:18] == addr(self.gateway4), 1)
            if p:
                self.gateway_mac = p.raw[8:14]
                return p
        return None
