#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""demo-server - a small HTTP server for the demonstration and the tests

GET /hello answers one line; GET /blob/BYTES that many pseudo-random bytes,
the same for every run; GET /blob/BYTES/sha256 their hash; PUT /any answers
the hash of what came. Listens on each ADDRESS given (port 0: any, the same
for all), prints the port and serves until its standard input ends.
"""
import hashlib
import http.server
import os
import socket
import sys
import threading

PIECE = 1 << 20


def pieces(total):
    """total bytes, each piece of a mebibyte different, none compressible"""
    base = hashlib.shake_256(b"postern").digest(PIECE)
    number = 0
    while total > 0:
        piece = number.to_bytes(8, "big") + base[8:]
        yield piece[:total]
        total -= len(piece)
        number += 1


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        part = self.path.strip("/").split("/")
        if part[0] == "blob" and len(part) == 2:
            self.send_response(200)
            self.send_header("Content-Length", part[1])
            self.end_headers()
            for piece in pieces(int(part[1])):
                self.wfile.write(piece)
        elif part[0] == "blob":
            digest = hashlib.sha256()
            for piece in pieces(int(part[1])):
                digest.update(piece)
            self.answer(digest.hexdigest().encode() + b"\n")
        elif part[0] == "peer":
            self.answer(b"%s\n" % self.client_address[0].encode())
        else:
            self.answer(b"hello from the host's side\n")

    def do_PUT(self):
        digest = hashlib.sha256()
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.send_response_only(100)
            self.end_headers()
        left = int(self.headers["Content-Length"])
        while left > 0:
            data = self.rfile.read(min(left, PIECE))
            if not data:
                return
            digest.update(data)
            left -= len(data)
        self.answer(digest.hexdigest().encode() + b"\n")

    def handle_expect_100(self):
        return True


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True

    def server_bind(self):
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name = "demo"
        self.server_port = self.server_address[1]


def main():
    port = int(sys.argv[1])
    for address in sys.argv[2:]:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        kind = type("S", (Server,), {"address_family": family})
        server = kind((address, port), Handler)
        port = server.server_port
        threading.Thread(target=server.serve_forever, daemon=True).start()
    print(port, flush=True)
    while os.read(0, 4096):
        pass


if __name__ == "__main__":
    main()
