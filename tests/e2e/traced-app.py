#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""traced-app - a program that has the datapath do all it can do

Usage: traced-app.py SERVER ECHO-PORT UDP-PORT DOOR-PORT LISTEN-PORT
"""
import os
import socket
import struct
import subprocess
import sys
import threading


def bulk(address):
    """Both ways at once, much of it; a connect that blocks, for once."""
    with socket.create_connection(address) as s:
        s.settimeout(10)
        block, left = b"x" * 65536, 256
        got = 0

        def read():
            nonlocal got
            while got < left * len(block):
                piece = s.recv(1 << 20)
                if not piece:
                    return
                got += len(piece)

        reader = threading.Thread(target=read)
        reader.start()
        for _ in range(left):
            s.sendall(block)
        reader.join()
        print("bulk", got == left * len(block))
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                     struct.pack("ii", 1, 0))


def small(address):
    for _ in range(20):
        with socket.create_connection(address, 10) as s:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            s.sendall(b"one")
            s.recv(3)
            s.shutdown(socket.SHUT_WR)
            s.recv(3)


def datagrams(address):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(5)
        for _ in range(100):
            s.sendto(b"y" * 1200, address)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as closed:
            closed.connect((address[0], 9))
            closed.send(b"refused")
            try:
                closed.settimeout(1)
                closed.recv(1)
            except OSError:
                pass


def refused(address):
    try:
        socket.create_connection((address[0], 9), 2)
    except OSError:
        pass


def look_up():
    for name in ("one.test",):
        try:
            socket.getaddrinfo(name, 80)
        except OSError:
            pass


def ping(host):
    """Where the program may."""
    subprocess.run(["ping", "-c", "2", "-i", "0.2", "-W", "1", host],
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                   check=False)


def inside():
    """Two programs of one sandbox, and what asks of interfaces."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        child = os.fork()
        if not child:
            with socket.create_connection(listener.getsockname()) as s:
                s.sendall(b"hello")
                s.recv(10)
            os._exit(0)
        with listener.accept()[0] as c:
            print("inside", c.recv(5))
            c.sendmsg([b"x"])
        os.waitpid(child, 0)
    socket.if_nameindex()
    pair = socket.socketpair()
    pair[0].sendmsg([b"x"])
    with socket.socket(socket.AF_UNIX) as listener, \
            socket.socket(socket.AF_UNIX) as s:
        listener.bind("\0own")
        listener.listen(1)
        s.connect("\0own")
    try:
        with socket.socket(socket.AF_UNIX) as s:
            s.connect("/nowhere")
    except OSError:
        pass


def serve(port):
    """A published port: clients come from outside."""
    with socket.create_server(("", port)) as tcp, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("", port))
        print("serving", flush=True)
        with tcp.accept()[0] as c:
            c.sendall(c.recv(100))
        data, peer = udp.recvfrom(100)
        udp.sendto(data, peer)


def main(server, echo, udp, door, listen):
    bulk((server, int(echo)))
    small((server, int(echo)))
    refused((server, 9))
    datagrams((server, int(udp)))
    look_up()
    ping(server)
    inside()
    small(("127.0.0.1", int(door)))
    serve(int(listen))
    # commands that change rules come meanwhile
    sys.stdin.readline()
    small((server, int(echo)))
    print("done", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
