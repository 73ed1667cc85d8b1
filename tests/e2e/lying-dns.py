#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""lying-dns.py ADDRESS - a DNS server that lies in the way the first label of
a name says; one line "ID PORT NAME TYPE" on stdout for each question."""
import socket
import socketserver
import struct
import sys
import threading
import time

GOOD, BAD, PRIVATE = "192.0.2.3", "192.0.2.66", "10.77.0.1"
count = {}


def question(query):
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]])
        at += 1 + query[at]
    kind, = struct.unpack_from(">H", query, at + 1)
    return labels, kind, query[12:at + 5]


def record(address, ttl=60, owner=b"\xc0\x0c"):
    return owner + struct.pack(">HHIH", 1, 1, ttl, 4) + \
        socket.inet_aton(address)


def alias(owner, target):
    """owner, target: names as text"""
    def wire(name):
        return b"".join(bytes([len(x)]) + x.encode()
                        for x in name.split(".")) + b"\0"
    text = wire(target)
    return wire(owner) + struct.pack(">HHIH", 5, 1, 60, len(text)) + text, \
        wire(target)


def https(kind, address, at):
    """a SVCB or HTTPS record with an address hint, and ech"""
    text = b"\0\1\0" + struct.pack(">HH", 4, 4) + socket.inet_aton(address) + \
        struct.pack(">HH", 5, 4) + b"keys" + \
        struct.pack(">HH", 6, 16) + socket.inet_pton(socket.AF_INET6, at)
    return b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 60, len(text)) + text


def message(ident, q, records, flags=0x8180, answers=None):
    n = len(records) if answers is None else answers
    return struct.pack(">HHHHHH", ident, flags, 1, n, 0, 0) + q + \
        b"".join(records)


def answers(query, port, tcp):
    """What goes back: (bytes, from another port?) one after the other."""
    ident, = struct.unpack_from(">H", query)
    labels, kind, q = question(query)
    name = b".".join(labels).decode().lower()
    how = name.split(".")[0]
    print(ident, port, name, kind, "tcp" if tcp else "udp", flush=True)
    if how == "hint" and kind in (64, 65):
        return [(message(ident, q, [https(kind, BAD, "fd00::66")]), False)]
    if kind != 1:
        return [(message(ident, q, []), False)]
    good = (message(ident, q, [record(GOOD)]), False)
    if how == "wrongid":
        return [(message(ident ^ k, q, [record(BAD)]), False)
                for k in (1, 256, 0xffff)] + [good]
    if how == "wrongname":
        other = bytes([len(labels[0])]) + b"x" * len(labels[0]) + \
            q[1 + len(labels[0]):]
        return [(message(ident, other, [record(BAD)]), False), good]
    if how == "wrongtype":
        other = q[:-4] + struct.pack(">HH", 28, 1)
        return [(message(ident, other, [record(BAD)]), False), good]
    if how == "lowercase" and not tcp:
        return [(message(ident, q.lower(), [record(BAD)]), False)]
    if how == "otherport":
        return [(message(ident, q, [record(BAD)]), True), good]
    if how == "twice":
        return [good, (message(ident, q, [record(BAD)]), False)]
    if how == "garbage":
        return [(b"\0" * 3, False), (query, False),
                (message(ident, q, [record(BAD)])[:-3], False), good]
    if how == "loop":
        at = 12 + len(q)
        self_pointer = struct.pack(">H", 0xc000 | at)
        return [(message(ident, q, [self_pointer + record(BAD)[2:]] * 2 +
                         [b"\xff\xff" * 40]), False),
                (message(ident, q, [], answers=65535), False), good]
    if how == "flip":
        count[name] = count.get(name, 0) + 1
        address = GOOD if count[name] % 3 else PRIVATE
        return [(message(ident, q, [record(address, 0)]), False)]
    if how == "alias":  # to a name that is denied
        record_, target = alias(name, "evil.example")
        return [(message(ident, q, [record_, record(GOOD, 60, target)]), False)]
    if how == "chain":  # to a private address, by way of three names
        parts, owner = [], name
        for target in "a.example", "evil.example", "b.example":
            record_, wire = alias(owner, target)
            parts.append(record_)
            owner = target
        return [(message(ident, q, parts + [record(PRIVATE, 60, wire),
                                            record(GOOD, 60, wire)]), False)]
    if how == "circle":
        one, _ = alias(name, "b.example")
        two, _ = alias("b.example", name)
        return [(message(ident, q, [one, two] * 3), False)]
    if how == "unasked":  # an address of a name that nobody asked for
        _, other = alias(name, "other.example")
        return [(message(ident, q, [record(BAD, 60, other), record(GOOD)]),
                 False)]
    if how == "silent":
        return []
    return [good]


class Tcp(socketserver.BaseRequestHandler):
    def handle(self):
        data = self.request.recv(4096)
        for msg, _ in answers(data[2:], self.client_address[1], True):
            self.request.sendall(struct.pack(">H", len(msg)) + msg)


def main():
    address = sys.argv[1]
    socketserver.ThreadingTCPServer.allow_reuse_address = True
    tcp = socketserver.ThreadingTCPServer((address, 53), Tcp)
    threading.Thread(target=tcp.serve_forever, daemon=True).start()
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind((address, 53))
    stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    stranger.bind((address, 0))
    while True:
        query, peer = udp.recvfrom(4096)
        for msg, strange in answers(query, peer[1], False):
            (stranger if strange else udp).sendto(msg, peer)
            time.sleep(0.01 if strange else 0)


main()
