#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# ports.bats - published ports: clients of the host reach listeners inside

bats_require_minimum_version 1.5.0

setup_file()
{
	load lib.bash
	can_own_namespaces ||
		{ file_skips "no network namespace can be made"; return; }
	rig_up
}

teardown_file()
{
	load lib.bash
	rig_down
}

setup()
{
	load lib.bash
	for_everybody
}

# publish WAY OPTION... -- CMD... - in the background, its output in ./out
publish()
{
	ln -sf "$RIG_DIR/published.log" out
	: >out
	background published postern_do "$@"
	PUBLISHED=$BACKGROUND_PID
}

has_ended()
{
	[ ! -e "/proc/$1" ] || grep -q '^State:.*Z' "/proc/$1/status"
}

# stop - ends what publish() started, and waits for that, not for ever
stop()
{
	kill "$PUBLISHED"
	if ! eventually has_ended "$PUBLISHED"; then
		echo "it does not end:"
		cat "/proc/$PUBLISHED/status"
		ps -ef --forest | tail -n 30
		kill -KILL "$PUBLISHED"
		return 1
	fi
	wait "$PUBLISHED" || :
}

fetches()
{
	"$1" curl -gsS -m 5 -o got "$2" 2>err
}

@test "a server inside is reached from the host, and from its network" {
	local way

	echo hello >page
	for way in $(ways_and_bare); do
		echo "# $way"
		publish "$way" -p 8080:80 -p $HOST4:8081:80 \
			-p "[$HOST6]:8081:80" --log log -- \
			python3 -m http.server --bind :: 80
		eventually fetches in_host http://127.0.0.1:8080/page
		cmp got page
		fetches in_host 'http://[::1]:8080/page'
		fetches in_net "http://$HOST4:8081/page"
		fetches in_net "http://[$HOST6]:8081/page"
		cmp got page
		stop
		# the client's own address, or the gateway
		grep -q '^::ffff:10\.0\.2\.2 ' out
		grep -q '^fd00::2 ' out
		grep -q "^::ffff:$NET4 " out
		grep -q "^$NET6 " out
		check_log log
		grep -q '"host_addr":"192.0.2.2".*"rule":"publish:2"' log
		rm log
	done
}

@test "while nobody listens inside, clients are refused" {
	local way round # `run` has an i of its own

	for way in $(ways_and_bare); do
		echo "# $way"
		publish "$way" -p 8080:80 -- python3 -c '
import os, socket, time
print("up", flush=True)
for i in range(2):
    while not os.path.exists(f"listen{i}"): time.sleep(.01)
    s = socket.create_server(("", 80))
    while not os.path.exists(f"close{i}"): time.sleep(.01)
    s.close()
time.sleep(60)'
		eventually grep -q up out
		for round in 0 1; do
			run -7 in_host curl -sS http://127.0.0.1:8080/
			[[ $output == *"Could not connect"* ]] ||
				[[ $output == *"Couldn't connect"* ]]
			touch "listen$round"
			eventually opens 127.0.0.1 8080
			touch "close$round"
			eventually shuts 127.0.0.1 8080
		done
		stop
		rm listen? close?
	done
}

# udp_client WHERE FAMILY ADDRESS [SOURCE-PORT] - what a connected socket hears
udp_client()
{
	"$1" /usr/bin/python3 -c '
import socket, sys
s = socket.socket(getattr(socket, sys.argv[1]), socket.SOCK_DGRAM)
s.settimeout(2)
if len(sys.argv) > 3: s.bind(("", int(sys.argv[3])))
s.connect((sys.argv[2], 5353))
for n in (1, 1400, 30000):
    s.send(b"a" * n)
    if s.recv(65536) != b"A" * n: sys.exit("wrong")
print("answered")' "${@:2}" 2>&1
}

udp_answers()
{
	[ "$(udp_client "$@")" = answered ]
}

