#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# basic.bats - the main job on any machine, with nothing but loopback: what
# is closed, what opens it, exit statuses, and whose stdout it is

bats_require_minimum_version 1.5.0

setup_file()
{
	load lib.bash
	export SERVE_PORT=0
	serve 127.0.0.1 ::1
	export OPEN4="--allow 127.0.0.1:$SERVE_PORT"
	export OPEN6="--allow [::1]:$SERVE_PORT"
	# the gateway of a sandbox stands for the host's loopback; asked for,
	# since postern takes another prefix where the machine uses the usual
	export NETWORKS='--cidr 10.77.0.0/24 --cidr6 fd77::/64'
	export URL4="http://10.77.0.2:$SERVE_PORT"
	export URL6="http://[fd77::2]:$SERVE_PORT"
	WAYS=$(ways)
	export WAYS
}

setup()
{
	load lib.bash
	cd "$BATS_TEST_TMPDIR"
}

# fetch WAY [OPTION...] -- URL - curl inside; postern's lines are kept in ./err,
# and curl's apart from them, which it writes in pieces
fetch()
{
	local way=$1 options=()

	shift
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	# shellcheck disable=SC2086
	postern_do "$way" $NETWORKS "${options[@]}" -- \
		curl -sS --stderr curl.err --max-time 20 "$2" 2>err
}

@test "postern check finds at least one way on this machine" {
	"$POSTERN" check
	[ -n "$WAYS" ]
}

@test "exit statuses are CMD's, or 125, 126, 127, 128+n" {
	for way in $WAYS; do
		run -0 postern_do "$way" -- true
		run -7 postern_do "$way" -- sh -c 'exit 7'
		run -127 postern_do "$way" -- ./no-such-program
		printf 'not a program' >plain
		run -126 postern_do "$way" -- ./plain
		run -143 postern_do "$way" -- sh -c 'kill -TERM $$'
	done
	run -125 "$POSTERN" do
	run -125 "$POSTERN" do --no-such-option -- true
	run -125 "$POSTERN" no-such-verb
	run -125 "$POSTERN" do --network=nonsense -- true
}

@test "stdout is the app's, and success says nothing" {
	for way in $WAYS; do
		postern_do "$way" -- printf 'one\ntwo' >out 2>err
		[ "$(cat out)" = $'one\ntwo' ]
		silent err
	done
}

@test "arguments, environment, directory and stdin reach CMD unchanged" {
	for way in $WAYS; do
		ODD=$'a b\n*' postern_do "$way" -- sh -c \
			'printf "[%s]" "$@" "$ODD"; pwd; cat' \
			sh '' 'two words' $'tab\there' '$HOME' <<<'from stdin' >out
		printf '[%s]' '' 'two words' $'tab\there' '$HOME' $'a b\n*' >want
		{ pwd; echo 'from stdin'; } >>want
		diff want out
	done
}

@test "host loopback is refused at once, and the line says what opens it" {
	for way in $WAYS; do
		for url in "$URL4" "$URL6"; do
			start=$SECONDS
			run ! fetch "$way" -- "$url/hello"
			[[ $output != *hello* ]]
			((SECONDS - start < 5))
			grep -Eq "^postern: denied .*:$SERVE_PORT/tcp .*; allow with --allow [^ ]+" err
			run ! grep -v '^postern: ' err
		done
	done
}

@test "exactly the --allow that a refusal printed opens it" {
	for way in $WAYS; do
		for url in "$URL4" "$URL6"; do
			run ! fetch "$way" -- "$url/hello"
			allow=$(sed -n 's/.*allow with --allow \([^ ]*\).*/\1/p' err | head -n 1)
			[ -n "$allow" ]
			run -0 fetch "$way" --allow "$allow" -- "$url/hello"
			[ "$output" = "hello from the host's side" ]
			silent err
		done
	done
}

