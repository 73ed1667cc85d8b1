#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# control.bats - the control socket: what it shows and changes, and who may
# not come near it (THREATS 55)

bats_require_minimum_version 1.5.0

setup_file()
{
	load lib.bash
	rig_up ||
		{ file_skips "no network namespace can be made here"; return; }
	WAYS=$(ways_and_bare)
	runtime_up
	install -m 755 "$LIB_DIR/control-client.py" "$RIG_DIR/speak"
	export WAYS
	# takes connections and says nothing, until they end
	cat >"$RIG_DIR/hold.py" <<-'END'
		import socket, threading
		s = socket.create_server(("", 7777))
		def hold(c):
		    try:
		        while c.recv(1000): pass
		    except OSError: pass
		while True:
		    c, _ = s.accept()
		    c.sendall(b"x" * 5000)
		    threading.Thread(target=hold, args=(c,), daemon=True).start()
	END
	background hold in_net /usr/bin/python3 "$RIG_DIR/hold.py"
	eventually tcp_listens in_net 7777
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
	[ -n "$WAYS" ] || must_skip "no frontend works here"
	ROOT=$XDG_RUNTIME_DIR/postern
}

teardown()
{
	local id

	for id in $(as_user ls "$ROOT" 2>/dev/null); do
		as_user timeout 5 "$POSTERN" kill -KILL "$id" 2>/dev/null || :
	done
	eventually test -z "$(as_user ls "$ROOT" 2>/dev/null)" || :
}

# ctl WORD... - a verb, as the user, from outside
ctl()
{
	as_user timeout 20 "$POSTERN" "$@" </dev/null
}

waits_below()
{
	is_waiting "$(descendant "$1" postern)"
}

# speak NAME WHAT... - to the socket of a sandbox
speak()
{
	as_user timeout 60 /usr/bin/python3 "$RIG_DIR/speak" \
		"$ROOT/$1/control" "${@:2}"
}

# start WAY NAME [OPTION...] -- CMD... - in the background; its status goes to
# ./NAME.status
start()
{
	local way=$1 name=$2

	shift 2
	rm -f "$name.status"
	(
		rc=0
		postern_do "$way" --name "$name" "$@" \
			>"$name.out" 2>"$name.err" </dev/null 3>&- || rc=$?
		echo "$rc" >"$name.status"
	) &
	eventually as_user test -S "$ROOT/$name/control" &&
		eventually ctl info "$name" >/dev/null 2>&1
}

# ended NAME STATUS - it comes to an end, with that
ended()
{
	eventually test -s "$1.status" && [ "$(<"$1.status")" = "$2" ] ||
		{ echo "$1: not $2 but $(cat "$1.status")"; cat "$1.err"; false; }
}

# flow_of NAME PATTERN - it has such a flow
flow_of()
{
	ctl flows "$1" | grep -q "$2"
}

@test "ps and info tell of two sandboxes, wait and kill of their end" {
	local way rc

	for way in $WAYS; do
		start "$way" one -- sleep 30
		start "$way" two --deny 10.1.0.0/16 -- sh -c 'trap "exit 7" TERM
			while :; do sleep .05; done'
		run -0 ctl ps
		[ "${#lines[@]}" = 3 ]
		[[ ${lines[0]} =~ ^ID\ +PID\ +UP\ +FRONTEND\ +FLOWS\ +PORTS\ +COMMAND$ ]]
		[[ ${lines[1]} =~ ^one\ .*\ sleep\ 30$ ]]
		[[ ${lines[2]} =~ ^two\ .*\ sh\ -c ]]
		ctl ps --json >ps.json
		/usr/bin/python3 - "$way" <<-'END'
			import json, sys
			one, two = map(json.loads, open("ps.json"))
			link = sys.argv[1] in ("tap", "veth")
			assert one["frontend"] == ("link" if link else "sockets")
			assert one["command"] == ["sleep", "30"]
			cmd = open(f"/proc/{one['command_pid']}/cmdline").read()
			assert cmd == "sleep\0" + "30\0", cmd
			assert two["stats"]["rules"] == 1
		END
		run -0 ctl info two
		[[ $output == *"rule      deny 10.1.0.0/16"* ]]
		ctl wait two >wait.out 2>&1 3>&- &
		local waiter=$!
		eventually waits_below $waiter
		# the beginning of a name is enough
		ctl kill tw
		ended two 7
		rc=0
		wait $waiter || rc=$?
		[ "$rc" = 7 ]
		ctl kill -9 one
		ended one 137
		run -0 ctl ps
		[ "${#lines[@]}" = 1 ]
		[ -z "$(as_user ls "$ROOT")" ]
	done
}

