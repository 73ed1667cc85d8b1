#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# launch.bats - the life of CMD: what it finds, how it ends, what is left
#
# Every test runs as root, as an ordinary user and as that user inside bwrap
# --dev /dev, as far as this machine lets it: `each` calls a function once for
# each of them with $P set to the words that start postern there.

bats_require_minimum_version 1.5.0

setup()
{
	load lib.bash
	DIR=$(mktemp -d "${TMPDIR:-/tmp}/postern-launch.XXXXXX")
	chmod 777 "$DIR"
	# where the ordinary user can read it
	cp "$POSTERN" "$DIR/postern"
	cd "$DIR" || return
	unset POSTERN_NETWORK POSTERN_FRONTEND POSTERN_ALLOW POSTERN_POLICY
	# no folder that the ordinary user may not search
	PATH=/usr/sbin:/usr/bin:/sbin:/bin
}

teardown()
{
	rm -rf "$DIR"
}

# as USER_KIND - the words in front of a command
words()
{
	local user=()

	is_root && user=(setpriv --reuid "$LIB_UID" --regid "$LIB_UID"
		--clear-groups)
	case $1 in
	root) W=() ;;
	user) W=("${user[@]}") ;;
	bwrap) W=("${user[@]}" bwrap --ro-bind / / --bind "$DIR" "$DIR"
		--dev /dev --proc /proc --unshare-user --) ;;
	esac
}

# each FUNCTION - for every kind of launcher that there can be here
each()
{
	local kind status any=

	for kind in root user bwrap; do
		[ $kind != root ] || is_root || continue
		words $kind
		"${W[@]}" "$DIR/postern" do --frontend=link -q -- true \
			2>err || continue
		any=1
		P=("${W[@]}" "$DIR/postern" do --frontend=link)
		KIND=$kind
		status=0
		"$1" || status=$?
		[ $status = 0 ] || {
			echo "$1 failed as $kind"
			return 1
		}
	done
	[ -n "$any" ] || must_skip "link is not possible here: $(<err)"
}

# status_is WANTED COMMAND... - its exit status, whatever it says
status_is()
{
	local want=$1 got=0

	shift
	"$@" >out 2>err </dev/null || got=$?
	[ $got = "$want" ] || {
		echo "$*: status $got, want $want"
		cat out err
		return 1
	}
}

statuses()
{
	status_is 0 "${P[@]}" -- true &&
		status_is 7 "${P[@]}" -- sh -c 'exit 7' &&
		status_is 143 "${P[@]}" -- sh -c 'kill -TERM $$' &&
		status_is 137 "${P[@]}" -- sh -c 'kill -KILL $$' &&
		[ ! -s err ] && [ ! -s out ] &&
		status_is 127 "${P[@]}" -- no-such-program &&
		grep -q '^postern: .*no-such-program.*not found' err &&
		status_is 126 "${P[@]}" -- /etc/passwd &&
		grep -q '^postern: .*/etc/passwd' err &&
		[ "$(wc -l <err)" = 1 ] &&
		status_is 125 "${P[@]}" -cwd /no-such-place -- true &&
		[ "$(wc -l <err)" = 1 ]
}

@test "the exit status is CMD's; 125, 126 and 127 come with one line" {
	each statuses
}

