#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# confine.bats - T60: what the datapath calls is what it is allowed to call
#
# That anything else ends it is tried in tests/unit/confine/test_datapath.c.

bats_require_minimum_version 1.5.0

ECHO=7071 DOOR=7072 LISTEN=7073

setup_file()
{
	load lib.bash
	can_own_namespaces ||
		{ file_skips "no network namespace can be made here"; return; }
	rig_up
	runtime_up
	cat >"$RIG_DIR/echo.py" <<-'PY'
		import socket, sys, threading
		address, port = sys.argv[1], int(sys.argv[2])
		def talk(c):
		    with c:
		        try:
		            while data := c.recv(1 << 20): c.sendall(data)
		        except OSError: pass
		def udp():
		    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		    s.bind((address, port))
		    while True:
		        data, peer = s.recvfrom(65536)
		        s.sendto(data, peer)
		threading.Thread(target=udp, daemon=True).start()
		listener = socket.create_server((address, port))
		while True:
		    threading.Thread(target=talk, args=(listener.accept()[0],), daemon=True).start()
	PY
	background echo in_net python3 "$RIG_DIR/echo.py" "$NET4" $ECHO
	background door in_host python3 "$RIG_DIR/echo.py" 127.0.0.1 $DOOR
	eventually tcp_listens in_net $ECHO
	eventually tcp_listens in_host $DOOR
	in_host sysctl -qw net.ipv4.ping_group_range='0 2147483647' || :
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

# not_seen WAY - calls that these runs cannot be made to make, and why
not_seen()
{
	cat <<-'END'
		# the C library's own, in odd moments
		exit              of a thread; there is one
		getpid            abort(3)
		gettid            abort(3)
		tgkill            abort(3)
		rt_sigprocmask    abort(3)
		rt_sigreturn      no handler is installed but under --debug
		restart_syscall   after SIGSTOP in a timed wait
		clock_gettime     where there is no vDSO
		mremap            of a large table that grows
		brk?              malloc(3) beyond the end of the heap
		munmap?           free(3) of a large table
		# others of a family: on older kernels, other machines and libraries
		epoll_wait
		epoll_pwait
		ppoll
		fstat
		readlinkat
	END
	[ "$1" = sockets ] || cat <<-'END'
		# a capture that fills the disk, tests/unit/observe
		ftruncate
		lseek
	END
}

# traced WAY OPTION... - the whole program under strace, its work done
traced()
{
	local way=$1 option n

	option=$(way_option "$way")
	shift
	rm -rf trace go log && mkdir -m 777 trace
	mkfifo -m 666 go
	: >"$RIG_DIR/traced.log"
	# shellcheck disable=SC2016,SC2086 # for the inner shell; words
	background traced as_user sh -c 'exec strace -ff -qq -s 40 -o trace/t \
		timeout 120 "$@" <>go' sh \
		"$RIG_DIR/postern" do $option --name traced \
		--log log "$@" -p $LISTEN -p $LISTEN/udp \
		--host-port $DOOR -- python3 "$TOP/tests/e2e/traced-app.py" \
		"$NET4" $ECHO $ECHO $DOOR $LISTEN
	EVENTUALLY_S=60 eventually grep -q serving "$RIG_DIR/traced.log" ||
		{ cat "$RIG_DIR/traced.log"; return 1; }
	eventually tcp_listens in_host $LISTEN
	as_user python3 - $LISTEN <<-'PY'
		import socket, sys
		port = int(sys.argv[1])
		with socket.create_connection(("127.0.0.1", port), 10) as s:
		    s.sendall(b"in"); s.recv(2)
		with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
		    s.settimeout(10); s.sendto(b"in", ("127.0.0.1", port)); s.recv(2)
	PY
	for n in 1 2 3; do
		as_user "$RIG_DIR/postern" flows traced >/dev/null
	done
	as_user "$RIG_DIR/postern" deny traced 198.51.100.0/24
	as_user "$RIG_DIR/postern" publish traced -p 7074
	as_user "$RIG_DIR/postern" exec traced -- true
	echo >go
	eventually grep -q done "$RIG_DIR/traced.log"
	wait "$BACKGROUND_PID"
	cat "$RIG_DIR/traced.log"
}

@test "T60 the calls of the datapath are those that are declared" {
	local way profile options

	for way in $(ways); do
		profile=link options=(--pcap frames)
		[ "$way" != sockets ] || { profile=sockets; options=(-host-uds=open); }
		traced "$way" "${options[@]}"
		not_seen $profile >unseen
		python3 "$TOP/tests/e2e/traced.py" "$TOP" $profile unseen trace/t.*
	done
}