@test "datagrams to a published port, and their answers" {
	local way

	cat >upper.py <<-'PY'
		import socket
		s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
		s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
		s.bind(("::", 53))
		while True:
		    data, at = s.recvfrom(65536)
		    print(len(data), at[0], at[1], flush=True)
		    s.sendto(data.upper(), at)
	PY
	for way in $(ways_and_bare); do
		echo "# $way"
		# the answer to who wrote to an address comes from that one
		publish "$way" -p 5353:53/udp --log log -- sh -c \
			'sleep 1; exec python3 upper.py'
		eventually in_host ss -Hlun 'sport = :5353'
		run udp_client in_host AF_INET 127.0.0.1
		[[ $output == *ConnectionRefused* ]]
		eventually udp_answers in_host AF_INET 127.0.0.1
		udp_answers in_host AF_INET6 ::1
		udp_answers in_host AF_INET 127.0.0.1 7777
		grep -q '^30000 ::ffff:10.0.2.2 7777$' out
		stop
		check_log log
		[ "$(grep -c '"event":"close".*"proto":"udp".*"rule":"publish:1"' log)" = 3 ]
		rm log
		publish "$way" -p 0.0.0.0:5353:53/udp -- python3 upper.py
		eventually udp_answers in_net AF_INET "$HOST4" 7777
		grep -q "^1400 ::ffff:$NET4 7777\$" out
		udp_answers in_host AF_INET "$HOST4"
		udp_answers in_host AF_INET 127.0.0.2
		stop
	done
}

opens()
{
	in_host bash -c "exec 9<>/dev/tcp/$1/$2" 2>/dev/null
}

shuts()
{
	! opens "$@"
}

@test "a port that cannot be had ends it before CMD" {
	background busy in_host python3 -c '
import socket, time
s = socket.create_server(("127.0.0.1", 8085))
time.sleep(60)'
	eventually tcp_listens in_host 8085
	run -125 as_user "$POSTERN" do -p 8085:80 -- touch ran
	echo "$output"
	[[ $output == "postern: cannot publish 127.0.0.1:8085/tcp: the port is in use; write -p "* ]]
	run -125 as_user "$POSTERN" do -p 80 -- touch ran
	[[ $output == *"127.0.0.1:80/tcp: ports below"*"write -p 8080:80" ]]
	run -125 as_user "$POSTERN" do -p 198.51.100.77:8080:80 -- touch ran
	[[ $output == *"the host does not have this address"* ]]
	run -125 as_user "$POSTERN" do -p 8080:http -- touch ran
	[ "${#lines[@]}" = 1 ]
	[ ! -e ran ]
}

@test "two sandboxes publish the same port inside, and each answers" {
	local way first

	for way in $(ways_and_bare); do
		echo "# $way"
		echo one >page
		publish "$way" -p 8080:80 -- python3 -m http.server --bind :: 80
		first=$PUBLISHED
		eventually fetches in_host http://127.0.0.1:8080/page
		mkdir -p other && echo two >other/page
		publish "$way" -p 8081:80 -- \
			python3 -m http.server --bind :: -d other 80
		eventually fetches in_host http://127.0.0.1:8081/page
		grep -qx two got
		eventually fetches in_host http://127.0.0.1:8080/page
		grep -qx one got
		stop
		# the port of one that has ended is free, the other goes on
		eventually fetches in_host http://127.0.0.1:8080/page
		shuts 127.0.0.1 8081
		PUBLISHED=$first
		stop
	done
}

@test "1000 clients at once, each with an answer of its own" {
	local way

	cat >echo.py <<-'PY'
		import asyncio
		async def serve(r, w):
		    w.write((await r.readline()).upper())
		    await w.drain()
		    await r.read()
		    w.close()
		async def main():
		    s = await asyncio.start_server(serve, "0.0.0.0", 80, backlog=2000)
		    await s.serve_forever()
		asyncio.run(main())
	PY
	cat >clients.py <<-'PY'
		import asyncio
		async def one(n):
		    r, w = await asyncio.open_connection("127.0.0.1", 8080)
		    w.write(b"client %d\n" % n)
		    assert await r.readline() == b"CLIENT %d\n" % n, n
		    return r, w
		async def main():
		    held = await asyncio.gather(*(one(n) for n in range(1000)))
		    for r, w in held:
		        w.write_eof()
		    for r, w in held:
		        assert await r.read() == b""
		        w.close()
		    print(len(held), "answered")
		asyncio.run(main())
	PY
	for way in $(ways_and_bare); do
		echo "# $way"
		publish "$way" -p 8080:80 -- sh -c \
			'ulimit -n 4096; exec python3 echo.py'
		eventually opens 127.0.0.1 8080
		run in_host sh -c \
			'ulimit -n 4096; exec timeout 40 python3 clients.py'
		echo "$output"
		[ "$output" = "1000 answered" ]
		stop
	done
}

