#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# sockets.bats - frontend sockets under attack, with namespaces and bare
#
# The numbers are those of THREATS: T36 a threat, S3 a rule of `sockets`.

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

# sandboxed HOW COMMAND... - HOW: as_user (namespaces) or bare
sandboxed()
{
	local how=$1

	shift
	"$how" timeout "${DO_TIMEOUT:-60}" "$RIG_DIR/postern" -quiet do --frontend=sockets \
		--deny "$NET4":$SHUT -- "$@"
}

# both COMMAND... - with namespaces and without, each must hold
both()
{
	local how

	for how in as_user bare; do
		run sandboxed $how "$@"
		echo "$how: $output"
		[ "$status" -eq 0 ]
		[[ "$output" == *held* || "$output" == *" 0 errors" ]]
	done
}

@test "T36 an address that changes under the call never gets through" {
	both "$RIG_DIR/attack" flip "$NET4" $OPEN $SHUT 3
	nobody_came
	[ -s "$RIG_DIR/open.arrivals" ]
}

@test "T37 a descriptor that changes under the call" {
	both "$RIG_DIR/attack" swap "$NET4" $OPEN $SHUT 2
	nobody_came
}

# reusing_pids COMMAND... - as_user, bare, with 400 process ids in all, where
# that is the business of a pid namespace (Linux 6.14; before, of the machine)
reusing_pids()
{
	if ! is_root || [ "$(printf '%s\n' 6.14 "$(uname -r)" | sort -V | head -n 1)" != 6.14 ]; then
		bare "$@"
		return
	fi
	# shellcheck disable=SC2016 # for the inner shells
	in_host unshare -pf --mount-proc sh -c '
		echo 400 >/proc/sys/kernel/pid_max
		uid=$1
		shift
		exec setpriv --reuid "$uid" --regid "$uid" --clear-groups -- \
			env HOME=/tmp unshare -U --map-user="$uid" \
			--map-group="$uid" --keep-caps sh -c '\''
			for f in /proc/sys/user/max_*_namespaces; do
				echo 0 >"$f"
			done
			exec setpriv --bounding-set=-all --inh-caps=-all \
				--ambient-caps=-all -- "$@"'\'' sh "$@"' \
		sh $LIB_UID "$@"
}

@test "T38 pids come again after a kill in mid-call" {
	both "$RIG_DIR/mortal" "$NET4" $OPEN 4
	run sandboxed reusing_pids "$RIG_DIR/mortal" "$NET4" $OPEN 6
	echo "$output"
	[ "$status" = 0 ]
	[[ "$output" == *held* ]]
	# else it showed nothing: it is a pid namespace of our own
	! is_root || [[ "$output" != *" 0 pids came again"* ]]
}

@test "T47 the namespaces of postern cannot be entered" {
	cat >"$RIG_DIR/enter.py" <<-'PY'
		import ctypes, os
		libc = ctypes.CDLL(None, use_errno=True)
		wrong, seen = [], 0
		for pid in filter(str.isdigit, os.listdir("/proc")):
		    try: comm = open(f"/proc/{pid}/comm").read().strip()
		    except OSError: continue
		    if not comm.startswith("postern"): continue
		    seen += 1
		    for ns in "net", "user", "mnt", "pid":
		        try: wrong.append((comm, ns, os.open(f"/proc/{pid}/ns/{ns}", 0)))
		        except OSError: pass
		    fd = libc.syscall(434, int(pid), 0)
		    for kind in 0x40000000, 0x10000000, 0x20000, 0x20000000:
		        if fd >= 0 and libc.setns(fd, kind) == 0:
		            wrong.append((comm, hex(kind)))
		print(wrong or f"held against {seen}")
	PY
	both python3 "$RIG_DIR/enter.py"
	# bare, which ran last, sees monitor, datapath and init
	[[ "$output" =~ "held against "[1-9] ]]
	run as_user timeout 20 "$RIG_DIR/postern" -quiet do --map-root -- \
		python3 "$RIG_DIR/enter.py"
	[[ "$output" == "held against "* ]]
}

@test "T39 connects without connect, and twice" {
	both "$RIG_DIR/attack" again "$NET4" $OPEN $SHUT
	nobody_came
}

@test "T40 T41 io_uring and foreign ABIs" {
	both "$RIG_DIR/attack" abi
}

@test "T42 families and protocols" {
	both "$RIG_DIR/attack" families
}

@test "S8 options: pointers, devices, groups, odd lengths" {
	both "$RIG_DIR/attack" options
}

@test "S3 signals end calls that wait, as natively" {
	run as_user "$RIG_DIR/attack" held
	[ "$output" = held ]
	both "$RIG_DIR/attack" held
}