@test "a live allow opens, a live deny ends what runs" {
	local way

	for way in $WAYS; do
		rm -f go* first second third
		start "$way" live --allow 192.0.2.9 -- /usr/bin/python3 -c '
import os, socket, time
def connect():
    s = socket.socket(); s.settimeout(20)
    try: s.connect(("'$NET4'", 7777)); return s, "connected"
    except OSError as e: return s, type(e).__name__
def note(name, what):
    open(name + ".new", "w").write(what); os.rename(name + ".new", name)
def wait(name):
    while not os.path.exists(name): time.sleep(.02)
note("first", connect()[1])
wait("go")
s, what = connect()
note("second", what)
try:
    while s.recv(100000): pass
    note("third", "end")
except OSError as e: note("third", type(e).__name__)
'
		eventually test -s first
		grep -qE 'OSError|PermissionError' first
		run ctl allow live "$NET4:7778/udp"
		[ "$output" = "allow $NET4:7778/udp" ]
		run -0 ctl allow live "$NET4:7777"
		touch go
		eventually test -s second
		[ "$(<second)" = connected ]
		eventually flow_of live "^tcp .*open .*$NET4:7777 .* 4.9K .*allow $NET4:7777"
		ctl flows live --json >flows.json
		/usr/bin/python3 -c '
import json
flow, = [json.loads(l) for l in open("flows.json")]
assert flow["origin"] == "control:2", flow
assert flow["bytes_host_app"] == 5000, flow'
		run -0 ctl deny live "$NET4"
		[ "$output" = "deny $NET4; 1 flow ended" ]
		eventually test -s third
		[ "$(<third)" = ConnectionResetError ]
		ended live 0
		# bare is started with -quiet
		[ "$way" = bare ] || grep -q \
			"^postern: denied $NET4:7777/tcp (deny $NET4, control:3)" live.err
	done
}

@test "without a policy an allow opens what is closed, and denies no more" {
	# the closed one: the host's own loopback, by way of the gateway
	WHERE=in_host serve 127.0.0.1
	start sockets free -- sh -c "until [ -e go ]; do sleep .02; done
		curl -sm5 http://10.0.2.2:$SERVE_PORT/hello >inner
		curl -sm5 http://$NET4:7777/ --http0.9 | wc -c >outer"
	run -125 ctl allow free example.com
	[[ $output == *"every name is open"* ]]
	run -0 ctl allow free "127.0.0.1:$SERVE_PORT"
	touch go
	ended free 0
	grep -q . inner
	[ "$(<outer)" = 5000 ]
	start sockets shut --offline -- sleep 30
	run -125 ctl allow shut "$NET4"
	[[ $output == *"--offline"* ]]
}

@test "a name that is allowed live is looked up and reached" {
	local way

	for way in $WAYS; do
		rm -f go* before after
		start "$way" named --allow other.example --add-host "srv.example:$NET4" \
			-- sh -c '
			getent hosts srv.example >before || echo none >before
			until [ -e go ]; do sleep .02; done
			curl -sm5 --http0.9 http://srv.example:7777/ | wc -c >after'
		eventually test -s before
		grep -q none before
		run -0 ctl allow named srv.example
		touch go
		ended named 0
		[ "$(<after)" = 5000 ]
	done
}