what_it_sees()
{
	local mine

	mine=$("${W[@]}" id -u)
	cat >look <<-'EOF'
		set -e
		ls /sys/class/net | sort | tr '\n' ' '
		echo
		sed -n 's/^ *\([a-z0-9]*\):.*/\1/p' /proc/net/dev | sort |
			tr '\n' ' '
		echo
		ip -o -4 addr show tap0 | grep -o 'inet [0-9./]*'
		ip -o -6 addr show tap0 scope global | grep -c nodad
		ip -o addr | grep -c -e tentative || :
		ip -4 route show default
		ls -d /proc/[0-9]* | wc -l
		id -u
		readlink /proc/self/ns/net
		grep NoNewPrivs /proc/self/status | tr -d '\t'
	EOF
	"${P[@]}" -- sh look >out 2>err || {
		cat out err
		return 1
	}
	mapfile -t line <out
	[ "${line[0]}" = "lo tap0 " ] && [ "${line[1]}" = "lo tap0 " ] &&
		[[ ${line[2]} = "inet "*.100/24 ]] && [ "${line[3]}" = 1 ] &&
		[ "${line[4]}" = 0 ] && [[ ${line[5]} = "default via "* ]] &&
		[ "${line[6]}" -le 5 ] && [ "${line[7]}" = "$mine" ] &&
		[ "${line[8]}" != "$(readlink /proc/self/ns/net)" ] &&
		[ "${line[9]}" = NoNewPrivs:1 ] || {
		printf '%s\n' "${line[@]}"
		return 1
	}
}

@test "CMD sees lo and one interface, its own processes, its own id" {
	each what_it_sees
}

sees_no_host_interface_by_cwd()
{
	[ "$(cd /sys/class/net && "${P[@]}" -- ls | sort | tr '\n' ' ')" = \
		"lo tap0 " ]
}

@test "a working directory below /sys leads to the app's own" {
	each sees_no_host_interface_by_cwd
}

root_inside()
{
	status_is 0 "${P[@]}" --map-root -- sh -c '
		[ "$(id -u)" = 0 ] && ip addr add 10.9.9.9/32 dev tap0' &&
		# the mounts belong to an outer namespace
		status_is 0 "${P[@]}" --map-root -- sh -c '
		! umount /etc/resolv.conf && ! umount /sys && ! umount /proc' &&
		if [ "$KIND" != root ]; then
			status_is 0 "${P[@]}" -- sh -c '
			! ip addr add 10.9.9.9/32 dev tap0 && ! id -u | grep -x 0'
		else
			status_is 0 "${P[@]}" -- sh -c \
				'! ip addr add 10.9.9.9/32 dev tap0'
		fi
}

@test "--map-root rules its network, not its mounts; nobody else does" {
	each root_inside
}

@test "ids are mapped as asked, or CMD does not run" {
	words user
	run -125 "${W[@]}" "$DIR/postern" do -uid-map "0 5000 2" -- true
	[[ $output = *"CAP_SETUID"* ]]
	is_root || return 0
	"$DIR/postern" do -q --frontend=link -- true ||
		must_skip "link is not possible here"
	run -0 "$DIR/postern" do -q --frontend=link -uid-map "0 100000 65536" \
		-gid-map "0 100000 65536" -- sh -c '
		id -u
		tr -s " " </proc/self/uid_map; ping -c1 -W1 10.0.2.2 >&2'
	[ "${lines[0]}" = 0 ]
	[ "${lines[1]}" = " 0 100000 65536" ]
}

ready_at_once()
{
	local i

	# the first instruction connects: the gateway's port is refused, not
	# unreachable, and nothing is tentative
	for i in 1 2 3 4 5 6 7 8 9 10; do
		status_is 0 "${P[@]}" -q -- python3 -c '
import errno, socket
s = socket.socket()
s.settimeout(2)
e = s.connect_ex(("10.0.2.2", 9))
assert e in (errno.ECONNREFUSED, errno.EHOSTUNREACH), e
' || return 1
	done
	status_is 0 "${P[@]}" -- sh -c 'ping -c1 -W1 10.0.2.2 &&
		python3 -c "import socket; socket.socket().bind((\"\", 80))"'
}

@test "the network is there at the first instruction; ping and port 80 work" {
	each ready_at_once
}

