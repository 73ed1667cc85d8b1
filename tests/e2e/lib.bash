# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# lib.bash - the rig and the words that tests outside the program share
#
# The rig is two network namespaces, `net` (servers) - veth - `host` (where
# postern is started); postern makes the third, the app's. Both live as long
# as a process here holds a pipe open, so nothing of them outlives the test,
# however it ends. Background processes are ended by their pid.
#
# As root the rig is made of plain namespaces; as an ordinary user inside a
# user namespace of its own; where neither can be had, rig_up says so.

LIB_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TOP=$(cd "$LIB_DIR/../.." && pwd)
PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH
export LC_ALL=C

# Where the tests' programs and postern were built
: "${POSTERN_BUILD:=$TOP/build-check}"
: "${POSTERN:=$POSTERN_BUILD/postern}"

# Addresses of the rig: documentation prefixes, in namespaces of our own
NET4=192.0.2.2 HOST4=192.0.2.1
NET6=2001:db8:1::2 HOST6=2001:db8:1::1
# An ordinary user that needs no account
LIB_UID=2001

# for_everybody - the test's own directory can be reached by the rig's user
for_everybody()
{
	chmod 711 "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/test"
	chmod 777 "$BATS_TEST_TMPDIR"
	cd "$BATS_TEST_TMPDIR" || return
}

# eventually COMMAND... - true within 10 s (EVENTUALLY_S), else false
eventually()
{
	local end=$((SECONDS + ${EVENTUALLY_S:-10}))

	until "$@"; do
		((SECONDS <= end)) || return 1
		read -rt 0.02 <> <(:) || :
	done
}

# descendant PID NAME - the process of that name below PID
descendant()
{
	local child

	for child in $(pgrep -P "$1"); do
		if [ "$(<"/proc/$child/comm")" = "$2" ]; then
			echo "$child"
			return
		fi
		descendant "$child" "$2" && return
	done
	return 1
}

# absent_process PATTERN - no process has that whole command line
absent_process()
{
	! pgrep -fx "$1"
}

# absent GREP-ARGUMENT... - nothing matches (bats does not see a bare `! grep`)
absent()
{
	local rc=0

	grep -a "$@" || rc=$?
	[ "$rc" = 1 ]
}

# silent FILE - nothing on stderr but the one line that a machine without
# namespaces calls for
silent()
{
	absent -v '^postern: no namespace for the app here' "$1"
}

# check_log FILE - every line is one of docs/flow-log.schema.json
check_log()
{
	check_schema "$TOP/docs/flow-log.schema.json" "$1"
}

# check_schema SCHEMA FILE - every line of FILE is one of it: the part of the
# standard that our schemas use, so that no library is needed
check_schema()
{
	python3 - "$1" "$2" <<-'END'
		import json, re, sys
		schema = json.load(open(sys.argv[1]))
		def check(value, s, where):
		    if "const" in s: assert value == s["const"], where
		    if "enum" in s: assert value in s["enum"], where
		    kind = {"string": str, "integer": int, "object": dict, "array": list,
		            "boolean": bool}.get(s.get("type"))
		    if kind: assert type(value) is kind, where
		    if "pattern" in s: assert re.search(s["pattern"], value), where
		    if "minimum" in s: assert value >= s["minimum"], where
		    if "maximum" in s: assert value <= s["maximum"], where
		    if "maxLength" in s: assert len(value) <= s["maxLength"], where
		    for key in s.get("required", ()): assert key in value, (where, key)
		    if s.get("additionalProperties") is False:
		        assert not set(value) - set(s["properties"]), where
		    for key, sub in s.get("properties", {}).items():
		        if key in value: check(value[key], sub, (where, key))
		    for sub in value if "items" in s else ():
		        check(sub, s["items"], where)
		    if "oneOf" in s:
		        good = 0
		        for sub in s["oneOf"]:
		            try: check(value, sub, where); good += 1
		            except AssertionError: pass
		        assert good == 1, where
		lines = open(sys.argv[2]).read().splitlines()
		assert lines, "an empty log"
		for line in lines:
		    check(json.loads(line), schema, line)
	END
}

