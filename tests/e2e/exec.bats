#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# exec.bats - postern exec: one more command behind the same walls; --detach

bats_require_minimum_version 1.5.0

setup_file()
{
	load lib.bash
	can_own_namespaces ||
		{ file_skips "no network namespace can be made"; return; }
	rig_up
	runtime_up
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

teardown()
{
	local id

	for id in $(as_user ls "$XDG_RUNTIME_DIR/postern" 2>/dev/null); do
		as_user timeout 5 "$POSTERN" kill -KILL "$id" 2>/dev/null || :
	done
}

# start WAY NAME OPTION... -- CMD... - detached; its output in ./log
start()
{
	local way=$1 name=$2

	shift 2
	rm -f log
	[ "$(postern_do "$way" --name "$name" --detach="$PWD/log" "$@")" = "$name" ]
}

# status_of PID - of our own child, which `run` would have none of
status_of()
{
	status=0
	wait "${1//\"/}" || status=$?
}

run_exec()
{
	run as_user timeout 20 "$POSTERN" exec "$@"
}

ended()
{
	[ ! -e "$XDG_RUNTIME_DIR/postern/$1" ]
}

# what a process is locked in
cat_walls='
import os, re
for n in ("net", "user", "mnt", "pid"): print(os.readlink("/proc/self/ns/" + n))
text = open("/proc/self/status").read()
for k in ("Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb",
          "NoNewPrivs", "Seccomp", "Seccomp_filters", "SigBlk", "SigIgn"):
    print(re.search("^" + k + ":.*", text, re.M)[0])
print(sorted(os.listdir("/proc/self/fd")))'

@test "a command of exec has the walls of CMD, to the bit" {
	local way option

	for way in $(ways_and_bare); do
		for option in --ipv4-only --map-root; do
			[ "$way $option" != "bare --map-root" ] || continue
			echo "# $way $option"
			start "$way" web $option --close-fds -- sh -c \
				"python3 -c '$cat_walls' >mine; exec sleep 60"
			eventually grep -q '^\[' mine
			as_user timeout 20 "$POSTERN" exec web -- \
				python3 -c "$cat_walls" >its </dev/null
			diff mine its
			rm mine its
			as_user "$POSTERN" kill -KILL web
			eventually ended web
		done
	done
}

@test "its words, variables, folder, stdio and status are the caller's" {
	local way

	for way in $(ways_and_bare); do
		echo "# $way"
		start "$way" web -- sleep 60
		run_exec web -- printf '%s|' a '' 'b  c' $'d\ne'
		[ "$output" = $'a||b  c|d\ne|' ]
		run_exec web sh -c 'exit 9'
		[ "$status" = 9 ]
		run_exec web sh -c 'kill -USR1 $$'
		[ "$status" = 138 ]
		run -127 as_user env PATH=/usr/bin:/bin "$POSTERN" exec web -- \
			no-such-program
		[[ $output == "postern: cannot run no-such-program: not found" ]]
		run -126 as_user "$POSTERN" exec web -- /etc/passwd
		run as_user env TEST_WORD=here "$POSTERN" exec web -- \
			sh -c 'echo $TEST_WORD $PWD'
		[ "$output" = "here $PWD" ]
		head -c 3000000 /dev/urandom >data
		as_user "$POSTERN" exec web -- cat <data >copy
		cmp data copy
		run as_user sh -c '"$0" exec web -- sh -c "echo out; echo err >&2" 2>errors' "$POSTERN"
		[ "$output" = out ]
		[ "$(<errors)" = err ]
		# an environment that is larger than a socket's buffer
		run as_user env "LONG=$(printf %0100000d 0)" "$POSTERN" exec web \
			-- sh -c 'echo ${#LONG}'
		[ "$output" = 100000 ]
		as_user "$POSTERN" kill -KILL web
		eventually ended web
	done
}

@test "the policy of the sandbox is that of its commands, also when it changes" {
	local way serving

	SERVE_PORT=8000 WHERE=in_net serve "$NET4"
	for way in $(ways_and_bare); do
		echo "# $way"
		start "$way" web --allow 198.51.100.77 -- sleep 60
		run_exec web curl -sS -m 5 -o /dev/null http://$NET4:8000/
		[ "$status" = 7 ]
		# bare is started with -quiet
		[ "$way" = bare ] ||
			grep -q "denied $NET4:8000/tcp .* by curl" log
		as_user "$POSTERN" allow web $NET4:8000
		run_exec web curl -sS -m 5 -o /dev/null http://$NET4:8000/
		[ "$status" = 0 ]
		# what it listens at is published as any
		as_user "$POSTERN" publish web -p 9000
		as_user "$POSTERN" exec web -- \
			python3 -m http.server 9000 >/dev/null 2>&1 3>&- &
		serving=$! # process substitutions change it
		eventually in_host curl -sS -o /dev/null http://127.0.0.1:9000/
		as_user "$POSTERN" kill -KILL web
		eventually ended web
		status_of "$serving"
		[ "$status" = 137 ]
	done
}

@test "signals go on to the command, and with its caller it goes" {
	local way pid

	for way in $(ways_and_bare); do
		echo "# $way"
		start "$way" web -- sleep 60
		: >>"$RIG_DIR/command.log" # of the way before
		truncate -s 0 "$RIG_DIR/command.log"
		# shellcheck disable=SC2016 # for the inner shell
		background command as_user "$POSTERN" exec web -- sh -c '
			trap "echo got it; exit 4" TERM; echo ready
			while :; do sleep .05; done'
		eventually grep -q ready "$RIG_DIR/command.log"
		kill "$BACKGROUND_PID"
		status_of "$BACKGROUND_PID"
		[ "$status" = 4 ]
		grep -q 'got it' "$RIG_DIR/command.log"
		: >"$RIG_DIR/command.log"
		background command as_user "$POSTERN" exec web -- sh -c '
			trap "echo gone >gone; exit" HUP; echo ready
			while :; do sleep .05; done'
		eventually grep -q ready "$RIG_DIR/command.log"
		kill -KILL "$BACKGROUND_PID"
		eventually test -s gone
		rm gone
		: >"$RIG_DIR/command.log"
		# and with the sandbox
		background command as_user "$POSTERN" exec web -- sh -c \
			'echo ready; exec sleep 60'
		pid=$BACKGROUND_PID
		eventually grep -q ready "$RIG_DIR/command.log"
		as_user "$POSTERN" kill -KILL web
		status_of "$pid"
		[ "$status" = 137 ]
		eventually ended web
	done
}

@test "who starts commands inside cannot be used by those inside" {
	local way option

	cat >attack.py <<-'PY'
		# every process of ours is tried by everything that gets at one
		import ctypes, os, signal, sys
		libc = ctypes.CDLL(None, use_errno=True)
		found = 0
		for pid in sorted(int(p) for p in os.listdir("/proc") if p.isdigit()):
		    try:
		        comm = open(f"/proc/{pid}/comm").read().strip()
		    except OSError:
		        continue
		    if comm != "postern-exec":
		        continue
		    found += 1
		    if libc.ptrace(16, pid, 0, 0) == 0: print("traced")
		    for what in "fd", "fd/0", "mem", "root", "exe":
		        try:
		            path = f"/proc/{pid}/{what}"
		            if what == "fd":
		                # root of the namespace may list, and only that
		                if os.geteuid() != 0: os.listdir(path)
		                else: continue
		            elif what == "mem": open(path, "r+b").close()
		            else: os.readlink(path)
		            print("saw", what)
		        except OSError:
		            pass
		    p = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else -1
		    for fd in range(16):
		        if libc.syscall(438, p, fd, 0) >= 0: print("took", fd)
		    try: os.kill(pid, signal.SIGTERM) # it does not listen
		    except PermissionError: pass # of another sandbox
		print("found", found)
		if len(sys.argv) > 1:
		    os.kill(pid, signal.SIGKILL)
	PY
	for way in $(ways_and_bare); do
		for option in --ipv4-only --map-root; do
			[ "$way $option" != "bare --map-root" ] || continue
			echo "# $way $option"
			start "$way" web $option -- sleep 60
			run_exec web python3 attack.py
			echo "$output"
			# the process, and the one that minds this command; bare
			# sees those of other sandboxes, too
			[ "$output" = "found 2" ] ||
				[[ $way = bare && $output =~ ^found\ [0-9]+$ ]]
			run_exec web true
			[ "$status" = 0 ]
			# it can be killed, and then that is said; where others'
			# are seen, nobody knows whom it would hit
			if [ "$way" != bare ]; then
				run_exec web sh -c 'for p in /proc/[0-9]*; do
					[ "$(cat $p/comm)" != postern-exec ] ||
					kill -KILL ${p#/proc/}
					done 2>/dev/null'
				run -125 as_user "$POSTERN" exec web true
				echo "$output"
				[[ $output == *"starts commands inside is gone"* ]]
			fi
			as_user "$POSTERN" ps | grep -q '^web '
			as_user "$POSTERN" kill -KILL web
			eventually ended web
		done
	done
}

pipe_of_detached()
{
	postern_do "$1" --detach -- sleep 60 | cat
}

@test "--detach: the id, the log, the status; errors are the caller's" {
	local way

	for way in $(ways_and_bare); do
		echo "# $way"
		# shellcheck disable=SC2016 # for the inner shell
		start "$way" web -- sh -c 'echo out; echo err >&2; read line ||
			echo no input; while ! [ -e go ]; do sleep .05; done; exit 6'
		eventually grep -q 'no input' log
		grep -q out log && grep -q err log
		as_user "$POSTERN" ps | grep -q '^web '
		background waits as_user "$POSTERN" wait web
		eventually is_waiting "$BACKGROUND_PID"
		touch go
		status_of "$BACKGROUND_PID"
		[ "$status" = 6 ]
		eventually ended web
		rm go
		# nothing holds the caller's pipe
		run pipe_of_detached "$way"
		[ "$status" = 0 ]
		[[ ${lines[-1]} =~ ^[0-9a-f]{8}$ ]]
		as_user "$POSTERN" kill -KILL "${lines[-1]}"
		eventually ended "${lines[-1]}"
	done
	run -125 as_user "$POSTERN" do --detach -p 198.51.100.77:80:80 -- true
	[[ $output == *"does not have this address"* ]]
	run -125 as_user "$POSTERN" do --detach --control=off -- true
	[[ $output == *"--detach needs the control socket"* ]]
	run -125 as_user env -u XDG_RUNTIME_DIR "$POSTERN" do --detach -- true
	[[ $output == *"--detach: "*XDG_RUNTIME_DIR* ]]
	run -125 as_user "$POSTERN" learn -o policy --detach -- true
	[[ $output == *"leave --detach out"* ]]
	run -125 as_user "$POSTERN" exec nobody -- true
	[[ $output == *"no sandbox"* ]]
}

@test "the lines of docs/ports.md about a running sandbox, as they are written" {
	local way

	install -m 755 "$POSTERN" postern
	cat >app <<-'SH'
		#!/bin/sh
		exec python3 -m http.server 9000
	SH
	chmod 755 app
	echo hello >page
	for way in $(ways_and_bare); do
		[ "$way" != bare ] || continue
		echo "# $way"
		# shellcheck disable=SC2046 # several words
		background app as_user env "PATH=$PWD:$PATH" \
			POSTERN_FRONTEND="$(way_option "$way" |
				sed 's/.*--frontend=\([a-z]*\).*/\1/')" \
			sh -c 'postern do --name web -- ./app'
		eventually test -e "$XDG_RUNTIME_DIR/postern/web/control"
		as_user env "PATH=$PWD:$PATH" sh -c 'postern publish web -p 9000'
		eventually in_host curl -sS -o got http://127.0.0.1:9000/page
		cmp got page
		run as_user env "PATH=$PWD:$PATH" sh -c \
			'echo "echo from inside; exit 3" | postern exec web -- sh'
		[ "$status" = 3 ]
		[ "$output" = "from inside" ]
		as_user env "PATH=$PWD:$PATH" sh -c 'postern kill web'
		status_of "$BACKGROUND_PID"
		[ "$status" = 143 ]
		eventually ended web
	done
}