descriptors()
{
	cat >fds.py <<-'EOF'
		import os, select, socket, sys
		def keep(fd, at):
		    os.dup2(fd, at)
		r, w = os.pipe()
		keep(r, 10)
		keep(os.open("/etc/passwd", os.O_RDONLY), 11)
		keep(os.open("/", os.O_RDONLY), 12)
		keep(os.open("/dev/zero", os.O_RDONLY), 13)
		keep(socket.socket().detach(), 14)
		keep(os.open("/proc/self/ns/net", os.O_RDONLY), 15)
		keep(os.open("/proc/self/mem", os.O_RDONLY), 16)
		keep(os.eventfd(0), 17)
		poller = select.epoll()
		keep(poller.fileno(), 18)
		for fd in (3, 4, 5, 6, 7, 8, 9):
		    try:
		        os.close(fd)
		    except OSError:
		        pass
		if "preserve" in sys.argv[1]:
		    os.dup2(12, 3)
		    os.dup2(13, 4)
		os.execv(sys.argv[2], sys.argv[2:])
	EOF
	cat >list.py <<-'EOF'
		import os
		def is_open(fd):
		    try:
		        os.fstat(fd)
		        return True
		    except OSError:
		        return False
		print(*(fd for fd in range(3, 30) if is_open(fd)))
	EOF
	local exe

	exe=$(command -v "${P[0]}")
	run_fds()
	{
		python3 fds.py "$1" "$exe" "${P[@]:1}" "${@:2}" -- \
			python3 list.py 2>err
	}
	[ "$(run_fds default)" = "10 11" ] &&
		[ -z "$(run_fds close --close-fds)" ] &&
		if [ "$KIND" = bwrap ]; then
			return 0 # bwrap has descriptors of its own at 3 and 4
		fi &&
		[ "$(run_fds preserve --preserve-fds=2)" = "3 4" ] &&
		! run_fds default --preserve-fds=2 &&
		grep -q 'descriptor 3 is not open' err || {
		run_fds default
		cat err
		return 1
	}
}

@test "files and pipes stay open in CMD, ways out are closed" {
	each descriptors
}

@test "a socket of the host's network as stdin is a way out: refused" {
	cat >given.py <<-'EOF'
		import socket, subprocess, sys
		a = socket.socket()
		a.bind(("127.0.0.1", 0))
		a.listen()
		b = socket.create_connection(a.getsockname())
		u, v = socket.socketpair()
		for s in (b, u):
		    print(subprocess.call(sys.argv[1:], stdin=s), flush=True)
	EOF
	words user
	"${W[@]}" "$DIR/postern" do -q --network=none -- true ||
		must_skip "no namespaces here"
	run -0 "${W[@]}" python3 given.py "$DIR/postern" do --network=none \
		-- true
	[ "${lines[1]}" = 125 ] && [ "${lines[2]}" = 0 ]
	[[ ${lines[0]} = "postern: descriptor 0 is a socket of the host"* ]]
	run -0 "${W[@]}" python3 given.py "$DIR/postern" do \
		--network=none --best-effort -- true
	[ "${lines[1]}" = 0 ]
	[[ ${lines[0]} = "postern: not enforced: "* ]]
}

closed_stdio()
{
	rm -f open?
	"${P[@]}" -- sh -c 'for i in 0 1 2; do
		[ -e /proc/$$/fd/$i ] && : >"open$i"; done; :' \
		<&- >&- 2>&- || return 1
	[ ! -e open0 ] && [ ! -e open1 ] && [ ! -e open2 ]
}

@test "closed stdin, stdout and stderr stay closed, and nothing lands there" {
	each closed_stdio
}

no_pipe_is_held()
{
	# the reader's end comes when CMD closes its stdout, not when it ends
	local job rc=0

	[ "$KIND" != bwrap ] || return 0 # it holds them itself
	rm -f end pid
	sh -c 'echo $$ >pid; exec "$@"' sh "${P[@]}" -- \
		sh -c 'echo word; exec >&-; exec sleep 20' |
		{ cat >word && : >end; } &
	job=$!
	EVENTUALLY_S=5 eventually test -e end || rc=1
	kill -TERM "$(<pid)"
	wait $job || :
	[ "$(<word)" = word ] && return $rc
}

@test "no process of ours holds CMD's pipes open" {
	each no_pipe_is_held
}

