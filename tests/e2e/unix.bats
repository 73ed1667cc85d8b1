#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# unix.bats - path sockets and abstract names: what may be reached, and by whom
#
# The numbers are those of THREATS.

bats_require_minimum_version 1.5.0

setup_file()
{
	load lib.bash
	can_own_namespaces ||
		{ file_skips "no network namespace can be made here"; return; }
	rig_up
	install -m 755 "$POSTERN_BUILD/tests/tools/refusing" "$RIG_DIR/"
	install -m 644 "$TOP/tests/e2e/unix.py" "$RIG_DIR/"
	mkdir -m 777 "$RIG_DIR/outside"
	background unix in_host python3 "$RIG_DIR/unix.py" serve \
		"$RIG_DIR/outside" open shut
	eventually grep -q ready "$RIG_DIR/unix.log"
}

teardown_file()
{
	load lib.bash
	rig_down
}

setup()
{
	load lib.bash
	cd "$RIG_DIR" || return
	OUT=$RIG_DIR/outside
	MINE=$RIG_DIR/mine.$BATS_TEST_NUMBER
	mkdir -m 777 "$MINE" "$MINE/a"
	: >"$OUT/open.arrivals"
	: >"$OUT/shut.arrivals"
}

# inside WAY COMMAND... - by the options in $options
inside()
{
	local way=$1

	shift
	# shellcheck disable=SC2086 # words
	postern_do "$way" ${options:-} -- python3 "$RIG_DIR/unix.py" "$@"
}

# without CALLS COMMAND... - bare, and with a kernel that lacks CALLS
without()
{
	local calls=$1

	shift
	# shellcheck disable=SC2086 # words
	bare "$RIG_DIR/refusing" "$calls" timeout 60 "$RIG_DIR/postern" do \
		--frontend=sockets ${options:-} -- "$@"
}

# the ways that can keep path sockets apart
judging_ways()
{
	ways_and_bare | grep -x -e sockets -e bare
}

@test "T45 path sockets of the host are open, unless it is said otherwise" {
	for way in $(ways_and_bare); do
		run inside "$way" reach "$OUT/open" "outside/shut"
		echo "$way: $output"
		[[ "$output" == *"$OUT/open: hello"* ]]
		[[ "$output" == *"outside/shut: hello"* ]]
	done
	for way in $(judging_ways); do
		: >"$OUT/shut.arrivals"
		options="--allow-unix $OUT/open" run inside "$way" reach \
			"$OUT/open" "$OUT/shut" "outside/shut" nowhere
		echo "$way: $output"
		[[ "$output" == *"$OUT/open: hello"* ]]
		[[ "$output" == *"$OUT/shut: EACCES"* ]]
		[[ "$output" == *"outside/shut: EACCES"* ]]
		[[ "$output" == *"nowhere: ENOENT"* ]]
		[ ! -s "$OUT/shut.arrivals" ]
	done
}

@test "the line says what was refused, by whom, and what to type" {
	run --separate-stderr as_user timeout 60 "$RIG_DIR/postern" do \
		--allow-unix "$OUT/open" -- \
		python3 "$RIG_DIR/unix.py" reach "$OUT/shut" "$OUT/shut"
	echo "$stderr"
	[[ "$stderr" =~ denied\ unix:$OUT/shut\ .*by\ python3.*\;\ allow\ with\ --allow-unix\ $OUT/shut ]]
	[ "$(grep -c denied <<<"$stderr")" = 1 ]
	# the command it printed works
	run as_user timeout 60 "$RIG_DIR/postern" do --allow-unix "$OUT/open" \
		--allow-unix "$OUT/shut" -- \
		python3 "$RIG_DIR/unix.py" reach "$OUT/shut"
	[[ "$output" == *"$OUT/shut: hello"* ]]
}

