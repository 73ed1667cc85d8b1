# SPDX-License-Identifier: Apache-2.0
"""floor - what must simply work, seen from a raw frame"""
import struct
import time

from rig import NET4, NET6, Conn, check
from wire import ACK, FIN, ICMP, ICMP6, PSH, RST, SYN, TCP, UDP, icmp, ip, tcp, udp


@check("floor: ARP for the gateway answers")
def arp(rig):
    assert rig.port.resolve()


@check("floor: a SYN with all options gets a right SYN-ACK")
def syn_ack(rig):
    for host in (NET4, NET6):
        c = Conn(rig, host=host, options=b"\2\4\5\xb4\1\3\3\7\4\2\x08\n" +
                 struct.pack("!II", 1234, 0) + b"\1\1")
        p = c.open()
        assert p, "no SYN-ACK"
        assert p.sum_ok() and p.ip_ok
        assert p.ack == c.isn + 1
        assert p.option(2), "no MSS"
        assert p.option(3), "no window scale"
        assert p.option(4) is not None, "no SACK permitted"
        stamp = p.option(8)
        assert stamp and stamp[4:] == struct.pack("!I", 1234)
        c.abort()


@check("floor: a closed port: RST with the exact ack")
def closed_port(rig):
    for host in (NET4, NET6):
        c = Conn(rig, dport=7999, host=host)
        c.syn()
        p = c.rx(3)
        assert p and p.flags & RST and p.flags & ACK
        assert p.ack == c.isn + 1 and p.sum_ok()


@check("floor: segments in reverse order arrive once, in order")
def reverse_order(rig):
    c = Conn(rig)
    assert c.open()
    base = c.seq
    for at, data in ((6, b"ghi"), (3, b"def"), (0, b"abc")):
        c.tx(ACK, data, seq=base + at)
    c.seq = base + 9
    assert c.read(9) == b"abcdefghi"
    c.close()


@check("floor: overlapping segments give one consistent string")
def overlap(rig):
    c = Conn(rig)
    assert c.open()
    base = c.seq
    text = b"The quick brown fox jumps over"
    for first, last in ((10, 20), (5, 15), (18, 30), (0, 12)):
        c.tx(ACK, text[first:last], seq=base + first)
    c.seq = base + len(text)
    assert c.read(len(text)) == text
    c.close()


@check("floor: a segment sent three times is delivered once")
def duplicate(rig):
    c = Conn(rig)
    assert c.open()
    for _ in range(3):
        c.tx(ACK | PSH, b"once", seq=c.seq)
    c.seq += 4
    c.send(b"more")
    assert c.read(9, 0.7) == b"oncemore"
    c.close()


@check("floor: a closed window is probed by a byte, then data resumes")
def zero_window(rig):
    c = Conn(rig, dport=7003)
    c.edge = 20000
    assert c.open()
    assert len(c.read(20000)) == 20000
    end = time.monotonic() + 2.5
    while time.monotonic() < end:
        p = c.rx(end - time.monotonic())
        if p is None:
            break
        assert len(p.data) <= 1, f"{len(p.data)} bytes into a closed window"
        c.tx(ACK, window=0)
    c.edge = None
    c.tx(ACK)
    assert len(c.read(40000, 5)) >= 40000
    c.abort()


@check("floor: never past the advertised edge, nor over the MSS")
def edges(rig):
    c = Conn(rig, dport=7003, options=b"\2\4" + struct.pack("!H", 536),
             window=5000)
    assert c.open()
    edge = (c.irs + 1 + 5000) & 0xFFFFFFFF
    end = time.monotonic() + 1
    seen = 0
    while time.monotonic() < end:
        p = c.rx(0.3)
        if p is None:
            break
        size = p.gso_size if p.gso_type else len(p.data)
        assert size <= 536, f"a segment of {size}"
        last = (p.seq + len(p.data)) & 0xFFFFFFFF
        assert (edge - last) & 0xFFFFFFFF < 1 << 31, "past the edge"
        seen = max(seen, (last - c.irs - 1) & 0xFFFFFFFF)
    assert seen >= 4000, f"only {seen} bytes"
    c.abort()


@check("floor: unacknowledged data is sent again within 2.5 s")
def retransmit(rig):
    c = Conn(rig)
    assert c.open()
    c.send(b"again")
    first = c.rx(2)
    while first and not first.data:
        first = c.rx(2)
    assert first
    end = time.monotonic() + 2.5
    while time.monotonic() < end:
        p = c.rx(end - time.monotonic())
        if p and p.data == first.data and p.seq == first.seq:
            c.abort()
            return
    assert False, "not sent again"


@check("floor: after FIN the other way still works")
def half_close(rig):
    c = Conn(rig)
    assert c.open()
    c.send(b"bye")
    c.tx(ACK | FIN)
    c.seq += 1
    assert c.read(10) == b"byeEOFSEEN"
    end = time.monotonic() + 2
    while not c.flags_seen & FIN and time.monotonic() < end:
        c.rx(0.5)
    assert c.flags_seen & FIN
    c.tx(ACK, ack=c.irs + 12)