listen_pid()
{
	[ "$KIND" != bwrap ] || return 0 # it forks: the pid is not postern's
	[ "$(sh -c 'LISTEN_PID=$$ LISTEN_FDS=1 A=b exec "$@" -- sh -c \
		"[ \$LISTEN_PID = \$\$ ] && echo \$LISTEN_FDS\$A"' sh \
		"${P[@]}")" = 1b ]
}

@test "LISTEN_PID is CMD's pid, and no other variable changes" {
	each listen_pid
	"$DIR/postern" do -q -- env | grep -v ^_= | sort >inside
	env | grep -v ^_= | sort >outside
	diff inside outside
}

# --- names ----------------------------------------------------------------------

# other_etc - words that run a command with an /etc of $DIR/etc and an empty /run
other_etc()
{
	mkdir -p "$DIR/etc"
	cp /etc/passwd /etc/group /etc/nsswitch.conf /etc/hosts \
		/etc/ld.so.cache "$DIR/etc"
	echo '192.0.2.77 here.example' >>"$DIR/etc/hosts"
	cat >within <<-'EOF'
		set -e
		mount -t tmpfs t /run
		mkdir -p /run/systemd/resolve /run/nscd /run/avahi-daemon
		printf 'nameserver 127.0.0.53\nsearch corp.example\n' \
			>/run/systemd/resolve/stub-resolv.conf
		mount --bind "$1/etc" /etc
		shift
		exec "$@"
	EOF
	ETC=(unshare -m --propagation private sh within "$DIR")
	"${ETC[@]}" true 2>/dev/null || must_skip "no mount namespace here"
}

@test "the host's resolver daemons are out of reach; resolv.conf is ours" {
	is_root || must_skip "needs root to lay out another /etc and /run"
	other_etc
	ln -s ../run/systemd/resolve/stub-resolv.conf etc/resolv.conf
	cat >daemons.py <<-'EOF'
		import os, socket, subprocess, sys
		paths = ["/run/systemd/resolve/io.systemd.Resolve",
		         "/run/nscd/socket", "/run/avahi-daemon/socket"]
		held = []
		for p in paths:
		    s = socket.socket(socket.AF_UNIX)
		    s.bind(p)
		    os.chmod(p, 0o666)
		    s.listen()
		    held.append(s)
		sys.exit(subprocess.call(sys.argv[1:]))
	EOF
	cat >knock.py <<-'EOF'
		import socket
		for p in ["/run/systemd/resolve/io.systemd.Resolve",
		          "/run/nscd/socket", "/var/run/nscd/socket",
		          "/run/avahi-daemon/socket"]:
		    try:
		        socket.socket(socket.AF_UNIX).connect(p)
		        print("reached")
		    except OSError as e:
		        print(e.errno)
		print(open("/etc/resolv.conf").read())
		try:
		    open("/etc/resolv.conf", "a")
		    print("writable")
		except OSError:
		    print("read-only")
	EOF
	words user
	run -0 "${ETC[@]}" python3 daemons.py "${W[@]}" python3 knock.py
	[ "$(grep -c reached <<<"$output")" = 4 ]
	run -0 "${ETC[@]}" python3 daemons.py "${W[@]}" "$DIR/postern" do \
		--frontend=link -- python3 knock.py
	[ "$(grep -c '^111$' <<<"$output")" = 4 ]
	grep -q '^nameserver 10\.' <<<"$output"
	[[ $output != *127.0.0.53* ]]
	grep -q '^search corp.example' <<<"$output"
	grep -q read-only <<<"$output"
}

@test "where resolv.conf cannot be replaced, the loopback address answers" {
	is_root || must_skip "needs root to lay out another /etc and /run"
	other_etc # without a resolv.conf: libc asks 127.0.0.1
	words user
	run -0 "${ETC[@]}" "${W[@]}" "$DIR/postern" do --frontend=link -- \
		sh -c 'dig +short +tries=1 @127.0.0.1 here.example
		dig +tcp +short +tries=1 @127.0.0.1 here.example
		getent hosts here.example'
	[ "$(grep -c '192.0.2.77' <<<"$output")" = 3 ]
}

