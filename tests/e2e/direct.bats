#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# direct.bats - --sockets=direct: the host's own sockets, made by postern

bats_require_minimum_version 1.5.0

OPEN=7091 SHUT=7092 ECHO=7093

setup_file()
{
	load lib.bash
	load servers.bash
	can_own_namespaces ||
		{ file_skips "no network namespace can be made here"; return; }
	rig_up
	attacked_up $OPEN $SHUT $ECHO
}

teardown_file()
{
	load lib.bash
	rig_down
}

setup()
{
	load lib.bash
	load servers.bash
	cd "$RIG_DIR" || return
}

# both COMMAND... - with namespaces and bare, the shut door denied; it says
# that it held, or that it met no error
both()
{
	local how

	for how in as_user bare; do
		run "$how" timeout 60 "$RIG_DIR/postern" -quiet do \
			--sockets=direct --deny "$NET4":$SHUT -- "$@"
		echo "$how: $output"
		[ "$status" -eq 0 ]
		[[ "$output" == *held* || "$output" == *" 0 errors" ]]
	done
}

@test "programs see what they see natively" {
	local name

	for name in echo connect_errors half_close abort nonblock options names \
		mapped sendfile urgent threads small_reads full peek many; do
		POSTERN_WAYS=direct run "$TOP/tests/programs/run-three-ways" \
			"$POSTERN_BUILD" \
			"$POSTERN_BUILD/tests/programs/program_$name"
		echo "$output"
		[ "$status" = 0 ]
		[ "$(grep -c '^ok' <<<"$output")" = 2 ]
		absent '^not ok' <<<"$output"
	done
}

@test "what the app has is the host's own socket, and stays filtered" {
	cat >own.py <<-'PY'
		import fcntl, os, select, socket, sys
		at = (sys.argv[1], int(sys.argv[2]))
		s = socket.create_connection(at)
		# an address of the host, not the sandbox's
		assert s.getsockname()[0] == sys.argv[3], s.getsockname()
		assert fcntl.fcntl(s, fcntl.F_GETFD) == fcntl.FD_CLOEXEC
		def errno_of(call, *a):
		    try: call(*a)
		    except OSError as e: return e.errno
		assert errno_of(s.connect, (at[0], 1)) == 106
		assert errno_of(s.bind, ("", 0)) == 22 and errno_of(s.listen) == 22
		fast = (s.sendmsg, [b"x"], [], socket.MSG_FASTOPEN, (at[0], 1))
		assert errno_of(*fast) == 106
		for option in ((1, socket.SO_BINDTODEVICE, b"lo"), (1, 36, 5),
		               (0, 4, b"\x83\x07\x04\xc0\0\2\3\0"), (6, 19, 1)):
		    assert errno_of(s.setsockopt, *option), option
		# refused without blocking, then a new connect of the same socket
		r = socket.socket(); r.setblocking(False)
		assert r.connect_ex((at[0], 9)) == 115
		assert select.select([], [r], [], 5)[1]
		assert r.getsockopt(1, 4) == 111 and r.connect_ex(at) == 103
		assert r.connect_ex(at) == 115 and r.getblocking() is False
		assert select.select([], [r], [], 5)[1] and r.connect_ex(at) == 0
		assert r.connect_ex(at) == 106
		assert fcntl.fcntl(r, fcntl.F_GETFL) & os.O_NONBLOCK
		r.sendall(b"new"); select.select([r], [], [], 5)
		assert r.recv(9) == b"new"
		s.sendall(b"one"); assert s.recv(3) == b"one"
		if os.fork() == 0:
		    s.sendall(b"two"); assert s.recv(3) == b"two"
		    os._exit(0)
		assert os.wait()[1] == 0
		s.shutdown(socket.SHUT_WR); assert s.recv(9) == b""
		# ports inside stay inside
		l = socket.create_server(("127.0.0.1", 0))
		c = socket.create_connection(l.getsockname())
		a = l.accept()[0]; a.send(b"in"); assert c.recv(9) == b"in"
		print("held")
	PY
	both python3 own.py "$NET4" $ECHO "$HOST4"
}

@test "addresses and descriptors that change under the call" {
	both "$RIG_DIR/attack" flip "$NET4" $OPEN $SHUT 3
	both "$RIG_DIR/attack" swap "$NET4" $OPEN $SHUT 2
	nobody_came
	[ -s "$RIG_DIR/open.arrivals" ]
}

@test "churn of 16 threads, every byte checked" {
	both "$RIG_DIR/churn" "$NET4" $ECHO 16 5
}

@test "refused, denied, by a name that is to be shown: as relayed" {
	run as_user timeout 20 "$RIG_DIR/postern" do --sockets=direct \
		--deny "$NET4":$SHUT -- python3 -c "
import socket
try: socket.create_connection(('$NET4', $SHUT), 5)
except OSError as e: print(e.errno)
try: socket.create_connection(('$NET4', 9), 5)
except OSError as e: print(e.errno)"
	echo "$output"
	[ "$status" = 0 ]
	[[ "$output" == *"no boundary"* && "$output" == *"denied $NET4:$SHUT/tcp"* ]]
	[ "$(grep -v '^postern' <<<"$output")" = $'13\n111' ]
	run -125 as_user "$RIG_DIR/postern" do --sockets=direct \
		--frontend=link -- true
}