# must_skip REASON - a bats skip, or a failure where everything must work
must_skip()
{
	if [ -n "${POSTERN_MUST_WORK:-}" ]; then
		echo "cannot run here, and must: $1"
		return 1
	fi
	skip "$1"
}

# file_skips REASON - for setup_file, where bats knows no skip: every test of
# the file is skipped by the load in its setup
file_skips()
{
	export FILE_SKIPS=$1
}

if [ -n "${FILE_SKIPS:-}" ] && [ -n "${BATS_TEST_NUMBER:-}" ]; then
	must_skip "$FILE_SKIPS"
fi

is_root()
{
	[ "$(id -u)" = 0 ]
}

# can_own_namespaces - may this user make user and network namespaces?
can_own_namespaces()
{
	unshare -Urn true 2>/dev/null || unshare -n true 2>/dev/null
}

# way_option WAY - the options that insist on one of tap, veth, sockets, bare
way_option()
{
	case $1 in
	tap | veth) echo "--frontend=link --link=$1" ;;
	sockets | bare | yama*) echo --frontend=sockets ;;
	direct) echo --sockets=direct ;;
	esac
}

# ways - those that `postern check` says this machine has, one a line; in the
# rig as its user has them
ways()
{
	${RIG_HOST:+as_user} "$POSTERN" check 2>/dev/null | awk '
		/^link: *yes/ { link = 1 }
		/^tap: *yes/ && link { print "tap" }
		/^veth: *yes/ && link { print "veth" }
		/^sockets: *yes/ { print "sockets" }'
}

# ways_and_bare - the same, and `bare`: sockets where the app can have no
# namespace
ways_and_bare()
{
	ways
	! ways | grep -qx sockets || echo bare
}

# postern_do WAY [OPTION...] -- CMD... - bounded in time, as an ordinary user
# in the rig's host namespace where there is a rig; WAY native: without postern
postern_do()
{
	local option

	option=$(way_option "$1")
	case $1 in
	native)
		while [ "$1" != -- ]; do shift; done
		shift
		as_user timeout "${DO_TIMEOUT:-60}" "$@"
		return ;;
	bare)
		shift
		bare timeout "${DO_TIMEOUT:-60}" "$POSTERN" -quiet do \
			"$option" "$@"
		return ;;
	yama*)
		local as=as_user

		[ "$1" = yama ] || as=bare
		shift
		"$as" "$RIG_DIR/under-yama" timeout "${DO_TIMEOUT:-60}" "$POSTERN" \
			-quiet do "$option" "$@"
		return ;;
	esac
	shift
	# shellcheck disable=SC2086
	if [ -n "${RIG_HOST:-}" ]; then
		as_user timeout "${DO_TIMEOUT:-60}" "$POSTERN" do $option "$@"
	else
		timeout "${DO_TIMEOUT:-60}" "$POSTERN" do $option "$@"
	fi
}

# serve ADDRESS... - tools/demo-server.py on one port; sets SERVE_PORT.
# WHERE=in_net puts it there. It leaves when this process and its children do.
# loaded again in teardown_file: what setup_file opened must not be forgotten
[ -n "${SERVE_FDS+set}" ] || SERVE_FDS=()

serve()
{
	local out

	out=$(mktemp -d "${TMPDIR:-/tmp}/postern-serve.XXXXXX")
	# shellcheck disable=SC2034 # held, not read
	exec {SERVE_FD}> >(${WHERE:-exec} /usr/bin/python3 \
		"$TOP/tools/demo-server.py" "${SERVE_PORT:-0}" "$@" \
		>"$out/port" 2>"$out/err" 3>&-)
	if ! eventually test -s "$out/port"; then
		cat "$out/err" >&2
		return 1
	fi
	SERVE_PORT=$(<"$out/port")
	export SERVE_PORT
	SERVE_FDS+=("$SERVE_FD")
	rm -rf "$out"
}

# serve_down - the servers end when their stdin does
serve_down()
{
	local fd

	for fd in "${SERVE_FDS[@]}"; do
		exec {fd}>&-
	done
	SERVE_FDS=()
}

# --- the rig -------------------------------------------------------------------