# --- signals ------------------------------------------------------------------

signals()
{
	local sig want job rc

	for sig in HUP INT TERM USR1 USR2 QUIT ALRM; do
		rm -f ready got
		# a shell starts background jobs with SIGINT ignored
		python3 -c '
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)
os.execvp(sys.argv[1], sys.argv[1:])' "${P[@]}" -- python3 -c '
import signal, sys
def on(n, f):
    open("got", "a").write("%d\n" % n)
    sys.exit(3)
signal.signal(signal.SIG'$sig', on)
open("ready", "w").close()
signal.pause()' &
		job=$!
		eventually test -e ready || return 1
		# the monitor: bwrap and setpriv exec or wait for it
		kill -s $sig "$(monitor_of $job)"
		rc=0
		wait $job || rc=$?
		[ $rc = 3 ] && [ "$(wc -l <got)" = 1 ] || {
			echo "SIG$sig: status $rc"
			cat got
			return 1
		}
	done
}

# monitor_of PID - the process named postern at or below it
monitor_of()
{
	local pid=$1 child

	while [ "$(cat "/proc/$pid/comm" 2>/dev/null)" != postern ]; do
		child=$(pgrep -P "$pid" | head -1)
		[ -n "$child" ] || return 1
		pid=$child
	done
	echo "$pid"
}

@test "signals to postern reach CMD, once" {
	each signals
}

stops()
{
	local job monitor rc=0

	rm -f beat
	# in a process group of its own, with a parent outside of it: the
	# kernel takes no SIGTSTP in an orphaned group, and ours may be one
	set -m
	"${P[@]}" -- sh -c 'while :; do echo >>beat; sleep 0.05; done' 3>&- &
	job=$!
	set +m
	eventually test -s beat || return 1
	monitor=$(monitor_of $job)
	stops_and_continues "$monitor" || rc=1
	kill -KILL "$monitor"
	wait $job || :
	return $rc
}

stops_and_continues()
{
	local monitor=$1 n

	kill -TSTP "$monitor"
	eventually grep -q 'State:.T' "/proc/$monitor/status" || return 1
	n=$(wc -l <beat)
	sleep 0.3
	[ "$(wc -l <beat)" -le $((n + 1)) ] || return 1
	kill -CONT "$monitor"
	n=$(wc -l <beat)
	eventually sh -c "[ \$(wc -l <beat) -gt $((n + 2)) ]"
}

@test "the monitor stops and continues with CMD" {
	each stops
}

terminal()
{
	[ "$KIND" != bwrap ] || return 0 # an interrupt ends bwrap itself
	timeout 100 python3 "$TOP/tests/e2e/terminal.py" "${P[@]}" -q --
}

@test "at a terminal: interrupt, stop, job control, the terminal given back" {
	# the table is right if it holds without us
	timeout 100 python3 "$TOP/tests/e2e/terminal.py" env
	each terminal
}

# --- the end ------------------------------------------------------------------

# tree PID - all processes below it, itself included
tree()
{
	local child

	echo "$1"
	for child in $(pgrep -P "$1"); do
		tree "$child"
	done
}

all_gone()
{
	local pid

	for pid in "$@"; do
		# a zombie is its parent's affair
		[ ! -d "/proc/$pid" ] ||
			grep -q 'State:.Z' "/proc/$pid/status" 2>/dev/null ||
			[ ! -d "/proc/$pid" ] || return 1
	done
}