@test "-host-uds: open, create, none" {
	for way in $(judging_ways); do
		options=-host-uds=open run inside "$way" reach "$OUT/shut"
		[[ "$output" == *hello* ]]
		options=-host-uds=open run inside "$way" own "$MINE"
		[[ "$output" == *"PermissionError"*  ]]
		options=-host-uds=create run inside "$way" reach "$OUT/shut"
		[[ "$output" == *EACCES* ]]
		for uds in none ""; do
			options=-host-uds=$uds run inside "$way" reach "$OUT/shut"
			[[ "$output" == *EACCES* ]]
			options=-host-uds=$uds run inside "$way" own "$MINE"
			[[ "$output" == *"PermissionError"* ]]
		done
		[ ! -e "$MINE/talk" ]
	done
}

@test "a frontend that cannot keep them apart says so" {
	for option in -host-uds=none -host-uds=create "--allow-unix $OUT/open"; do
		# shellcheck disable=SC2086 # words
		run -125 as_user "$RIG_DIR/postern" do --frontend=link $option \
			-- touch "$MINE/ran"
		[[ "$output" == *"cannot be had"*"--frontend=sockets"* ]]
		# shellcheck disable=SC2086 # words
		run -125 as_user "$RIG_DIR/postern" do --network=none $option \
			-- touch "$MINE/ran"
		[[ "$output" == *"cannot be had"* ]]
	done
	run -125 as_user "$RIG_DIR/postern" do --mtu 1400 -host-uds=none -- \
		touch "$MINE/ran"
	[[ "$output" == *"leave --mtu out"* ]]
	run -125 as_user "$RIG_DIR/postern" do -host-uds=all --allow-unix "$OUT/open" -- \
		touch "$MINE/ran"
	[[ "$output" == *"-host-uds=create"* ]]
	run -125 as_user "$RIG_DIR/postern" do --allow-unix /nowhere -- \
		touch "$MINE/ran"
	[[ "$output" == *"/nowhere: No such file"* ]]
	run -125 as_user "$RIG_DIR/postern" do --allow-unix x -- \
		touch "$MINE/ran"
	[[ "$output" == *"whole path"* ]]
	[ ! -e "$MINE/ran" ]
}

@test "a program's own sockets are as without postern" {
	local native

	native=$(as_user python3 "$RIG_DIR/unix.py" own "$MINE/a")
	for way in $(judging_ways); do
		rm -rf "$MINE/a"
		mkdir -m 777 "$MINE/a"
		# bare, abstract names are the host's
		options=-host-uds=create run inside "$way" own "$MINE/a"
		echo "$way: $output"
		[ "$way" = sockets ] ||
			output=${output/abstract: EACCES/abstract: None}
		[ "$output" = "$native" ]
	done
	rm -rf "$MINE/a"
	mkdir -m 777 "$MINE/a"
	options=-host-uds=create DATAGRAMS=1 run inside sockets own "$MINE/a"
	[ "${lines[-1]}" = "datagrams: EACCES EACCES EACCES" ]
	# nor one that it is given
	run -125 as_user python3 -c '
import os, socket, sys
a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
os.dup2(a.fileno(), 0)
os.execv(sys.argv[1], sys.argv[1:])' "$RIG_DIR/postern" do -host-uds=create -- \
		touch "$MINE/ran"
	[[ "$output" == *"put a pipe in between"* ]]
	[ ! -e "$MINE/ran" ]
}

@test "no spelling, link or other name leads around" {
	for way in $(judging_ways); do
		rm -rf "$MINE/a"
		mkdir -m 777 "$MINE/a"
		options="--allow-unix $OUT/open" run inside "$way" tricks \
			"$MINE/a" "$OUT/shut" "$OUT/open"
		echo "$way: $output"
		[ "${lines[-1]}" = held ]
	done
	# as one that may change its root
	if is_root; then
		rm -rf "$MINE/a"
		mkdir -m 777 "$MINE/a"
		run as_user timeout 60 "$RIG_DIR/postern" -quiet do --map-root \
			-host-uds=create -- \
			python3 "$RIG_DIR/unix.py" tricks "$MINE/a" "$OUT/shut"
		echo "root: $output"
		[ "${lines[-1]}" = held ]
	fi
	[ ! -s "$OUT/shut.arrivals" ]
}