@test "a listener on loopback alone is reached, and sees a loopback peer" {
	local way

	cat >loopback.py <<-'PY'
		import http.server, socket, threading
		class Server(http.server.ThreadingHTTPServer):
		    address_family = socket.AF_INET6
		def run(cls, at):
		    s = cls((at, 80), http.server.SimpleHTTPRequestHandler)
		    threading.Thread(target=s.serve_forever).start()
		run(http.server.ThreadingHTTPServer, "127.0.0.1")
		run(Server, "::1")
		u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		u.bind(("127.0.0.1", 53))
		while True:
		    data, at = u.recvfrom(65536)
		    u.sendto(data.upper(), at)
	PY
	head -c 20000000 /dev/urandom >page
	for way in $(ways_and_bare); do
		echo "# $way"
		publish "$way" -p 8080:80 -p 0.0.0.0:5353:53/udp -- \
			python3 loopback.py
		eventually fetches in_host http://127.0.0.1:8080/page
		cmp got page
		fetches in_host 'http://[::1]:8080/page'
		cmp got page
		eventually udp_answers in_host AF_INET 127.0.0.1
		udp_answers in_net AF_INET "$HOST4" 7777
		udp_answers in_host AF_INET 127.0.0.1 7777
		grep -q '^127\.0\.0\.1 ' out
		grep -q '^::1 ' out
		stop
	done
}

@test "clients of either family reach a listener of one" {
	local way at

	cat >one.py <<-'PY'
		import http.server, socket, sys
		class Server(http.server.ThreadingHTTPServer):
		    address_family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
		    def server_bind(self):
		        if ":" in sys.argv[1]:
		            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
		        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
		        self.socket.bind(self.server_address)
		        self.server_name, self.server_port = "inside", 80
		Server((sys.argv[1], 80), http.server.SimpleHTTPRequestHandler).serve_forever()
	PY
	head -c 3000000 /dev/urandom >page
	for way in $(ways_and_bare); do
		for at in 127.0.0.1 ::1 0.0.0.0 ::; do
			echo "# $way $at"
			publish "$way" -p 8080:80 -- python3 -u one.py $at
			eventually fetches in_host http://127.0.0.1:8080/page
			cmp got page
			eventually fetches in_host 'http://[::1]:8080/page'
			cmp got page
			stop
			# each saw a peer of its own kind
			case $at in
			127.0.0.1) [ "$(grep -c '^127\.0\.0\.1 ' out)" = 2 ] ;;
			::1) [ "$(grep -c '^::1 ' out)" = 2 ] ;;
			0.0.0.0) [ "$(grep -c '^10\.0\.2\.2 ' out)" = 2 ] ;;
			::) [ "$(grep -c '^fd00::2 ' out)" = 2 ] ;;
			esac
		done
	done
	cat >upper1.py <<-'PY'
		import socket, sys
		v6 = ":" in sys.argv[1]
		s = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_DGRAM)
		if v6: s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
		s.bind((sys.argv[1], 53))
		while True:
		    data, at = s.recvfrom(65536)
		    s.sendto(data.upper(), at)
	PY
	for way in $(ways_and_bare); do
		for at in 0.0.0.0 ::; do
			echo "# $way $at"
			publish "$way" -p 5353:53/udp -- python3 upper1.py $at
			eventually udp_answers in_host AF_INET 127.0.0.1
			eventually udp_answers in_host AF_INET6 ::1
			stop
		done
	done
}

@test "-p auto follows listeners, and leaves those on loopback alone" {
	local way

	for way in $(ways_and_bare); do
		echo "# $way"
		publish "$way" -p auto -- python3 -c '
import os, socket, time
a = socket.create_server(("0.0.0.0", 7001))
b = socket.create_server(("127.0.0.1", 7002))
c = socket.create_server(("::", 7003), family=socket.AF_INET6)
while not os.path.exists("go"): time.sleep(.01)
a.close()
time.sleep(60)'
		eventually opens 127.0.0.1 7001
		eventually opens ::1 7003
		shuts 127.0.0.1 7002
		touch go
		eventually shuts 127.0.0.1 7001
		opens ::1 7003
		stop
		rm go
	done
}