# kill_one ROUNDS WHICH WANTED_STATUS OPTION...
kill_one()
{
	local i which=$2 want=$3 job monitor init data victim pids rc

	for ((i = 0; i < $1; i++)); do
		rm -f up
		"${P[@]}" "${@:4}" -- sh -c \
			'setsid sleep 1000 & sleep 1000 & echo >up; wait' \
			2>err &
		job=$!
		eventually test -e up || return 1
		monitor=$(monitor_of $job)
		data=$(pgrep -P "$monitor" postern-data)
		init=$(pgrep -P "$monitor,$data" postern-init)
		case $which in
		monitor) victim=$monitor ;;
		datapath) victim=$data ;;
		init) victim=$init ;;
		cmd) victim=$(pgrep -P "$init" | head -1) ;;
		esac
		mapfile -t pids < <(tree "$monitor")
		# at a random moment of the next 20 ms
		sleep 0.0$((RANDOM % 20))
		kill -KILL "$victim"
		rc=0
		wait $job || rc=$?
		EVENTUALLY_S=1 eventually all_gone "${pids[@]}" || {
			echo "$which: left behind"
			ps -o pid,ppid,stat,comm -p "$(IFS=,; echo "${pids[*]}")"
			return 1
		}
		[ $rc = "$want" ] || {
			echo "$which: status $rc, want $want"
			cat err
			return 1
		}
	done
	[ "$which" != datapath ] ||
		[ "$(grep -c '^postern: the datapath was ended' err)" = 1 ]
}

kill_each()
{
	kill_one 7 monitor 137 && kill_one 7 datapath 125 &&
		kill_one 7 init 137 && kill_one 7 cmd 137
}

@test "SIGKILL of any one process leaves nothing a second later" {
	each kill_each
}

kill_each_veth()
{
	kill_one 3 monitor 137 --link=veth &&
		kill_one 3 datapath 125 --link=veth &&
		kill_one 3 init 137 --link=veth && kill_one 3 cmd 137 --link=veth
}

@test "the same with a veth pair" {
	each kill_each_veth
}

orphans()
{
	rm -f pid
	"${P[@]}" -- sh -c 'setsid sleep 1000 & :' || return 1
	EVENTUALLY_S=1 eventually sh -c '! pgrep -x -f "sleep 1000"'
}

@test "what CMD left in the background ends with CMD" {
	each orphans
}

