#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""control-client - the control protocol spoken badly, and well

    control-client.py SOCKET say LINE...      each line, and what it answers
    control-client.py SOCKET garbage          all sorts of it; ok when the
                                              server still answers afterwards
    control-client.py SOCKET deaf SECONDS     asks for ever and never reads
    control-client.py SOCKET crowd N          N connections that say nothing
    control-client.py SOCKET knock            connects: "refused ERRNO" or what
                                              it answers to info
"""
import errno
import json
import os
import random
import select
import socket
import sys
import time


def connect(path):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.connect(path)
    s.settimeout(10)
    return s


def lines(s):
    rest = b""
    while True:
        try:
            more = s.recv(65536)
        except ConnectionResetError:
            return
        if not more:
            return
        rest += more
        while b"\n" in rest:
            line, rest = rest.split(b"\n", 1)
            yield json.loads(line)


def last(s):
    """the line that ends an answer, or None: it was closed"""
    for line in lines(s):
        assert line["v"] == 1
        if "ok" in line:
            return line
    return None


def say(path, words):
    s = connect(path)
    answers = lines(s)
    for word in words:
        s.sendall(word.encode() + b"\n")
        for line in answers:
            print(json.dumps(line))
            if "ok" in line:
                break


BAD = [
    b"", b" ", b"{", b"}", b"[]", b"null", b"true", b"1", b'"info"', b"{}",
    b'{"v":1}', b'{"do":"info"}', b'{"v":"1","do":"info"}',
    b'{"v":2,"do":"info"}', b'{"v":1,"do":1}', b'{"v":1,"do":null}',
    b'{"v":1,"do":["info"]}', b'{"v":1,"do":"inf"}', b'{"v":1,"do":""}',
    b'{"v":1,"do":"info","more":1}', b'{"v":1,"do":"info"} x',
    b'{"v":1,"do":"info"}{"v":1,"do":"info"}', b"{'v':1,'do':'info'}",
    b'{"v":1,"id":-1,"do":"info"}', b'{"v":1,"id":1.5,"do":"info"}',
    b'{"v":1,"id":"1","do":"info"}',
    b'{"v":1,"id":99999999999999999999999,"do":"info"}',
    b'{"v":1,"do":"allow"}', b'{"v":1,"do":"allow","target":1}',
    b'{"v":1,"do":"allow","target":""}',
    b'{"v":1,"do":"allow","target":"a\\u0000b"}',
    b'{"v":1,"do":"allow","target":"127.1"}',
    b'{"v":1,"do":"allow","target":"' + b"a" * 400 + b'"}',
    b'{"v":1,"do":"allow","target":{"a":"b"}}',
    b'{"v":1,"do":"deny","target":["10.0.0.1"]}',
    b'{"v":1,"do":"kill","signal":0}', b'{"v":1,"do":"kill","signal":65}',
    b'{"v":1,"do":"kill","signal":"TERM"}',
    b'{"v":1,"do":"kill","signal":1e1}',
    b"\xff\xfe", b'{"v":1,"do":"\xc3\x28"}', b'{"v":1,"do":"info\x00"}',
    b'\x00{"v":1,"do":"info"}', b"[" * 1000 + b"]" * 1000,
    b'{"a":' * 600 + b"1" + b"}" * 600, b'{"v":1,"do":"info"',
    b"\r", b"\t", b'{"v":1,"do":"info","do":"none"}',
]


def is_alive(path):
    s = connect(path)
    s.sendall(b'{"v":1,"id":7,"do":"info"}\n')
    answer = last(s)
    assert answer and answer["ok"] and answer["id"] == 7, answer


def garbage(path):
    for bad in BAD:
        s = connect(path)
        s.sendall(bad + b"\n" + b'{"v":1,"id":5,"do":"info"}\n')
        answers = lines(s)
        first = next(answers)
        assert first["ok"] is False and first["error"], (bad, first)
        second = next(answers)  # the connection goes on
        assert second["ok"] and second["id"] == 5, (bad, second)
    # longer than a line may be: one answer, and the end
    for size in 4097, 5000, 100000:
        s = connect(path)
        try:
            s.sendall(b"x" * size)
        except (BrokenPipeError, ConnectionResetError):
            pass
        answer = last(s)
        assert answer and answer["errno"] == "EMSGSIZE", answer
        assert last(s) is None
    # exactly as long as it may be
    s = connect(path)
    text = b'{"v":1,"do":"info"'
    s.sendall(text + b" " * (4095 - len(text)) + b"}\n")
    assert last(s)["ok"]
    # in single bytes, and many at once
    s = connect(path)
    for byte in b'{"v":1,"do":"info"}\n':
        s.sendall(bytes([byte]))
    assert last(s)["ok"]
    s = connect(path)
    s.sendall(b'{"v":1,"do":"stats"}\n' * 200)
    answers = lines(s)
    for _ in range(200):
        assert next(answers)["ok"]
    # gone before the answer, half closed, closed in the middle
    for tail in b"", b"\n":
        connect(path).sendall(b'{"v":1,"do":"flows"}' + tail)
    s = connect(path)
    s.sendall(b'{"v":1,"do":"flows"}\n{"v":1,"do":"info"}\n')
    s.shutdown(socket.SHUT_WR)
    assert [a["ok"] for a in lines(s) if "ok" in a] == [True, True]
    # any bytes at all
    rng = random.Random(4)
    for _ in range(200):
        s = connect(path)
        s.sendall(bytes(rng.randrange(256) for _ in range(
            rng.randrange(1, 3000))))
    # descriptors along with it are not taken
    s = connect(path)
    socket.send_fds(s, [b'{"v":1,"do":"info"}\n'], [0, 1, 2])
    assert last(s)["ok"]
    is_alive(path)
    print("ok")


def deaf(path, seconds):
    s = connect(path)
    s.setblocking(False)
    end = time.monotonic() + float(seconds)
    sent = 0
    while time.monotonic() < end:
        hup = select.poll()
        hup.register(s, 0)
        if hup.poll(0):
            print("dropped")
            return
        try:
            sent += s.send(b'{"v":1,"do":"rules"}\n' * 100)
        except BlockingIOError:
            pass
        except (BrokenPipeError, ConnectionResetError):
            print("dropped")
            return
        began = time.monotonic()
        is_alive(path)
        assert time.monotonic() - began < 2, "slowed"
        time.sleep(0.05)
    print("kept", sent)


def crowd(path, n):
    held = [connect(path) for _ in range(int(n))]
    is_alive(path)
    assert held
    print("ok")


def knock(path):
    # a path of any length, and one that is not judged by its text
    os.chdir(os.path.dirname(path) or ".")
    for spelling in path, os.path.basename(path):
        try:
            s = connect(spelling)
        except OSError as e:
            print("refused", errno.errorcode[e.errno])
            continue
        try:
            s.sendall(b'{"v":1,"do":"allow","target":"@loopback"}\n')
        except (BrokenPipeError, ConnectionResetError):
            pass
        print("answered", json.dumps(last(s)))


if __name__ == "__main__":
    _, path, what, *rest = sys.argv
    if what == "say":
        say(path, rest)
    else:
        {"garbage": garbage, "deaf": deaf, "crowd": crowd,
         "knock": knock}[what](path, *rest)