@test "T53 a storm of signals" {
	both "$RIG_DIR/attack" storm "$NET4" $OPEN
}

@test "T53 signals do not break pipelines of the shell" {
	# forks are slow on some machines
	# shellcheck disable=SC2016 # for the inner shell
	DO_TIMEOUT=600 run sandboxed as_user dash -c 'i=0
		while [ $i -lt 10000 ]; do
			[ "$(echo a | cat | cat)" = a ] || exit 1
			i=$((i + 1))
		done'
	[ "$status" -eq 0 ]
}

@test "T54 a thousand threads that call hold up no other sandbox" {
	sandboxed as_user "$RIG_DIR/attack" flood 1000 6 >"$RIG_DIR/t54" \
		2>&1 3>&- &
	local job=$!
	eventually grep -q flooding "$RIG_DIR/t54"
	run sandboxed as_user /usr/bin/python3 -c '
import socket, sys, time
took = []
for _ in range(200):
    t = time.monotonic()
    socket.create_connection((sys.argv[1], int(sys.argv[2]))).close()
    took.append(time.monotonic() - t)
took.sort()
print("p50 %.1f ms, p99 %.1f ms" % (took[100] * 1e3, took[197] * 1e3))
sys.exit(took[197] > 0.25)' "$NET4" $OPEN
	echo "$output"
	kill -0 $job # it still flooded meanwhile
	wait $job
	[ "$status" -eq 0 ]
}

@test "T48 namespaces that the app makes lead nowhere" {
	run sandboxed as_user unshare -Urn "$RIG_DIR/attack" again "$NET4" \
		$OPEN $SHUT
	echo "$output"
	[ "$output" = held ]
	nobody_came
}

@test "T44 abstract names of the host" {
	background abstract in_host python3 -c '
import socket, time
l = socket.socket(socket.AF_UNIX)
l.bind("\0postern-test")
l.listen()
d = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
d.bind("\0postern-test-datagram")
print("ready", flush=True)
time.sleep(600)'
	eventually grep -q ready "$RIG_DIR/abstract.log"
	local tries='
import socket
for attempt in (
    lambda: socket.socket(socket.AF_UNIX).connect("\0postern-test"),
    lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(
        b"x", "\0postern-test-datagram"),
    lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendmsg(
        [b"x"], [], 0, "\0postern-test-datagram"),
):
    try:
        attempt()
        print("REACHED")
    except OSError:
        print("refused")
a, b = socket.socketpair()
a.send(b"x")
print(b.recv(1))'
	run as_user python3 -c "$tries"
	[ "${lines[0]}" = REACHED ]
	for how in as_user bare; do
		run sandboxed $how python3 -c "$tries"
		echo "$how: $output"
		[[ "$output" != *REACHED* ]]
		[ "${lines[3]}" = "b'x'" ]
	done
}

@test "T46 the supervisor's memory, files and signals" {
	# shellcheck disable=SC2016 # for the inner shell
	run sandboxed bare sh -c '
		for p in /proc/[0-9]*; do
			read -r name <"$p/comm" || continue
			[ "$name" = postern-data ] || continue
			grep -q "^State:.Z" "$p/status" && continue
			exec "$1" supervisor "${p#/proc/}"
		done' sh "$RIG_DIR/attack"
	echo "$output"
	[ "$output" = held ]
	# with namespaces it cannot even be seen
	run sandboxed as_user sh -c 'cat /proc/[0-9]*/comm'
	[[ "$output" != *postern-data* ]]
}

# has_ancestor PID ANCESTOR
has_ancestor()
{
	local pid=$1

	while [ "${pid:-0}" -gt 1 ]; do
		[ "$pid" != "$2" ] || return 0
		pid=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$pid/status")
	done
	return 1
}

@test "the supervisor stays an ancestor after two forks and setsid" {
	# what Yama 1 asks for before memory may be read; no machine with Yama
	# is needed to see that it holds
	for how in as_user bare; do
		sandboxed $how sh -c '(setsid sh -c "(sleep 62.75 &)" &)
			sleep 62.75' 3>&- &
		local job=$! pids=''
		two_sleep()
		{
			pids=$(pgrep -f '^sleep 62.7[5]')
			[ "$(wc -w <<<"$pids")" = 2 ]
		}
		eventually two_sleep
		local supervisor
		supervisor=$(descendant $job postern-data)
		for pid in $pids; do
			echo "$how: $pid below $supervisor?"
			has_ancestor "$pid" "$supervisor"
		done
		kill "$(head -n 1 <<<"$pids")" "$(tail -n 1 <<<"$pids")"
		wait $job || :
	done
}

