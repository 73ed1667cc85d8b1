#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# doors.bats - services of the host and beyond, on the app's own loopback

bats_require_minimum_version 1.5.0

setup_file()
{
	load lib.bash
	can_own_namespaces ||
		{ file_skips "no network namespace can be made"; return; }
	rig_up
	cat >"$RIG_DIR/echo.py" <<-'PY'
		# echo.py ADDRESS PORT PATH - every way a door may lead
		import os, socket, sys, threading
		def talk(c):
		    while data := c.recv(65536):
		        c.sendall(data)
		    c.close()
		def serve(s):
		    while True:
		        threading.Thread(target=talk, args=(s.accept()[0],),
		                         daemon=True).start()
		def reflect(s):
		    while True:
		        data, at = s.recvfrom(65536)
		        s.sendto(data, at)
		at = (sys.argv[1], int(sys.argv[2]))
		tcp = socket.create_server(at)
		udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		udp.bind(at)
		path = socket.socket(socket.AF_UNIX)
		path.bind(sys.argv[3])
		os.chmod(sys.argv[3], 0o777)
		path.listen(64)
		for s in (tcp, path):
		    threading.Thread(target=serve, args=(s,), daemon=True).start()
		reflect(udp)
	PY
	cat >"$RIG_DIR/ask.py" <<-'PY'
		# ask.py tcp|udp HOST PORT [BYTES] - says how it went
		import hashlib, os, socket, sys, threading
		kind, host, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
		size = int(sys.argv[4]) if len(sys.argv) > 4 else 100
		if kind == "udp":
		    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		    s.settimeout(3)
		    for n in (1, 1400, 30000):
		        s.sendto(b"x" * n, (host, port))
		        data, at = s.recvfrom(65536)
		        assert data == b"x" * n and at[1] == port, (n, at)
		    print("echoed")
		    sys.exit()
		try:
		    s = socket.create_connection((host, port), timeout=5)
		except OSError as e:
		    sys.exit(type(e).__name__)
		data = os.urandom(size)
		def write():
		    s.sendall(data)
		    s.shutdown(socket.SHUT_WR)
		threading.Thread(target=write, daemon=True).start()
		got = hashlib.sha256()
		while part := s.recv(65536):
		    got.update(part)
		assert got.digest() == hashlib.sha256(data).digest()
		print("echoed")
	PY
	background host in_host /usr/bin/python3 "$RIG_DIR/echo.py" \
		127.0.0.1 5432 "$RIG_DIR/host.sock"
	background net in_net /usr/bin/python3 "$RIG_DIR/echo.py" \
		"$NET4" 6379 "$RIG_DIR/net.sock"
	eventually udp_listens in_host 5432
	eventually udp_listens in_net 6379
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

# asks WAY OPTION... -- ASK-ARGUMENTS
asks()
{
	local way=$1 options=()

	shift
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	postern_do "$way" "${options[@]}" -- \
		/usr/bin/python3 "$RIG_DIR/ask.py" "$@"
}

# ticks_of PID - TICKS of CPU that it used in one second
ticks_of()
{
	local before

	before=$(awk '{ print $14 + $15 }' "/proc/$1/stat")
	read -rt 1 <> <(:) || :
	TICKS=$(($(awk '{ print $14 + $15 }' "/proc/$1/stat") - before))
	echo "# $TICKS ticks in a second"
}

@test "--host-port: one port of the host's loopback is the app's own" {
	local way name

	for way in $(ways_and_bare); do
		echo "# $way"
		for name in 127.0.0.1 ::1 localhost 10.0.2.2 fd00::2 \
			host.postern.internal host.docker.internal \
			host.containers.internal; do
			echo "# $name"
			run asks "$way" --host-port 5432 -- tcp $name 5432
			[ "$output" = echoed ]
		done
		run asks "$way" --host-port 5432:7000 -- tcp localhost 7000
		[ "$output" = echoed ]
		# and no other
		run asks "$way" --host-port 5432:7000 -- tcp localhost 5432
		[ "$output" = ConnectionRefusedError ]
		run asks "$way" --host-port 5432:7000 -- tcp 10.0.2.2 5432
		# bare is started with -quiet
		[[ $way = bare || $output == *"denied 127.0.0.1:5432/tcp"* ]]
		[[ $output != *echoed* ]]
		run asks "$way" --host-port 5432/udp -- udp 127.0.0.1 5432
		[ "$output" = echoed ]
		run asks "$way" --host-port 5432:53/udp -- udp \
			host.postern.internal 53
		[ "$output" = echoed ]
		# the name is there while a port is open, and not before
		run asks "$way" -- tcp host.postern.internal 5432
		[[ $output == *gaierror* ]]
	done
}

@test "--forward: ssh's spelling, by name and by address" {
	local way

	for way in $(ways_and_bare); do
		echo "# $way"
		run asks "$way" -L 7000:$NET4:6379 --log log -- tcp localhost 7000
		[ "$output" = echoed ]
		check_log log
		grep -q "\"event\":\"open\".*\"host_addr\":\"$NET4\",\"host_port\":6379.*\"rule\":\"door:1\"" log
		grep -q '"event":"close".*"rule":"door:1"' log
		rm log
		run asks "$way" -L 127.0.0.9:7000:$NET4:6379 -- tcp 127.0.0.9 7000
		[ "$output" = echoed ]
		run asks "$way" -L 127.0.0.9:7000:$NET4:6379 -- tcp 127.0.0.1 7000
		[ "$output" = ConnectionRefusedError ]
		run asks "$way" -L 7000:localhost:5432 -- tcp ::1 7000
		[ "$output" = echoed ]
		run asks "$way" -L 7000:$NET4:6379/udp -- udp 127.0.0.1 7000
		[ "$output" = echoed ]
		# as the only way out
		run asks "$way" --allow 198.51.100.77 -L 7000:$NET4:6379 -- \
			tcp localhost 7000
		[ "$output" = echoed ]
	done
}

@test "--host-unix: a path of the host as a port inside" {
	local way

	for way in $(ways_and_bare); do
		echo "# $way"
		run asks "$way" --host-unix "$RIG_DIR/host.sock:7000" --log log \
			-- tcp localhost 7000 20000000
		echo "$output"
		[ "$output" = echoed ]
		check_log log
		grep -q '"event":"close".*"rule":"door:1"' log
		rm log
		# nobody is there: the end, not a wait
		run asks "$way" --host-unix /nowhere/at-all:7000 -- \
			tcp localhost 7000
		[ "$status" = 1 ]
	done
}

@test "doors carry 64 MiB each way, and half-closed connections" {
	local way

	for way in $(ways_and_bare); do
		echo "# $way"
		run asks "$way" --host-port 5432 -- tcp localhost 5432 67108864
		[ "$output" = echoed ]
	done
}

@test "a hundred connections to one door at once" {
	local way

	cat >many.py <<-'PY'
		import asyncio
		async def one(n):
		    r, w = await asyncio.open_connection("127.0.0.1", 5432)
		    w.write(b"%d" % n * 1000)
		    w.write_eof()
		    assert await r.read() == b"%d" % n * 1000
		    w.close()
		async def main():
		    await asyncio.gather(*(one(n) for n in range(100)))
		    print("all echoed")
		asyncio.run(main())
	PY
	for way in $(ways_and_bare); do
		echo "# $way"
		run postern_do "$way" --host-port 5432 -- \
			/usr/bin/python3 many.py
		[ "$output" = "all echoed" ]
	done
}

@test "the port inside is taken, as one that is bound is" {
	local way

	for way in $(ways_and_bare); do
		echo "# $way"
		run postern_do "$way" --host-port 5432 -- /usr/bin/python3 -c '
import socket
for at in ("127.0.0.1", 5432), ("0.0.0.0", 5432):
    try:
        socket.socket().bind(at)
        print("bound")
    except OSError as e:
        print(e.errno)
socket.socket().bind(("127.0.0.2", 5432))
socket.socket().bind(("0.0.0.0", 5433))'
		[ "$status" = 0 ]
		[ "$output" = $'98\n98' ]
	done
}

@test "the host's names are known under a policy by name, too" {
	local way

	for way in $(ways_and_bare); do
		echo "# $way"
		run asks "$way" --allow db.example --host-port 5432 -- \
			tcp host.postern.internal 5432
		[ "$output" = echoed ]
		run asks "$way" --allow db.example -- \
			tcp host.postern.internal 5432
		[[ $output == *gaierror* ]]
	done
}

@test "out of descriptors a door takes no more, and recovers" {
	local way

	cat >flood.py <<-'PY'
		import os, socket, time
		def dial():
		    try:
		        s = socket.create_connection(("localhost", 5432), 5)
		        s.settimeout(5)
		        return s
		    except OSError: # sockets: refused at once
		        return None
		def works(s):
		    try:
		        s.sendall(b"x")
		        return s.recv(1) == b"x"
		    except (OSError, AttributeError):
		        return False
		held = [dial() for i in range(150)] # two of postern's for each
		works(held[-1]) # link: accepted by the kernel, and no more
		first = works(held[0])
		open("held", "w").close()
		while not os.path.exists("go"): time.sleep(.05)
		for s in held:
		    if s: s.close()
		for i in range(50): # the pause, and the closes
		    s = dial()
		    if works(s): break
		    time.sleep(.1)
		print(first, i < 49)
	PY
	for way in $(ways); do
		echo "# $way"
		: >>"$RIG_DIR/flood.log"
		truncate -s 0 "$RIG_DIR/flood.log"
		# shellcheck disable=SC2046 # two words
		background flood as_user prlimit --nofile=200:200 "$POSTERN" do \
			$(way_option "$way") --host-port 5432 -- \
			/usr/bin/python3 flood.py
		eventually test -e held
		ticks_of "$(descendant "$BACKGROUND_PID" postern-data)"
		[ "$TICKS" -lt 20 ]
		touch go
		wait "$BACKGROUND_PID"
		rm held go
		output=$(<"$RIG_DIR/flood.log")
		echo "$output"
		[ "$output" = "True True" ]
	done
}

@test "what was learned has no rule for a door, which needs none" {
	local way

	for way in $(ways_and_bare); do
		echo "# $way"
		rm -f learned
		as_user timeout 20 "$POSTERN" learn -o "$PWD/learned" \
			--frontend "$([ "${way#[tv]}" != "$way" ] && echo link || echo sockets)" \
			--host-port 5432 --allow $NET4 -- sh -c "
			python3 $RIG_DIR/ask.py tcp localhost 5432
			python3 $RIG_DIR/ask.py tcp $NET4 6379"
		[ "$(sed 's/ *#.*//' learned | grep .)" = \
			"allow $NET4:6379/tcp" ]
	done
}

@test "what a rule denies no door opens; what contradicts is refused" {
	refuses()
	{
		local pattern=$1

		shift
		run -125 as_user "$POSTERN" do "$@" -- touch ran
		echo "$output"
		[ "${#lines[@]}" = 1 ]
		# shellcheck disable=SC2053 # a pattern
		[[ $output == $pattern ]]
	}
	refuses '*contradicts "deny 127.0.0.1:5432"*' --deny 127.0.0.1:5432 \
		--host-port 5432
	refuses '*contradicts "deny localhost"*' --deny localhost \
		-L 7000:localhost:5432
	refuses '*--offline denies everything*' --offline --host-port 5432
	refuses '*port 5432 inside is that of*' --host-port 5432 \
		-L 5432:192.0.2.2:1
	refuses '*write PORT, PORT:INSIDE*' --host-port http
	refuses '*write PORT:HOST:HOSTPORT*' -L 5432
	refuses '*write PORT:HOST:HOSTPORT*' -L 10.0.2.100:1:192.0.2.2:1
	refuses '*write /PATH:PORT*' --host-unix run/sock:1
	refuses '*the host cannot find nowhere.invalid*' -L 1:nowhere.invalid:1
	run -125 env -i PATH=/nowhere "$POSTERN" do \
		-L 1:nowhere.invalid:1 -- touch ran
	[[ $output == *"cannot run getent"* ]]
	refuses '*cannot be enforced with --network=none*' --network=none \
		--host-port 5432
	[ ! -e ran ]
}

@test "a host that stops reading costs no turns, also when the app has gone" {
	local way lazy

	cat >lazy.py <<-'PY'
		# half-closes, and reads what came only when told to
		import os, socket, threading, time
		s = socket.create_server(("127.0.0.1", 5999), backlog=100)
		total, lock = 0, threading.Lock()
		def serve(c):
		    global total
		    c.shutdown(socket.SHUT_WR)
		    while not os.path.exists("read"): time.sleep(.05)
		    while part := c.recv(1 << 20):
		        with lock: total += len(part)
		    with lock: open("got", "w").write(str(total))
		while True:
		    threading.Thread(target=serve, args=(s.accept()[0],),
		                     daemon=True).start()
	PY
	for way in $(ways); do
		echo "# $way"
		background lazy in_host /usr/bin/python3 "$PWD/lazy.py"
		lazy=$BACKGROUND_PID
		eventually tcp_listens in_host 5999
		# of so many sizes some fill the host and end in our own queue
		background app postern_do "$way" --host-port 5999 -- \
			/usr/bin/python3 -c '
import socket, time
n = 0
for i in range(1, 80):
    s = socket.create_connection(("127.0.0.1", 5999))
    s.setblocking(False)
    left, full = i * 65536, 0
    while left and full < 3:
        try:
            done = s.send(b"x" * min(left, 65536))
            n += done
            left -= done
            full = 0
        except BlockingIOError:
            full += 1
            time.sleep(.02)
    s.close() # what is queued has still to leave
open("sent", "w").write(str(n))
time.sleep(60)'
		eventually test -s sent
		ticks_of "$(descendant "$BACKGROUND_PID" postern-data)"
		[ "$TICKS" -lt 20 ]
		touch read
		eventually cmp got sent
		kill "$BACKGROUND_PID"
		wait "$BACKGROUND_PID" || :
		kill "$lazy"
		wait "$lazy" || :
		rm read got sent
	done
}