RIG_PIDS=()
RIG_EXEC='' RIG_DEATH=

rig_hold()
{
	local name=$1

	shift
	# shellcheck disable=SC2034 # held, not read
	exec {RIG_FD}> >(exec "$@" sh -c \
		'echo $$ >"$1.new" && mv "$1.new" "$1" && exec cat' \
		sh "$RIG_DIR/$name.pid" >/dev/null 2>"$RIG_DIR/$name.err" 3>&-)
	if ! eventually test -s "$RIG_DIR/$name.pid"; then
		cat "$RIG_DIR/$name.err" >&2
		return 1
	fi
	# the number, not a copy: bats runs tests in processes of their own
	printf -v "RIG_${name^^}" %s "$(<"$RIG_DIR/$name.pid")"
	export "RIG_${name^^}"
}

# in_net COMMAND..., in_host COMMAND... - as the rig's root
in_net()
{
	# shellcheck disable=SC2086
	$RIG_EXEC nsenter -t "$RIG_NET" $RIG_ENTER -n -- $RIG_DEATH "$@"
}

in_host()
{
	# shellcheck disable=SC2086
	$RIG_EXEC nsenter -t "$RIG_HOST" $RIG_ENTER -m -n --wdns="$PWD" -- \
		$RIG_DEATH "$@"
}

# as_user COMMAND... - in `host`, as an ordinary user without capabilities
as_user()
{
	if [ -n "$RIG_ENTER" ]; then
		# he is root of the rig's user namespace: without CAP_SETFCAP
		# no map that has that root may be written (Linux 5.12)
		in_host setpriv --inh-caps=-all --bounding-set=-all,+setfcap \
			--no-new-privs -- "$@"
	else
		in_host setpriv --reuid $LIB_UID --regid $LIB_UID \
			--clear-groups -- env HOME=/tmp "$@"
	fi
}

# bare COMMAND... - as_user, where no namespace of any kind can be made any more
bare()
{
	# shellcheck disable=SC2016 # for the inner shell
	as_user unshare -U --map-user=$LIB_UID --map-group=$LIB_UID \
		--keep-caps sh -c '
		for f in /proc/sys/user/max_*_namespaces; do echo 0 >"$f"; done
		exec setpriv --bounding-set=-all --inh-caps=-all \
			--ambient-caps=-all -- "$@"' sh "$@"
}

rig_up()
{
	RIG_DIR=$(mktemp -d "${TMPDIR:-/tmp}/postern-rig.XXXXXX") || return 1
	chmod 711 "$RIG_DIR"
	export RIG_DIR RIG_ENTER=
	if unshare -mn true 2>/dev/null; then
		rig_hold host unshare -mn --propagation private || return 1
		rig_hold net unshare -n || return 1
	elif unshare -Urmn true 2>/dev/null; then
		rig_hold host unshare -Urmn --propagation private || return 1
		RIG_ENTER='-U --preserve-credentials'
		rig_hold net nsenter -t "$RIG_HOST" -U \
			--preserve-credentials unshare -n || return 1
	else
		echo "no network namespace can be made here" >&2
		return 1
	fi
	# what the user behind the rig runs must be his to read
	install -m 755 "$POSTERN" "$RIG_DIR/postern" || return 1
	export POSTERN=$RIG_DIR/postern
	in_net ip link add n0 type veth peer name h0 netns "$RIG_HOST" &&
		in_net sh -euc "
		ip link set lo up
		ip link set n0 up
		ip addr add $NET4/24 dev n0
		for i in 3 4 5 6; do ip addr add 192.0.2.\$i/24 dev n0; done
		ip addr add $NET6/64 dev n0 nodad
		ip route add default via $HOST4
		ip -6 route add default via $HOST6
		# a router that says no: ICMP errors, as many as are asked for
		echo 1 >/proc/sys/net/ipv4/ip_forward
		echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
		echo 0 >/proc/sys/net/ipv4/icmp_ratelimit
		echo 0 >/proc/sys/net/ipv6/icmp/ratelimit
		ip route add unreachable 198.51.100.1
		ip route add prohibit 198.51.100.2
		ip -6 route add unreachable 2001:db8:2::1
		ip -6 route add prohibit 2001:db8:3::1
		ip addr add 198.51.100.3/32 dev lo
		nft add table ip t
		nft 'add chain ip t c { type filter hook input priority 0; }'
		nft add rule ip t c ip daddr 198.51.100.3 reject
		" && in_host sh -euc "
		ip link set lo up
		ip link set h0 up
		ip addr add $HOST4/24 dev h0
		ip addr add $HOST6/64 dev h0 nodad
		ip route add default via $NET4
		ip -6 route add default via $NET6
		" || return 1
	if [ -z "$RIG_ENTER" ] && [ -e /dev/net/tun ]; then
		# an ordinary user may open it, in this mount namespace alone
		in_host sh -euc '
		mknod -m 666 "$1" c 10 200
		mount --bind "$1" /dev/net/tun' sh "$RIG_DIR/tun" || return 1
	fi
}