@test "nothing inside sees or reaches it: own id, mapped root, every frontend" {
	local way option

	start sockets other -- sleep 60
	# shellcheck disable=SC2016 # for the inner shell
	for way in $WAYS; do
		for option in '' --map-root; do
			[ "$way$option" != bare--map-root ] || continue
			# shellcheck disable=SC2086
			postern_do "$way" --name mine $option -- sh -c '
				echo "seen: $(ls "$1")"
				umount "$1" 2>/dev/null && echo unmounted
				umount -l "$1" 2>/dev/null && echo unmounted
				unshare -Urm umount "$1" 2>/dev/null && echo unmounted
				mount --bind "$2" "$1" 2>/dev/null && echo mounted
				for id in other mine; do
					/usr/bin/python3 "$0" "$1/$id/control" knock ||
						echo no socket
				done
				for p in /proc/[0-9]*/root /proc/*/cwd; do
					ls "$p/$1" 2>/dev/null
				done' "$RIG_DIR/speak" "$ROOT" "$XDG_RUNTIME_DIR" \
				>inside 2>inside.err </dev/null || :
			cat inside inside.err
			absent mounted inside
			absent '"ok": true' inside
			if [ "$way" = bare ]; then
				# it is seen there; the path is refused, and by
				# another spelling the monitor refuses
				[ "$(grep -c 'refused EACCES' inside)" = 2 ]
				[ "$(grep -c 'nothing inside a sandbox' inside)" = 2 ]
			else
				grep -qx 'seen: ' inside
				[ "$(grep -c 'no socket' inside)" = 2 ]
				absent other inside
			fi
		done
	done
	run -0 ctl info other
	[[ $output != *loopback* ]]
}

@test "a postern inside has a control room of its own" {
	local way

	for way in tap veth; do
		grep -q "$way" <<<"$WAYS" || continue
		start "$way" outer -- "$POSTERN" do --name inner -- sh -c \
			"until [ -e go ]; do sleep .02; done"
		run -0 ctl ps
		[ "${#lines[@]}" = 2 ]
		touch go
		ended outer 0
		rm go
		postern_do "$way" -- sh -c '"$0" do --name inner -- sleep 30 &
			until "$0" ps | grep -q ^inner; do sleep .02; done
			"$0" ps; "$0" kill inner; wait' "$POSTERN" >out 2>err
		grep -q '^inner .* sleep 30$' out
	done
}

@test "another user cannot connect, also one who gets at the path" {
	local speak=(timeout 10 /usr/bin/python3 "$RIG_DIR/speak")

	start sockets mine -- sleep 30
	[ "$(stat -c %a "$ROOT" "$ROOT/mine" "$ROOT/mine/control" | xargs)" = \
		"700 700 600" ]
	# there is nobody else where we are not root
	is_root || return 0
	run in_host setpriv --reuid 2002 --regid 2002 --clear-groups -- \
		"${speak[@]}" "$ROOT/mine/control" knock
	[[ $output != *answered* ]]
	# root may: the peer's id is what counts then
	run in_host "${speak[@]}" "$ROOT/mine/control" say \
		'{"v":1,"do":"allow","target":"@loopback"}'
	[[ $output == *"another user"* ]] && [[ $output == *'"ok": false'* ]]
	run -0 ctl info mine
	[[ $output != *loopback* ]]
	# and nothing by an abstract name, or by TCP
	run as_user ss -Hlx
	[[ $output != *@*postern* ]]
}

@test "garbage, the deaf and the crowd: it answers the next one" {
	seq -f 'allow 10.1.0.%g' 250 >rules
	seq -f 'allow 10.2.0.%g' 250 >>rules
	start sockets tough --policy rules -- sleep 60
	run -0 speak tough garbage
	[ "${lines[-1]}" = ok ]
	run -0 speak tough crowd 100
	[ "$output" = ok ]
	run -0 speak tough deaf 14
	[ "$output" = dropped ]
	run -0 ctl stats tough
	ctl kill tough
	ended tough 143
}

@test "ports are published and closed while it runs" {
	local way client

	for way in $WAYS; do
		echo "# $way"
		start "$way" web -- /usr/bin/python3 -c '
import socket, threading
s = socket.create_server(("", 9000))
def serve(c):
    while data := c.recv(100): c.sendall(data.upper())
while True:
    threading.Thread(target=serve, args=(s.accept()[0],), daemon=True).start()'
		run -0 ctl publish web -p 9000 -p 0:9000
		[ "${lines[0]}" = "publish:1 127.0.0.1:9000/tcp -> 9000" ]
		[[ ${lines[1]} =~ ^publish:2\ 127.0.0.1:([0-9]+)/tcp\ -\>\ 9000$ ]]
		[[ "$(ctl ps)" == *"127.0.0.1:9000->9000, 1 more"* ]]
		[[ "$(ctl info web)" == *"port      publish:1 127.0.0.1:9000/tcp -> 9000"* ]]
		eventually tcp_listens in_host "${BASH_REMATCH[1]}"
		eventually tcp_listens in_host 9000
		# a flow outlives the door that it came through
		mkfifo say || :
		in_host timeout 20 bash -c 'exec 9<>/dev/tcp/127.0.0.1/9000
			echo one >&9; read -r a <&9; echo "$a"
			read -r b <say; echo "$b" >&9; read -r c <&9; echo "$c"' \
			>heard 3>&- &
		client=$!
		eventually grep -qx ONE heard
		ctl flows web | grep -q publish:1
		run -0 ctl unpublish web publish:1
		run -1 in_host bash -c 'exec 9<>/dev/tcp/127.0.0.1/9000'
		echo two >say
		wait "$client"
		cat heard
		[ "$(<heard)" = $'ONE\nTWO' ]
		run -125 ctl unpublish web 1
		[[ $output == *"nothing is published with the number 1;"* ]]
		run -125 ctl publish web -p 9000:9000 -p 2:2
		[[ $output == *"127.0.0.1:2/tcp: ports below"* ]]
		# those before it are there
		eventually tcp_listens in_host 9000
		run -125 ctl publish web -p nothing
		ctl kill web
		ended web 143
		rm say
	done
}

@test "every line is one of docs/control.schema.json" {
	local way

	for way in $WAYS; do
		start "$way" lines --allow "$NET4" --deny github.com --log log -- \
			/usr/bin/python3 -c '
import socket, time
a = socket.create_connection(("'$NET4'", 7777))
b = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
b.sendto(b"x", ("'$NET4'", 9))
time.sleep(30)'
		eventually flow_of lines '^udp'
		speak lines say '{"v":1,"do":"info"}' \
			'{"v":1,"id":1,"do":"flows"}' '{"v":1,"do":"rules"}' \
			'{"v":1,"do":"stats"}' '{"v":1,"id":2,"do":"none"}' \
			'{"v":1,"do":"allow","target":"10.1.1.1"}' '{' \
			'{"v":1,"do":"deny","target":"x y"}' \
			'{"v":1,"do":"deny","target":"10.2.2.2"}' \
			'{"v":1,"do":"publish","port":"0:7777"}' \
			'{"v":1,"do":"publish","port":"0:7777/sctp"}' \
			'{"v":1,"do":"info"}' \
			'{"v":1,"do":"unpublish","number":1}' \
			'{"v":1,"do":"unpublish","number":1}' \
			'{"v":1,"do":"kill","signal":9}' >answers
		ended lines 137
		[ "$(wc -l <answers)" -ge 19 ]
		[ "$(grep -c '"published": \[' answers)" = 2 ]
		check_schema "$TOP/docs/control.schema.json" answers
	done
	echo '{"v":1,"ok":true,"secret":1}' >answers
	run ! check_schema "$TOP/docs/control.schema.json" answers
}

@test "stats --openmetrics is OpenMetrics" {
	start sockets counted --allow "$NET4" -- /usr/bin/python3 -c '
import socket, time
a = socket.create_connection(("'$NET4'", 7777)); a.recv(5000)
time.sleep(30)'
	eventually flow_of counted 4.9K
	ctl stats counted --openmetrics >metrics
	/usr/bin/python3 "$LIB_DIR/openmetrics.py" <metrics
	grep -qx 'postern_flows{sandbox="counted",proto="tcp"} 1' metrics
	grep -qx 'postern_flows_opened_total{sandbox="counted"} 1' metrics
	# the checker can say no
	sed '/EOF/d' metrics >wrong
	run ! /usr/bin/python3 "$LIB_DIR/openmetrics.py" <wrong
	sed 's/_total{/{/' metrics >wrong
	run ! /usr/bin/python3 "$LIB_DIR/openmetrics.py" <wrong
}

@test "one whose CMD is stopped says nothing, and goes on when told to" {
	local pid

	start sockets slow -- sleep 30
	pid=$(ctl info slow | awk '/^monitor/ { print $2 }')
	ctl kill -STOP slow
	eventually grep -q '^State:.T' "/proc/$pid/status"
	run -125 ctl flows slow
	[[ $output == *"does not answer (is it stopped?)"* ]]
	run -0 ctl kill -CONT slow
	run -0 ctl flows slow
	ctl kill -STOP slow
	eventually grep -q '^State:.T' "/proc/$pid/status"
	run -0 ctl kill -KILL slow
	ended slow 137
}

@test "after SIGKILL of everything the next command cleans up" {
	local pid next

	start sockets stale -- sleep 30
	pid=$(ctl info stale | awk '/^monitor/ { print $2 }')
	kill -KILL "$pid"
	ended stale 137
	as_user test -e "$ROOT/stale/control"
	run -0 ctl ps
	[ "${#lines[@]}" = 1 ]
	as_user test ! -e "$ROOT/stale"
	# the same by `do`, which may have the name at once
	for next in stale fresh; do
		start sockets stale -- sleep 30
		pid=$(ctl info stale | awk '/^monitor/ { print $2 }')
		kill -KILL "$pid"
		ended stale 137
		start sockets "$next" -- sleep 30
		[ "$(as_user ls "$ROOT")" = "$next" ]
		ctl kill "$next"
		ended "$next" 143
	done
}

@test "--name and --control: taken, wrong, without a place for it" {
	start sockets taken -- sleep 30
	run -125 postern_do sockets --name taken -- true
	[[ $output == *"a sandbox named taken is running"* ]]
	for name in '' . .. -x a/b "a b" "$(printf %033d 0)" $'a\nb'; do
		run -125 postern_do sockets "--name=$name" -- true
		[[ $output == *"is no name of a sandbox"* ]]
	done
	run -125 as_user "$POSTERN" do --network=host --name x -- true
	run -125 postern_do sockets --name x --control=off -- true
	# without a runtime directory it runs, unless it must not
	unset XDG_RUNTIME_DIR
	run -0 postern_do sockets -- echo fine
	[ "$output" = fine ]
	run -125 postern_do sockets --control=required -- true
	[[ $output == *"XDG_RUNTIME_DIR is not set"* ]]
	run -125 postern_do sockets --name x -- true
	export XDG_RUNTIME_DIR=$RIG_DIR/open
	mkdir "$XDG_RUNTIME_DIR"
	chmod 777 "$XDG_RUNTIME_DIR"
	run -125 postern_do sockets --control=required -- true
	[[ $output == *"not this user's alone"* ]]
	run -0 postern_do sockets -- echo fine
	[ "$output" = fine ]
	export XDG_RUNTIME_DIR=$RIG_DIR/run
	postern_do sockets --control=off -- sh -c \
		'until [ -e go ]; do sleep .02; done' </dev/null 3>&- &
	local pid=$!
	run -0 ctl ps
	[ "${#lines[@]}" = 2 ]
	touch go
	wait $pid
	run -125 ctl info none
	[[ $output == *"no sandbox none is running"* ]]
	run -125 ctl kill -NONE taken
	[[ $output == *"no signal NONE"* ]]
}

@test "the lines of README about a running sandbox, as they are written" {
	local lines line

	mapfile -t lines < <(sed -n '/^    postern/s/^    \([^#]*[^ #]\) *\(#.*\)\?$/\1/p' \
		"$TOP/README.md" | sed -n 6,11p)
	[ "${#lines[@]}" = 6 ]
	mkdir bin
	printf '#!/bin/sh\nexec sleep 30\n' >bin/make
	chmod 755 bin bin/make
	PATH=$PWD/bin:$RIG_DIR:$PATH
	[[ ${lines[0]} == "postern do --name build "* ]]
	as_user sh -c "${lines[0]}" >/dev/null 2>&1 </dev/null 3>&- &
	eventually ctl info build >/dev/null 2>&1
	for line in "${lines[@]:1}"; do
		echo "$line"
		run -0 as_user sh -c "$line" </dev/null
	done
	eventually test -z "$(as_user ls "$ROOT")"
}

@test "--network=none has one as well: no flows, but wait and kill" {
	local rc=0

	as_user "$POSTERN" do --network=none --name alone -- sleep 30 \
		</dev/null >/dev/null 2>&1 3>&- &
	local pid=$!
	eventually ctl info alone >/dev/null 2>&1
	run -125 ctl flows alone
	[[ $output == *"no network but loopback"* ]]
	run -0 ctl info alone
	[[ $output == *"network   none"* ]]
	ctl kill alone
	wait $pid || rc=$?
	[ "$rc" = 143 ]
}