@test "T36 a path that changes under the call never gets through" {
	for way in $(judging_ways); do
		options="--allow-unix $OUT/open" run inside "$way" flip \
			"$OUT/open" "$OUT/shut" 3
		echo "$way: $output"
		[ "${lines[-1]}" = held ]
	done
	[ -s "$OUT/open.arrivals" ]
	[ ! -s "$OUT/shut.arrivals" ]
}

# as a container on an older kernel: no Landlock scope, no namespace
@test "T44 where the kernel does not keep names apart, postern connects" {
	local native calls getfd

	native=$(as_user python3 "$RIG_DIR/unix.py" own "$MINE/a")
	for calls in landlock_create_ruleset \
		landlock_create_ruleset,pidfd_getfd; do
		rm -rf "$MINE/a"
		mkdir -m 777 "$MINE/a"
		[[ "$calls" == *getfd ]] && getfd=0 || getfd=1
		run without "$calls" env GETFD=$getfd \
			python3 "$RIG_DIR/unix.py" own "$MINE/a"
		echo "$calls: $output"
		# a new socket takes the place of the app's
		[ $getfd = 1 ] || native=$(grep -v ^epoll <<<"$native")
		[ "$(grep -v ^postern <<<"${output/abstract: EACCES/abstract: None}")" = "$native" ]
		run without "$calls" python3 "$RIG_DIR/unix.py" reach \
			"$OUT/open" @open @shut
		echo "$output"
		[[ "$output" == *"$OUT/open: hello"* ]]
		[[ "$output" == *"@open: EACCES"* ]]
		[[ "$output" == *"@shut: EACCES"* ]]
		# and no message gets to a name either
		run without "$calls" python3 -c '
import socket
try: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
except PermissionError: print("held")'
		[ "${lines[-1]}" = held ]
		options="--allow-unix $OUT/open" run without "$calls" \
			python3 "$RIG_DIR/unix.py" flip "$OUT/open" "$OUT/shut" 2
		[ "${lines[-1]}" = held ]
	done
	[ ! -s "$OUT/shut.arrivals" ]
	absent message "$OUT/open.arrivals"
}

# started DIR - a server at DIR/s, ready
started()
{
	rm -f "$1"/s*
	: >"$RIG_DIR/first.log"
	background first in_host python3 "$RIG_DIR/unix.py" serve "$1" s
	eventually grep -q ready "$RIG_DIR/first.log"
}

@test "a server that is started again stays within reach" {
	local d=$MINE/a

	for way in $(judging_ways); do
		for _ in 1 2; do
			started "$d"
			options="--allow-unix $d/s" run inside "$way" reach \
				"$d/s"
			echo "$way: $output"
			[[ "$output" == *hello* ]]
			kill "$BACKGROUND_PID"
			wait "$BACKGROUND_PID" || true
		done
		# what it left behind is nobody's: start anew, says the error
		options=-host-uds=create run inside "$way" reach "$d/s"
		[[ "$output" == *ECONNREFUSED* ]]
	done
}

@test "the process that finds paths ends with the sandbox, and may end before" {
	local job paths

	as_user timeout 60 "$RIG_DIR/postern" -quiet do -host-uds=create -- \
		sh -c "until [ -e $MINE/gone ]; do sleep 0.1; done
			python3 $RIG_DIR/unix.py reach $OUT/open
			touch $MINE/asked; exec sleep 50" 3>&- >"$MINE/out" &
	job=$!
	eventually descendant $job postern-paths
	paths=$(descendant $job postern-paths)
	# it does not answer, and then it is gone: who waits is refused
	kill -STOP "$paths"
	touch "$MINE/gone"
	sleep 1
	[ ! -e "$MINE/asked" ]
	kill -9 "$paths"
	eventually test -e "$MINE/asked"
	grep -q EACCES "$MINE/out"
	kill $job
	wait $job || true

	as_user timeout 60 "$RIG_DIR/postern" -quiet do -host-uds=create -- \
		sleep 1 3>&- &
	job=$!
	eventually descendant $job postern-paths
	paths=$(descendant $job postern-paths)
	wait $job
	[ ! -e "/proc/$paths" ]
}