# runtime_up - XDG_RUNTIME_DIR of the rig's user, for control sockets
runtime_up()
{
	export XDG_RUNTIME_DIR=$RIG_DIR/run
	mkdir -m 700 "$XDG_RUNTIME_DIR" || return
	! is_root || chown "$LIB_UID:$LIB_UID" "$XDG_RUNTIME_DIR"
}

# become COMMAND... - exec, also through in_net and in_host
become()
{
	local where=$1

	shift
	# shellcheck disable=SC2086
	case $where in
	in_net) exec nsenter -t "$RIG_NET" $RIG_ENTER -n -- "$@" ;;
	in_host) exec nsenter -t "$RIG_HOST" $RIG_ENTER -m -n \
		--wdns="$PWD" -- "$@" ;;
	*) "$where" "$@" ;;
	esac
}

# background NAME COMMAND... - stdout and stderr to $RIG_DIR/NAME.log; the pid
# is kept for rig_down and left in BACKGROUND_PID. It is the command's own pid,
# and the command dies with this shell, however that ends.
background()
{
	local name=$1 RIG_EXEC=exec RIG_DEATH='setpriv --pdeathsig KILL --'

	shift
	# the pid must be that of the command, not of a shell in front of it
	# and a test may empty the log while it is written
	become "$@" >>"$RIG_DIR/$name.log" 2>&1 </dev/null 3>&- &
	BACKGROUND_PID=$!
	RIG_PIDS+=("$BACKGROUND_PID")
	echo "$BACKGROUND_PID" >>"$RIG_DIR/background"
}

# is_of_rig PID - our child, or one that has our environment still (sshd and
# redis write their title over theirs)
is_of_rig()
{
	local parent

	parent=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$1/status" 2>/dev/null)
	[ "$parent" = $$ ] || [ "$parent" = "$BASHPID" ] ||
		grep -qazx "RIG_DIR=$RIG_DIR" "/proc/$1/environ" 2>/dev/null
}

rig_down()
{
	local pid pids=()

	serve_down
	[ -n "${RIG_DIR:-}" ] && [ -d "$RIG_DIR" ] || return 0
	[ ! -e "$RIG_DIR/background" ] || mapfile -t pids <"$RIG_DIR/background"
	for pid in "${pids[@]}" ${RIG_NET:-} ${RIG_HOST:-}; do
		# numbers come again: only what was started in this rig
		is_of_rig "$pid" && kill "$pid" 2>/dev/null
	done
	wait "${pids[@]}" 2>/dev/null
	rm -rf "$RIG_DIR"
	unset RIG_DIR RIG_NET RIG_HOST
}

# is_waiting PID - a postern that has asked over its socket and sleeps
is_waiting()
{
	[ "$(cat "/proc/$1/comm" 2>/dev/null)" = postern ] &&
		grep -q 'State:.S' "/proc/$1/status" &&
		readlink "/proc/$1/fd/"* | grep -q '^socket:'
}

# tcp_listens WHERE PORT - does anything listen there? WHERE: in_net, in_host
tcp_listens()
{
	"$1" ss -Hltn "sport = :$2" | grep -q .
}

udp_listens()
{
	"$1" ss -Hlun "sport = :$2" | grep -q .
}
