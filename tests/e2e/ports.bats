#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# ports.bats - published ports: clients of the host reach listeners inside

bats_require_minimum_version 1.5.0

setup_file()
{
	load lib.bash
	can_own_namespaces || must_skip "no network namespace can be made"
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

# stop - ends what publish() started, and waits for that
stop()
{
	kill "$PUBLISHED"
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
		fetches in_host http://127.0.0.1:8080/page
		grep -qx one got
		stop
		# the port of one that has ended is free, the other goes on
		fetches in_host http://127.0.0.1:8080/page
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