@test "a kill at any moment of the set-up leaves nothing, and no CMD" {
	words user
	"${W[@]}" "$DIR/postern" do -q --frontend=link -- true ||
		must_skip "link is not possible here"
	local i job pids victim

	for ((i = 0; i < 20; i++)); do
		"${W[@]}" "$DIR/postern" do --frontend=link -- \
			sleep 7.4711 2>err &
		job=$!
		sleep "0.0$(printf %02d $((RANDOM % 12)))"
		mapfile -t pids < <(tree $job)
		victim=${pids[$((RANDOM % ${#pids[@]}))]}
		kill -KILL "$victim" || :
		wait $job || :
		EVENTUALLY_S=1 eventually all_gone "${pids[@]}"
		EVENTUALLY_S=1 eventually sh -c '! pgrep -fx "sleep 7.4711"'
	done
}

# --- networks other than the default -------------------------------------------

@test "--network=none has a loopback and nothing else" {
	words user
	"${W[@]}" "$DIR/postern" do -q --network=none -- true ||
		must_skip "no namespaces here"
	run -0 "${W[@]}" "$DIR/postern" do --network=none -- sh -c \
		'ls /sys/class/net; ip -o -4 addr; ip route'
	[ "${lines[0]}" = lo ]
	[[ ${lines[1]} = *127.0.0.1/8* ]]
	[ "${#lines[@]}" = 2 ]
	run -143 "${W[@]}" "$DIR/postern" do --network=none -- \
		sh -c 'kill $$'
}

@test "postern in postern, and bwrap in postern" {
	words user
	"${W[@]}" "$DIR/postern" do -q --frontend=link -- true ||
		must_skip "link is not possible here"
	run -0 "${W[@]}" "$DIR/postern" do -q -- "$DIR/postern" do -q -- \
		ip -o -4 addr show dev tap0
	[[ $output = *"inet 10.0."* ]] && [[ $output != *"10.0.2.100"* ]]
	run -5 "${W[@]}" "$DIR/postern" do -- bwrap --ro-bind / / \
		--dev /dev --proc /proc --unshare-all sh -c 'exit 5'
	run -6 "${W[@]}" "$DIR/postern" do -- bwrap --ro-bind / / \
		--dev /dev --proc /proc --unshare-user -- "$DIR/postern" \
		do -q -- sh -c 'exit 6'
}

@test "the filter: io_uring, terminal input, odd sockets, foreign calls" {
	cat >filter.py <<-'EOF'
		import ctypes, errno, fcntl, os, socket, termios
		libc = ctypes.CDLL(None, use_errno=True)
		def call(*a):
		    r = libc.syscall(*a)
		    return 0 if r >= 0 else ctypes.get_errno()
		def sock(*a):
		    try:
		        socket.socket(*a).close()
		        return 0
		    except OSError as e:
		        return e.errno
		for nr in (425, 426, 427):
		    assert call(nr, 8, 0, 0, 0, 0) == errno.ENOSYS, nr
		for request in (termios.TIOCSTI, 0x541C, termios.TIOCSTI | 1 << 32):
		    r = libc.syscall(16, 0, ctypes.c_ulong(request), b"x")
		    assert r < 0 and ctypes.get_errno() == errno.EPERM, request
		for family in (1, 2, 10):
		    assert sock(family, socket.SOCK_STREAM) == 0
		assert sock(16, socket.SOCK_RAW, 0) == 0
		for family in (40, 44, 30, 38, 43, 31, 29, 21, 4, 5):
		    assert sock(family, 2) == errno.EAFNOSUPPORT, family
		assert sock(17, 3, 0x300) == errno.EPERM
		assert sock(2, 3, 1) == errno.EPERM
		for proto in (262, 132, 33, 136, 115):
		    for kind in (1, 2, 5):
		        assert sock(2, kind, proto) == errno.EPROTONOSUPPORT, proto
		for proto in (4, 9, 12, 16):
		    assert sock(16, 3, proto) == errno.EPROTONOSUPPORT, proto
		# where the filter of a container ends a process for it, ours is
		# not asked
		if os.uname().machine == "x86_64" and "NO_X32" not in os.environ:
		    assert call(0x40000000 + 41, 2, 1, 0) == errno.ENOSYS
	EOF
	words user
	python3 -c 'import ctypes
ctypes.CDLL(None).syscall(0x40000000 + 41, 2, 1, 0)' || export NO_X32=1
	"${W[@]}" "$DIR/postern" do -q -- true || must_skip "nothing runs here"
	run -0 "${W[@]}" "$DIR/postern" do -q -- python3 filter.py
	run -0 "${W[@]}" "$DIR/postern" --network=host do -q -- \
		python3 filter.py
	# sockets needs the filter: it answers by it
	"${W[@]}" "$DIR/postern" do -q --frontend=link -- true ||
		must_skip "--no-filter: link is not possible here"
	run -1 "${W[@]}" "$DIR/postern" do -q --no-filter -- python3 filter.py
}

# The datapath may stay half a second for what the app wrote last; where there
# is nothing it goes with the monitor. Whoever reaps it here sees when.
@test "nothing is left running a moment after the end" {
	cat >last.py <<-'EOF'
		import ctypes, os, subprocess, sys, time
		PR_SET_CHILD_SUBREAPER = 36
		assert ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1) == 0
		took = []
		for _ in range(8):
		    # a tap takes its time to close; a machine may be busy
		    assert subprocess.run(sys.argv[1:]).returncode == 0
		    end = time.monotonic()
		    try:
		        while True:
		            os.wait()
		    except ChildProcessError:
		        pass
		    took.append(time.monotonic() - end)
		print(*("%.0f" % (t * 1000) for t in took), "ms")
		assert min(took) < 0.25, took
	EOF
	words user
	"${W[@]}" "$DIR/postern" do -q --frontend=link -- true ||
		must_skip "link is not possible here"
	run -0 "${W[@]}" python3 last.py "$DIR/postern" do -q -- true
}
