#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""unix - AF_UNIX sockets: servers outside, and what a program inside does

  unix.py serve DIR NAME...    listens at DIR/NAME, and at the abstract name
                               NAME; DIR/NAME.arrivals has a line for each
                               connection and message
  unix.py reach PATH...        a line for each: its greeting, or the errno;
                               a path that begins with @ is abstract
  unix.py own DIR              what a program does with sockets of its own
  unix.py tricks DIR SHUT      ways around a rule; prints what was reached
  unix.py flip OPEN SHUT SECS  the path changes under connect()
"""
import ctypes
import errno
import fcntl
import os
import select
import socket
import sys
import threading
import time

LIBC = ctypes.CDLL(None, use_errno=True)


def stream():
    return socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)


def outcome(act, *args):
    """The result of a call, or the name of its error."""
    try:
        return act(*args)
    except OSError as error:
        return errno.errorcode[error.errno]


def serve(folder, *names):
    readers = {}
    for name in names:
        path = f"{folder}/{name}"
        for address, kind in ((path, socket.SOCK_STREAM),
                              (f"\0{name}", socket.SOCK_STREAM),
                              (f"\0{name}.d", socket.SOCK_DGRAM),
                              (f"{path}.d", socket.SOCK_DGRAM)):
            s = socket.socket(socket.AF_UNIX, kind)
            s.bind(address)
            if kind == socket.SOCK_STREAM:
                s.listen(64)
            readers[s] = open(f"{path}.arrivals", "a", buffering=1)
        os.chmod(path, 0o777)
        os.chmod(f"{path}.d", 0o777)
    print("ready", flush=True)
    while True:
        for s in select.select(list(readers), [], [])[0]:
            if s.type == socket.SOCK_DGRAM:
                readers[s].write(f"message {s.recv(100)}\n")
                continue
            with s.accept()[0] as c:
                readers[s].write("connection\n")
                outcome(c.sendall, b"hello")


def greeting(path):
    address = "\0" + path[1:] if path.startswith("@") else path
    with stream() as s:
        s.settimeout(10)
        s.connect(address)
        return s.recv(5).decode()


def reach(*paths):
    for path in paths:
        print(f"{path}: {outcome(greeting, path)}")


# --- sockets of one's own ---------------------------------------------------

def queue_full(folder):
    """A listener with a full queue: who may wait, waits."""
    path = f"{folder}/queue"
    first, second, third = stream(), stream(), stream()
    with stream() as listener:
        listener.bind(path)
        listener.listen(0)
        first.connect(path)
        second.setblocking(False)
        print("queue, non-blocking:", outcome(second.connect, path))
        threading.Timer(0.3, lambda: listener.accept()[0].close()).start()
        before = time.monotonic()
        print("queue, blocking:", outcome(third.connect, path),
              time.monotonic() - before > 0.2)
    print("queue, closed:", outcome(stream().connect, path))


def kept(folder):
    """What was done to a socket before connect() still holds."""
    path = f"{folder}/kept"
    with stream() as listener:
        listener.bind(path)
        listener.listen(8)
        s = stream()
        poll = select.epoll()
        poll.register(s, select.EPOLLIN)
        twin = s.dup()
        os.set_inheritable(s.fileno(), True)
        s.setblocking(False)
        s.connect(path)
        peer = listener.accept()[0]
        peer.sendall(b"x")
        print("inheritable:", os.get_inheritable(s.fileno()), "non-blocking:",
              bool(fcntl.fcntl(s, fcntl.F_GETFL) & os.O_NONBLOCK))
        print("peer:", s.getpeername() == path, "again:",
              outcome(s.connect, path))
        if os.environ.get("GETFD", "1") == "1":
            print("epoll:", bool(poll.poll(5)), "duplicate:", twin.recv(1))


def own(folder):
    os.chdir(folder)
    with stream() as listener:
        listener.bind("talk")
        listener.listen(8)
        for path in "talk", f"{folder}/talk", "./talk", "../" + \
                os.path.basename(folder) + "/talk":
            s = stream()
            print("own:", outcome(s.connect, path), s.getpeername())
        os.rename("talk", "moved")
        print("moved:", outcome(stream().connect, "moved"),
              outcome(stream().connect, "talk"))
    print("closed:", outcome(stream().connect, "moved"))
    open("file", "w").close()
    print("file:", outcome(stream().connect, "file"),
          "folder:", outcome(stream().connect, "."),
          "long:", outcome(stream().connect, "x" * 107))
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind("packets")
        listener.listen(8)
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        print("packets:", outcome(s.connect, "packets"),
              "stream there:", outcome(stream().connect, "packets"))
    pair = socket.socketpair()
    pair[0].sendmsg([b"a"])
    print("pair:", pair[1].recv(1))
    queue_full(folder)
    kept(folder)
    with stream() as listener:
        listener.bind("\0own")
        listener.listen(8)
        if os.environ.get("ABSTRACT", "1") == "1":
            print("abstract:", outcome(stream().connect, "\0own"))
    if os.environ.get("DATAGRAMS", "0") == "1":
        print("datagrams:", outcome(socket.socket, socket.AF_UNIX,
                                    socket.SOCK_DGRAM),
              outcome(socket.socketpair, socket.AF_UNIX, socket.SOCK_DGRAM),
              outcome(socket.socket, socket.AF_UNIX, socket.SOCK_RAW))


# --- ways around ------------------------------------------------------------

def tricks(folder, shut, _allowed=None):
    reached = []

    def attempt(what, path):
        result = outcome(greeting, path)
        if result != "EACCES":
            reached.append((what, result))

    os.chdir(folder)
    attempt("plain", shut)
    attempt("slashes", shut.replace("/", "//"))
    attempt("dots", shut.replace("/", "/./"))
    attempt("from here", os.path.relpath(shut))
    os.symlink(shut, "link")
    attempt("symbolic link", "link")
    os.symlink(os.path.dirname(shut), "there")
    attempt("linked folder", "there/" + os.path.basename(shut))
    # one's own name, with another's socket behind it afterwards
    with stream() as mine:
        mine.bind("mine")
        mine.listen(8)
        stream().connect("mine")
        os.rename("link", "mine")
        attempt("name of one's own", "mine")
    # where something allowed is, if it may be replaced
    if len(sys.argv) > 4:
        os.rename(sys.argv[4], "kept")
        os.symlink(shut, sys.argv[4])
        attempt("symbolic link in the place of the allowed", sys.argv[4])
        os.unlink(sys.argv[4])
        os.rename("kept", sys.argv[4])
    if outcome(os.link, shut, "hard") is None:
        attempt("hard link", "hard")
    # another root, where it may be had
    top, below = os.path.split(os.path.dirname(shut))
    if LIBC.chroot(top.encode()) == 0:
        os.chdir("/")
        attempt("root", f"/{below}/{os.path.basename(shut)}")
        attempt("root, dots", f"../{below}/../{below}/{os.path.basename(shut)}")
    print(reached or "held")


def flip(open_path, shut_path, seconds):
    length = max(len(open_path), len(shut_path)) + 1
    address = (ctypes.c_char * (2 + length))()
    ctypes.memmove(address, b"\x01\x00", 2)
    values = [path.encode().ljust(length, b"\0")
              for path in (open_path, shut_path)]
    end = time.monotonic() + float(seconds)
    done = {}

    def change():
        at = ctypes.addressof(address) + 2
        while time.monotonic() < end:
            for value in values:
                ctypes.memmove(at, value, length)

    def call():
        while time.monotonic() < end:
            with stream() as s:
                rc = LIBC.connect(s.fileno(), address, len(address))
                word = "ok" if rc == 0 else errno.errorcode[ctypes.get_errno()]
                done[word] = done.get(word, 0) + 1

    threads = [threading.Thread(target=change), threading.Thread(target=call)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(done)
    # it showed nothing unless both were tried
    print("held" if done.get("ok", 0) > 9 and done.get("EACCES", 0) > 9
          else "not tried")


if __name__ == "__main__":
    {"serve": serve, "reach": reach, "own": own, "tricks": tricks,
     "flip": flip}[sys.argv[1]](*sys.argv[2:])
