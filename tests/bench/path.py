# SPDX-License-Identifier: Apache-2.0
"""path - a server behind a link with delay and loss, made of two veth pairs"""

import ctypes
import fcntl
import os
import socket
import struct
import subprocess
import time

import modes as m

SIOCETHTOOL = 0x8946
# ethtool.h: set rx and tx checksumming, TSO, GSO, GRO
OFFLOADS = (0x15, 0x17, 0x1f, 0x24, 0x2c)


def _sh(*argv):
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, timeout=10)


def _plain(name):
    """Frames as a wire has them: no segmentation or checksum is put off"""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for command in OFFLOADS:
            value = ctypes.create_string_buffer(
                struct.pack("II", command, 0))
            request = struct.pack("16sQ16x", name.encode(),
                                  ctypes.addressof(value))
            try:
                fcntl.ioctl(s, SIOCETHTOOL, request)
            except OSError:
                continue  # not of this device


class Path:
    """host (path0) - path1, the impairing relay, far1 - far0 and the server"""

    def __init__(self, impair):
        self.impair = impair
        self.address = m.FAR
        self.relay = None
        _sh("ip", "link", "add", "path0", "mtu", "1500", "type", "veth",
            "peer", "name", "path1")
        _sh("ip", "link", "add", "far0", "type", "veth", "peer", "name",
            "far1")
        # ends with its stdin
        self.far = subprocess.Popen(["unshare", "-n", "cat"],
                                    stdin=subprocess.PIPE,
                                    stdout=subprocess.DEVNULL)
        while os.readlink(f"/proc/{self.far.pid}/ns/net") == \
                os.readlink("/proc/self/ns/net"):
            time.sleep(0.01)
        self.enter = enter = ["nsenter", "-t", str(self.far.pid), "-n"]
        _sh("ip", "link", "set", "far0", "netns", str(self.far.pid))
        for name in "path0", "path1", "far1":
            with open(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6", "w",
                      encoding="utf-8") as f:
                f.write("1")
            _plain(name)
            _sh("ip", "link", "set", name, "up")
        _sh("ip", "address", "add", "198.51.100.1/24", "dev", "path0")
        _sh(*enter, "ip", "address", "add", f"{m.FAR}/24", "dev", "far0")
        _sh(*enter, "sysctl", "-qw", "net.ipv4.tcp_congestion_control=reno")
        _sh(*enter, "python3", "-c", f"import sys; sys.path.insert(0, "
            f"{os.path.dirname(__file__)!r}); import path; "
            "path._plain('far0')")
        _sh(*enter, "ip", "link", "set", "far0", "up")
        self.server = None

    def pids(self):
        """What is the path's own"""
        return [p.pid for p in (self.far, self.server, self.relay) if p]

    def set(self, delay_ms, lost_per_million, seed):
        """From now on, each way; the server knows nothing of earlier runs"""
        self._end()
        self.server = subprocess.Popen(
            [*self.enter, "iperf3", "-s", "-p", str(m.TCP_PORT)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        self.relay = subprocess.Popen(
            [self.impair, "path1", "far1", str(int(delay_ms * 1000 / 2)),
             str(lost_per_million), str(seed)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        self.relay.stdout.readline()
        time.sleep(0.1)  # iperf3 does not say when it listens

    def _end(self):
        for p in (self.relay, self.server):
            if p:
                p.terminate()
                p.wait()
        self.relay = self.server = None

    def close(self):
        """Ends its processes, by their ids"""
        self._end()
        self.far.stdin.close()
        self.far.wait()