@test "T43 a network socket as stdin is refused" {
	run sandboxed as_user true 0<>"/dev/tcp/127.0.0.1/1" || :
	run in_net timeout 20 python3 -c '
import os, socket, subprocess, sys
l = socket.socket()
l.bind(("127.0.0.1", 0))
l.listen()
c = socket.create_connection(l.getsockname())
p = subprocess.run(sys.argv[1:], stdin=c, capture_output=True, text=True)
print(p.returncode, p.stderr)' "$RIG_DIR/postern" do --frontend=sockets -- true
	echo "$output"
	[[ "$output" == "125 postern: "*"socket of the host"* ]]
}

@test "T52 the supervisor is killed: 125, nothing lives on" {
	for how in as_user bare; do
		sandboxed $how sh -c 'sleep 61.25 & sleep 61.25' \
			>"$RIG_DIR/t52" 2>&1 3>&- &
		local job=$!
		# the command line as a whole: those before it have it, too
		eventually pgrep -fx 'sleep 61\.25'
		kill -9 "$(descendant $job postern-data)"
		local ended=0
		wait $job || ended=$?
		echo "$how: $ended $(<"$RIG_DIR/t52")"
		[ "$ended" -eq 125 ]
		[ "$(wc -l <"$RIG_DIR/t52")" -eq 1 ]
		EVENTUALLY_S=5 eventually absent_process 'sleep 61\.25'
	done
}

@test "T50 a second listener is refused with a clear line" {
	run sandboxed as_user "$RIG_DIR/postern" do --frontend=sockets -- true
	echo "$output"
	[ "$status" -eq 125 ]
	[[ "$output" == *"--frontend=link"* ]]
}

@test "T50 filters of the app that allow or trace change nothing" {
	cat >"$RIG_DIR/filter.py" <<-'PY'
		# filter.py HOST OPEN SHUT - what is denied stays denied
		import ctypes, os, socket, struct, sys
		libc = ctypes.CDLL(None, use_errno=True)
		ALLOW, TRACE, LOG = 0x7fff0000, 0x7ff00000, 0x7ffc0000
		def tries(port):
		    s = socket.socket(); s.settimeout(5)
		    return s.connect_ex((sys.argv[1], port))
		def judged(how):
		    code = struct.pack("HBBI", 6, 0, 0, how)
		    buf = ctypes.create_string_buffer(code)
		    prog = struct.pack("HxxxxxxQ", 1, ctypes.addressof(buf))
		    assert libc.prctl(22, 2, prog, 0, 0) == 0, ctypes.get_errno()
		    assert tries(int(sys.argv[2])) == 0
		    assert tries(int(sys.argv[3])) != 0
		for how in ALLOW, LOG:
		    if os.fork() == 0:
		        judged(how)
		        os._exit(0)
		    assert os.wait()[1] == 0, hex(how)
		# one that traces connect(2) alone: ours has the first word
		if os.fork() == 0:
		    code = (struct.pack("HBBI", 0x20, 0, 0, 0) +
		            struct.pack("HBBI", 0x15, 0, 1, 42) +
		            struct.pack("HBBI", 6, 0, 0, TRACE) +
		            struct.pack("HBBI", 6, 0, 0, ALLOW))
		    buf = ctypes.create_string_buffer(code)
		    prog = struct.pack("HxxxxxxQ", 4, ctypes.addressof(buf))
		    assert libc.prctl(22, 2, prog, 0, 0) == 0
		    assert tries(int(sys.argv[2])) == 0 and tries(int(sys.argv[3])) != 0
		    os._exit(0)
		assert os.wait()[1] == 0
		print("held")
	PY
	both python3 "$RIG_DIR/filter.py" "$NET4" $OPEN $SHUT
	nobody_came
}

@test "T51 a set-uid program gives no other id" {
	local how

	is_root || must_skip "needs root to make a set-uid program"
	install -m 4755 "$(command -v id)" "$RIG_DIR/other-id"
	[ "$(as_user "$RIG_DIR/other-id" -u)" = 0 ]
	for how in as_user bare; do
		run sandboxed $how "$RIG_DIR/other-id" -u
		echo "$how: $output"
		[ "${lines[-1]}" = $LIB_UID ]
	done
	run -0 as_user timeout 20 "$RIG_DIR/postern" -quiet do \
		--frontend=link -- "$RIG_DIR/other-id" -u
	[ "$output" = $LIB_UID ]
}

@test "T51 no new privileges" {
	run sandboxed bare grep NoNewPrivs /proc/self/status
	[[ "$output" == *1 ]]
}

@test "S13 churn of 16 threads, every byte checked" {
	both "$RIG_DIR/churn" "$NET4" $ECHO 16 5
}