@test "a port that is not the allowed one stays shut" {
	for way in $WAYS; do
		run ! fetch "$way" --allow 127.0.0.1:1 -- "$URL4/hello"
		[[ $output != *hello* ]]
		run ! fetch "$way" --allow 0.0.0.0/0 -- "$URL4/hello"
		[[ $output != *hello* ]]
		run ! fetch "$way" $OPEN4 --deny 127.0.0.0/8 -- "$URL4/hello"
		[[ $output != *hello* ]]
	done
}

@test "the app's own loopback is its own" {
	for way in $WAYS; do
		# the host's server is on that address and port; not in here
		run ! fetch "$way" $OPEN4 -- "http://127.0.0.1:$SERVE_PORT/hello"
		[[ $output != *hello* ]]
	done
}

@test "64 MiB each way, hashed at both ends" {
	want=$(curl -sS "http://127.0.0.1:$SERVE_PORT/blob/67108864/sha256")
	for way in $WAYS; do
		postern_do "$way" $NETWORKS $OPEN4 -- sh -euc '
			curl -sS --max-time 50 "$1/blob/67108864" -o blob
			sha256sum <blob | cut -d" " -f1
			curl -sS --max-time 50 -T blob "$1/put"' sh "$URL4" >out
		[ "$(sed -n 1p out)" = "$want" ]
		[ "$(sed -n 2p out)" = "$want" ]
	done
}

@test "every address of the host is closed by default" {
	own=$(ip -o addr show up 2>/dev/null | awk '
		{ split($4, a, "/"); print a[1] }' | grep -v '^fe80:' | sort -u)
	SERVE_PORT=0
	serve 0.0.0.0 ::
	for way in $WAYS; do
		for address in $own 127.1.2.3 0.0.0.0; do
			[[ $address != *:* ]] || address="[$address]"
			run ! fetch "$way" -- "http://$address:$SERVE_PORT/hello"
			[[ $output != *"from the host"* ]] || {
				echo "$way reached $address"
				false
			}
		done
	done
}

@test "--offline denies everything" {
	for way in $WAYS; do
		run ! fetch "$way" --offline -- "$URL4/hello"
		[[ $output != *hello* ]]
	done
}

@test "mode none: loopback works and nothing else" {
	grep -q '^namespaces: *yes' <("$POSTERN" check) ||
		must_skip "no namespaces here"
	run ! postern_do none --network=none -- \
		curl -sS --max-time 5 "$URL4/hello"
	run -0 "$POSTERN" do --network=none -- /usr/bin/python3 -c '
import socket
l = socket.create_server(("127.0.0.1", 0))
c = socket.create_connection(l.getsockname())
a, _ = l.accept()
a.sendall(b"x")
print(c.recv(1))'
	[ "$output" = "b'x'" ]
}

@test "mode host: no isolation, and says so unless quiet" {
	"$POSTERN" do --network=host -- \
		curl -sS "http://127.0.0.1:$SERVE_PORT/hello" >out 2>err
	grep -q hello out
	grep -q '^postern: ' err
	"$POSTERN" do --network=host -q -- \
		curl -sS "http://127.0.0.1:$SERVE_PORT/hello" >out 2>err
	grep -q hello out
	[ ! -s err ]
}

@test "mode sandbox is not there yet, and never becomes another" {
	run -125 "$POSTERN" do --network=sandbox -- echo ran
	[[ $output != *ran* ]]
	[[ $output == *"postern: "*yet* ]]
}

@test "a policy with no isolation is an error, not a wish" {
	run -125 "$POSTERN" do --network=host $OPEN4 -- echo ran
	[[ $output != *ran* ]]
}

@test "nothing is left behind" {
	for way in $WAYS; do
		mark=$((RANDOM * 32768 + RANDOM)).$RANDOM
		postern_do "$way" -- sh -c "sleep 7$mark & exit 3" || [ $? = 3 ]
		gone()
		{
			! grep -lqs "7$mark" /proc/[0-9]*/cmdline
		}
		EVENTUALLY_S=2 eventually gone || [ "$way" = sockets ]
		# sockets has no pid namespace to end it by: end ours by its pid
		for cmdline in $(grep -ls "7$mark" /proc/[0-9]*/cmdline); do
			pid=${cmdline#/proc/}
			kill "${pid%/cmdline}" || :
		done
	done
}