@check("floor: a server's RST reaches the app as RST")
def server_reset(rig):
    c = Conn(rig, dport=7002)
    assert c.open()
    c.send(b"x")
    end = time.monotonic() + 3
    while time.monotonic() < end and not c.flags_seen & RST:
        c.rx(0.5)
    assert c.flags_seen & RST


@check("floor: UDP echo, both versions")
def udp_echo(rig):
    for host in (NET4, NET6):
        p = rig.udp_echo(b"hello, echo", host)
        assert p and p.data == b"hello, echo" and p.sum_ok() and p.ip_ok


@check("floor: 3000 bytes of UDP in three fragments echo")
def udp_fragments(rig):
    data = bytes(range(250)) * 12
    sport = rig.fresh_port()
    rig.flows += 1
    whole = udp(rig.port.app4, NET4, sport, 7001, data)
    for first, last in ((1200, 2400), (0, 1200), (2400, len(whole))):
        more = 0x2000 if last < len(whole) else 0
        rig.port.send(ip(rig.port.app4, NET4, UDP, whole[first:last],
                         ident=77, frag=first // 8 | more))
    got = {}
    while sum(map(len, got.values())) < len(whole):
        p = rig.port.recv(2)
        assert p, f"{sum(map(len, got.values()))} bytes back"
        if p.proto == UDP:
            got[(p.frag & 0x1FFF) * 8] = p.l4
    back = b"".join(got[at] for at in sorted(got))
    assert back[8:] == data


@check("floor: a closed UDP port says so")
def udp_closed(rig):
    assert rig.refusal(NET4, UDP, 7999) == (3, 3)
    assert rig.refusal(NET6, UDP, 7999) == (1, 4)


@check("floor: FTP, IRC and ident bytes pass unaltered")
def payload(rig):
    lines = (b"PORT 10,0,2,100,4,1\r\n", b"EPRT |1|10.0.2.100|1025|\r\n",
             b"PRIVMSG x :\1DCC SEND f 167772260 1025 9\1\r\n",
             b"1025, 80\r\n", bytes(range(256)))
    c = Conn(rig)
    assert c.open()
    total = 0
    for line in lines:
        c.send(line)
        total += len(line)
        assert c.read(total).endswith(line)
    c.close()


@check("floor: TFTP is not served to the app", linux=False)
def tftp(rig):
    for host in ("10.0.2.2", "10.0.2.3"):
        p = rig.udp_echo(b"\0\1/etc/passwd\0octet\0", host, 69, 0.5)
        assert p is None


@check("floor: the gateway answers echo, byte for byte")
def gateway_echo(rig):
    port = rig.port
    for n in (0, 1, 56, 1400):
        data = bytes(i * 7 & 0xFF for i in range(n))
        port.send(ip(port.app4, "10.0.2.2", ICMP,
                     icmp(8, 0, b"\x12\x34\0\1", data)))
        p = port.expect(lambda p: p.proto == ICMP and p.type == 0)
        assert p and p.data == data and p.sum_ok() and p.ip_ok
        port.send(ip(port.app6, "fd00::2", ICMP6,
                     icmp(128, 0, b"\x12\x34\0\1", data, port.app6,
                          "fd00::2")))
        p = port.expect(lambda p: p.proto == ICMP6 and p.type == 129)
        assert p and p.data == data and p.sum_ok()


@check("floor: echo is relayed, its errors come back, hops count")
def relayed_echo(rig):
    port = rig.port
    rig.flows += 10
    for host, ttl, want in ((NET4, 64, (0, 0)), ("198.51.100.1", 64, (3, 1)),
                            ("198.51.100.2", 64, (3, 13)), (NET4, 2, (0, 0)),
                            (NET4, 1, (11, 0)), (NET6, 64, (129, 0)),
                            ("2001:db8:2::1", 64, (1, 0)),
                            ("2001:db8:3::1", 64, (1, 1)),
                            (NET6, 2, (129, 0)), (NET6, 1, (3, 0))):
        number = struct.pack("!HH", rig.fresh_port(), 7)
        if ":" in host:
            packet = ip(port.app6, host, ICMP6, icmp(
                128, 0, number, b"data", port.app6, host), hops=ttl)
        else:
            packet = ip(port.app4, host, ICMP, icmp(8, 0, number, b"data"),
                        ttl=ttl)
        for _ in range(4):
            # the router of the rig gives one such error a second
            port.send(packet)
            p = port.expect(lambda p: p.proto in (ICMP, ICMP6) and
                            number in p.l4, 1.1)
            if p:
                break
        assert p, f"{host} ttl {ttl}: nothing"
        assert (p.type, p.code) == want, f"{host}: {p.type}/{p.code}"
        assert p.sum_ok()