@test "more stalled streams than pipes: every byte comes, in order" {
	cat >"$RIG_DIR/stall.py" <<-'PY'
		# stall.py HOST PORT - 40 streams to an echo server; nobody reads
		# until all are full both ways, then each gets all of its bytes
		import hashlib, os, random, socket, sys, threading, time
		at = (sys.argv[1], int(sys.argv[2]))
		full = threading.Barrier(41)
		def one(n):
		    data = os.urandom(3000000 + n)
		    s = socket.create_connection(at)
		    def write():
		        sent = 0
		        while sent < len(data):
		            # pieces that go by copy, and some by reference
		            part = data[sent:sent + random.choice((3, 900, 300000))]
		            s.sendall(part)
		            sent += len(part)
		        s.shutdown(socket.SHUT_WR)
		    threading.Thread(target=write, daemon=True).start()
		    full.wait(50)
		    got = b""
		    while part := s.recv(random.choice((1000, 500000))):
		        got += part
		    same[n] = got == data
		same = [False] * 40
		threads = [threading.Thread(target=one, args=(n,)) for n in range(40)]
		for t in threads: t.start()
		time.sleep(1.5)
		full.wait(50)
		for t in threads: t.join()
		print("held" if all(same) else same)
	PY
	both python3 "$RIG_DIR/stall.py" "$NET4" $ECHO
}

@test "two sandboxes listen on one port, the host sees neither" {
	local serve='
import socket, sys
l = socket.socket()
l.bind(("", 8080))
l.listen()
print("listening", flush=True)
c = socket.create_connection(("127.0.0.1", 8080))
s, a = l.accept()
s.sendall(sys.argv[1].encode())
s.close()
print(c.recv(100).decode(), a == c.getsockname(), flush=True)
sys.stdin.read()'
	mkfifo "$RIG_DIR/until"
	exec {hold}<>"$RIG_DIR/until"
	for i in 1 2; do
		sandboxed as_user python3 -c "$serve" number$i \
			<"$RIG_DIR/until" >"$RIG_DIR/two$i" 2>&1 3>&- \
			{hold}>&- &
	done
	eventually grep -q 'number1 True' "$RIG_DIR/two1"
	eventually grep -q 'number2 True' "$RIG_DIR/two2"
	run tcp_listens in_host 8080
	[ "$status" -ne 0 ]
	exec {hold}>&-
	wait
}

@test "getifaddrs, if_nameindex, ip, node: lo and one interface" {
	run sandboxed as_user python3 -c 'import socket
print([n for _, n in socket.if_nameindex()])'
	[ "$output" = "['lo', 'tap0']" ]
	run sandboxed as_user ip -o addr
	[[ "$output" == *10.0.2.100/24* && "$output" == *fd00::100/64* ]]
	[[ "$output" != *$HOST4* && "$output" != *h0* ]]
	run sandboxed bare ip -o addr
	[[ "$output" == *10.0.2.100/24* && "$output" != *h0* ]]
	run sandboxed as_user ip link set lo down
	[ "$status" -ne 0 ]
}

@test "--interfaces=lo: lo alone, and everything works" {
	local how

	cat >"$RIG_DIR/alone.py" <<-'PY'
		import fcntl, socket, struct, sys
		assert socket.if_nameindex() == [(1, "lo")], socket.if_nameindex()
		s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		for ask in (lambda: socket.if_nametoindex("tap0"),
		            lambda: fcntl.ioctl(s, 0x8927, struct.pack("40s", b"tap0"))):
		    try: ask()
		    except OSError as e: assert e.errno in (19, None)
		    else: sys.exit("an interface was found")
		# names are looked up for addresses that the machine has
		found = socket.getaddrinfo(sys.argv[1], 80, 0, socket.SOCK_STREAM, 0,
		                           socket.AI_ADDRCONFIG)
		assert found[0][4][0] == sys.argv[1], found
		c = socket.create_connection((sys.argv[1], int(sys.argv[2])))
		c.sendall(b"hello"); assert c.recv(5) == b"hello"
		print("held", c.getsockname()[0])
	PY
	for how in as_user bare; do
		run "$how" timeout 20 "$RIG_DIR/postern" -quiet do \
			--interfaces=lo -- sh -c 'ip -o addr; ip route
			node -e "console.log(Object.keys(
				require(\"os\").networkInterfaces()).join())"
			python3 '"$RIG_DIR/alone.py $NET4 $ECHO"
		echo "$how: $output"
		[ "$status" = 0 ]
		[[ "$output" == *"lo "*10.0.2.100/32* && "$output" != *tap0* ]]
		[[ "$output" == *"default via 10.0.2.2 dev lo"* ]]
		[[ "$output" == *$'\nlo\n'*"held 10.0.2.100"* ]]
	done
	run -125 as_user "$RIG_DIR/postern" do --interfaces=lo \
		--frontend=link -- true
	[[ "$output" == *"--interfaces=lo needs --frontend=sockets"* ]]
}