@test "a free port of the host is told by --info-fd" {
	local way port

	echo hello >page
	for way in $(ways_and_bare); do
		echo "# $way"
		publish "$way" -p 0:80 --info-fd 1 -- \
			python3 -m http.server --bind :: 80
		eventually grep -q '^}' out
		port=$(/usr/bin/python3 -c '
import json
text = open("out").read()
info = json.loads(text[:text.index("\n}") + 2])
assert info["child-pid"] > 1
print(info["published"][0]["host"].split(":")[-1])')
		eventually fetches in_host "http://127.0.0.1:$port/page"
		cmp got page
		stop
	done
}

@test "--json-status-fd tells of the beginning and the end, --ready-fd says 1" {
	local way

	for way in $(ways_and_bare); do
		run postern_do "$way" --json-status-fd 1 -- sh -c 'exit 7'
		[ "$status" = 7 ]
		[[ ${lines[0]} =~ ^\{\ \"child-pid\":\ [0-9]+\ \}$ ]]
		[ "${lines[1]}" = '{ "exit-code": 7 }' ]
		# shellcheck disable=SC2094 # not read
		[ "$(postern_do "$way" -r 1 -- true)" = 1 ]
	done
}

@test "descriptors that options name are not passed on" {
	local way

	for way in $(ways_and_bare); do
		run postern_do "$way" --info-fd 7 --json-status-fd 8 -r 9 -- \
			sh -c 'for i in 7 8 9; do
				[ ! -e /proc/self/fd/$i ] || echo $i; done' \
			7>>info 8>>status 9>>ready
		[ "$status" = 0 ] && [ -z "$output" ]
		[ -s info ] && [ -s status ] && [ -s ready ]
	done
}

@test "more clients of datagrams than are remembered do not cross" {
	local way

	cat >two.py <<-'PY'
		import selectors, socket
		s = selectors.DefaultSelector()
		for port in 53, 54:
		    u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		    u.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
		    u.bind(("127.0.0.1", port))
		    s.register(u, 1, port)
		while True:
		    for key, _ in s.select():
		        data, at = key.fileobj.recvfrom(100)
		        key.fileobj.sendto(b"%d " % key.data + data, at)
	PY
	cat >crowd.py <<-'PY'
		import socket
		def ask(u, port, n):
		    for _ in range(5): # a datagram may be lost
		        u.sendto(b"%d" % n, ("127.0.0.1", port))
		        try:
		            return u.recv(100)
		        except TimeoutError:
		            pass
		crowd = []
		for n in range(300):
		    u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		    u.settimeout(1)
		    crowd.append(u)
		for round in range(2):
		    for n, u in enumerate(crowd):
		        port = 53 + n % 2
		        got = ask(u, 5300 + port, n)
		        assert got == b"%d %d" % (port, n), (round, n, got)
		print("all their own")
	PY
	for way in $(ways); do
		echo "# $way"
		publish "$way" -p 5353:53/udp -p 5354:54/udp -- python3 two.py
		eventually udp_listens in_host 5353
		run in_host timeout 50 python3 crowd.py
		echo "$output"
		[ "$output" = "all their own" ]
		stop
	done
}

@test "a range of ports, each its own" {
	local way port

	for way in $(ways_and_bare); do
		echo "# $way"
		publish "$way" -p 8100:7100-7139 -- python3 -c '
import socket, selectors
s = selectors.DefaultSelector()
for p in range(7100, 7140):
    s.register(socket.create_server(("", p)), 1, p)
while True:
    for key, _ in s.select():
        c, _ = key.fileobj.accept()
        c.sendall(b"%d\n" % key.data)
        c.close()'
		eventually opens 127.0.0.1 8139
		for port in 8100 8117 8139; do
			# shellcheck disable=SC2016 # for the inner shell
			run in_host bash -c 'read -r a </dev/tcp/127.0.0.1/$0; echo $a' $port
			[ "$output" = $((port - 1000)) ]
		done
		shuts 127.0.0.1 8140
		stop
	done
}

@test "nginx inside logs the clients' own addresses" {
	local way

	[ -z "$RIG_ENTER" ] ||
		must_skip "nginx that is root needs another id for its workers"
	echo hello >page
	cat >nginx.conf <<-CONF
		daemon off;
		pid $PWD/pid;
		error_log $PWD/error.log;
		events {}
		http {
			log_format test '\$remote_addr';
			access_log $PWD/access.log test;
			client_body_temp_path $PWD/b; proxy_temp_path $PWD/p;
			fastcgi_temp_path $PWD/f; uwsgi_temp_path $PWD/u;
			scgi_temp_path $PWD/s;
			server { listen 80; listen [::]:80; root $PWD; }
		}
	CONF
	for way in $(ways_and_bare); do
		echo "# $way"
		rm -f access.log
		publish "$way" -p 0.0.0.0:8080:80 -p "[::]:8080:80" -- \
			nginx -e "$PWD/error.log" -p "$PWD" -c "$PWD/nginx.conf"
		eventually fetches in_net "http://$HOST4:8080/page"
		fetches in_net "http://[$HOST6]:8080/page"
		cmp got page
		eventually grep -qx "$NET4" access.log
		eventually grep -qx "$NET6" access.log
		stop
	done
}

@test "ports come and go under load, and no running flow loses a byte" {
	local way number fetching

	head -c 60000000 /dev/urandom >page
	runtime_up
	for way in $(ways_and_bare); do
		echo "# $way"
		publish "$way" --name load -p 8080:80 -- \
			python3 -m http.server --bind :: 80
		eventually opens 127.0.0.1 8080
		in_host curl -sS --limit-rate 30M -o got1 \
			http://127.0.0.1:8080/page 3>&- &
		fetching=$! # process substitutions change it
		eventually test -s got1
		for number in 1 2 3 4 5; do
			as_user "$POSTERN" publish load -p $((8190 + number)):80
			eventually opens 127.0.0.1 $((8190 + number))
			as_user "$POSTERN" unpublish load $((number + 1))
		done
		as_user "$POSTERN" unpublish load 1
		eventually shuts 127.0.0.1 8080
		wait $fetching
		cmp got1 page
		rm got1
		stop
	done
}

@test "LISTEN_FDS: a socket that the caller bound is served inside" {
	local way

	cat >activated.py <<-'PY'
		import os, socket
		assert os.environ["LISTEN_PID"] == str(os.getpid())
		assert os.environ["LISTEN_FDS"] == "1"
		s = socket.socket(fileno=3)
		c, _ = s.accept()
		c.sendall(b"activated\n")
		c.close()
	PY
	cat >activate.py <<-'PY'
		# binds, and runs what follows as systemd would
		import os, socket, sys
		s = socket.create_server(("127.0.0.1", 8090))
		os.dup2(s.fileno(), 3)
		os.set_inheritable(3, True)
		os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
		os.execvp(sys.argv[1], sys.argv[1:])
	PY
	for way in $(ways); do
		echo "# $way"
		# shellcheck disable=SC2046 # two words
		background activated as_user /usr/bin/python3 activate.py \
			"$POSTERN" do $(way_option "$way") --preserve-fds=1 -- \
			/usr/bin/python3 activated.py
		eventually tcp_listens in_host 8090
		# shellcheck disable=SC2016 # for the inner shell
		run in_host bash -c 'read -r a </dev/tcp/127.0.0.1/8090; echo $a'
		[ "$output" = activated ]
		wait "$BACKGROUND_PID"
	done
}

@test "a browser on the host loads a page from a dev server inside" {
	local way

	command -v chromium >/dev/null || must_skip "no chromium"
	cat >dev.mjs <<-'JS'
		import http from "node:http";
		const page = `<!doctype html><title>dev</title><p id=out>nothing
		<script type=module src=/app.js></script>`;
		const app = `import { words } from "/words.js";
		const data = await (await fetch("/data.json")).json();
		document.getElementById("out").textContent = words + " " + data.n;`;
		const files = {
		  "/": ["text/html", page],
		  "/app.js": ["text/javascript", app],
		  "/words.js": ["text/javascript", 'export const words = "hello from inside";'],
		  "/data.json": ["application/json", '{"n":42}'],
		};
		http.createServer((request, answer) => {
		  const [type, body] = files[request.url] ?? ["text/plain", ""];
		  answer.setHeader("content-type", type);
		  answer.end(body);
		}).listen(3000, "localhost"); // as dev servers do: loopback alone
	JS
	for way in $(ways); do
		echo "# $way"
		publish "$way" -p 3000 -- node dev.mjs
		eventually fetches in_host http://localhost:3000/
		# its own sandbox wants what a container may not give
		HOME=$PWD in_host timeout -s KILL 60 chromium --headless \
			--no-sandbox --disable-gpu --disable-dev-shm-usage \
			--user-data-dir="$PWD/browser" \
			--virtual-time-budget=5000 --dump-dom \
			http://localhost:3000/ >dom 2>err </dev/null 3>&-
		grep -q '<p id="out">hello from inside 42' dom
		stop
	done
}

@test "a callback to a port that the program chose" {
	local way url

	for way in $(ways_and_bare); do
		echo "# $way"
		publish "$way" -p auto -- python3 -u -c '
import http.server, socketserver
class Server(http.server.HTTPServer):
    server_bind = socketserver.TCPServer.server_bind # no look-up
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"signed in")
        print("code", self.path, flush=True)
s = Server(("", 0), Answer)
print(f"open http://127.0.0.1:{s.server_address[1]}/callback", flush=True)
s.handle_request()'
		eventually grep -q '^open ' out
		url=$(sed -n 's/^open //p' out)
		eventually fetches in_host "$url?code=7"
		[ "$(<got)" = "signed in" ]
		grep -q '^code /callback?code=7' out
		wait "$PUBLISHED"
	done
}

# line WAY WORD... - a line of docs/ports.md, as it is written, for postern on
# the user's PATH
line()
{
	local way=$1 frontend

	shift
	frontend=$(way_option "$way" | sed 's/.*--frontend=\([a-z]*\).*/\1/')
	ln -sf "$RIG_DIR/published.log" out
	: >out
	background published as_user env "PATH=$PWD/bin:$PATH" \
		POSTERN_FRONTEND="$frontend" sh -c "exec $*"
	PUBLISHED=$BACKGROUND_PID
}

@test "the lines of docs/ports.md, as they are written" {
	local way

	mapfile -t lines < <(sed -n 's/^    \(postern do .*\)/\1/p' \
		"$TOP/docs/ports.md" | sed -n 1,3p)
	[ "${#lines[@]}" = 3 ]
	mkdir bin
	install -m 755 "$POSTERN" bin/postern
	cat >bin/npm <<-'SH'
		#!/bin/sh
		# a dev server, as far as ports are concerned
		[ "$*" = "run dev" ] || exit 9
		exec python3 -c '
		import socket, socketserver, threading
		from http.server import *
		class Server(ThreadingHTTPServer):
		    # its own name is not asked for, which may take its time
		    server_bind = socketserver.TCPServer.server_bind
		for port in 3000, 80:
		    s = Server(("", port), SimpleHTTPRequestHandler)
		    threading.Thread(target=s.serve_forever).start()
		u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		u.bind(("", 53))
		while True:
		    data, at = u.recvfrom(65536)
		    u.sendto(data.upper(), at)'
	SH
	cat >server <<-'SH'
		#!/bin/sh
		exec python3 -c '
		import socketserver
		from http.server import *
		class Server(ThreadingHTTPServer):
		    server_bind = socketserver.TCPServer.server_bind
		Server(("", 8765), SimpleHTTPRequestHandler).serve_forever()'
	SH
	cat >app <<-'SH'
		#!/bin/sh
		# the database of the host, and a redis somewhere
		exec python3 -c '
		import socket
		for port in 5432, 6379:
		    with socket.create_connection(("localhost", port), 5) as s:
		        print(port, s.recv(100).decode(), flush=True)'
	SH
	chmod 755 bin bin/* server app
	cat >says.py <<-'PY'
		import socket, sys
		s = socket.create_server((sys.argv[1], int(sys.argv[2])))
		while True:
		    c, _ = s.accept()
		    c.sendall(sys.argv[3].encode())
		    c.close()
	PY
	echo "$NET4 redis.lan" >hosts
	in_host mount --bind "$PWD/hosts" /etc/hosts
	background database in_host python3 "$PWD/says.py" 127.0.0.1 5432 database
	background redis in_net python3 "$PWD/says.py" $NET4 6379 redis
	eventually tcp_listens in_host 5432
	eventually tcp_listens in_net 6379
	echo hello >page
	for way in $(ways); do
		echo "# $way"
		line "$way" "${lines[0]}"
		eventually fetches in_host http://127.0.0.1:3000/page
		eventually fetches in_host http://127.0.0.1:8080/page
		cmp got page
		eventually udp_answers in_host AF_INET 127.0.0.1
		stop
		line "$way" "${lines[1]}"
		eventually fetches in_host http://127.0.0.1:8765/page
		cmp got page
		stop
		line "$way" "${lines[2]}"
		status=0
		wait "$PUBLISHED" || status=$?
		cat out
		[ "$status" = 0 ]
		[ "$(<out)" = $'5432 database\n6379 redis' ]
	done
	in_host umount /etc/hosts
}
