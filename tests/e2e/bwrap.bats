#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# bwrap.bats - the request this project answers, to the letter: runsc's line
# inside bubblewrap, as an ordinary user with nothing else

bats_require_minimum_version 1.5.0

setup_file()
{
	load lib.bash
	can_own_namespaces ||
		{ file_skips "no network namespace can be made here"; return; }
	rig_up
	export SERVE_PORT=8000
	WHERE=in_net serve $NET4 $NET6
	SERVE_PORT=8000 WHERE=in_host serve 127.0.0.1
	# the line says `postern`: it must be found by that name
	mkdir "$RIG_DIR/bin"
	cp "$POSTERN" "$RIG_DIR/bin/postern"
	chmod 755 "$RIG_DIR" "$RIG_DIR/bin"
	export PATH="$RIG_DIR/bin:$PATH"
}

teardown_file()
{
	load lib.bash
	rig_down
}

setup()
{
	load lib.bash
	PATH="$RIG_DIR/bin:$PATH"
	for_everybody
	as_user timeout 20 bwrap --ro-bind / / --dev /dev --proc /proc \
		--unshare-user -- true ||
		must_skip "bwrap cannot run here"
}

# line NETWORK [INPUT] - the line of issue 2, fed with INPUT
line()
{
	printf '%s\0' --ro-bind / / --dev /dev --proc /proc \
		--unshare-user >args
	# what stands between -- and -- is the user's to the letter
	as_user timeout 60 bash -c 'bwrap --args 20 -- postern -platform=kvm -rootless -ignore-cgroups -network='"$1"' -host-uds=all -host-fifo=open -file-access=shared -overlay2=none do -force-overlay=false -- bash -li 20<args' \
		<<<"${2//$'\t'/}" # a tab would ask the shell for completions
}

@test "the line, with -network=sandbox-passthrough" {
	line sandbox-passthrough "
		curl -sS --max-time 20 http://$NET4:8000/hello
		curl -sS --max-time 20 'http://[$NET6]:8000/hello'
		curl -sS --max-time 20 http://127.0.0.1:8000/hello || echo closed
		exit 9" >out 2>err || status=$?
	cat out err
	[ "$status" = 9 ]
	[ "$(grep -c "hello from the host's side" out)" = 2 ]
	[ "$(grep -c '^closed' out)" = 1 ]
	# -platform is accepted, and one line says what it does not bring
	[ "$(grep -c '^postern: ' err)" = 1 ]
	grep -q '^postern: .*kernel' err
}

@test "the line, with -network=host" {
	line host "curl -sS http://127.0.0.1:8000/hello; exit 4" >out 2>err ||
		status=$?
	[ "$status" = 4 ]
	grep -q "hello from the host's side" out
	grep -q '^postern: ' err
}

@test "the app sees no interface of the host inside bwrap" {
	as_user timeout 60 bwrap --ro-bind / / --dev /dev --proc /proc \
		--unshare-user -- postern -quiet do -- sh -c '
		ip -o link | cut -d: -f2
		cat /proc/net/dev
		ls /sys/class/net
		ls /sys/devices/virtual/net' >out 2>err
	cat out
	run ! grep -w h0 out
}

@test "every way that works in bwrap, with --unshare-all and --dev" {
	for way in veth sockets; do
		run -0 as_user timeout 60 bwrap --ro-bind / / --dev /dev \
			--proc /proc --unshare-user --unshare-pid \
			--unshare-ipc --unshare-uts -- \
			postern do $(way_option $way) -- \
			curl -sS --max-time 20 "http://$NET4:8000/hello"
		[ "$output" = "hello from the host's side" ]
	done
}

@test "postern do -- bwrap ..." {
	run -0 as_user timeout 60 postern do -- bwrap --ro-bind / / --dev /dev \
		--proc /proc --unshare-user -- \
		curl -sS --max-time 20 "http://$NET4:8000/hello"
	[ "$output" = "hello from the host's side" ]
}

@test "postern in postern" {
	# the inner one may have to say that it takes sockets
	run -0 --separate-stderr as_user timeout 60 postern do -- postern do -- \
		curl -sS --max-time 20 "http://$NET4:8000/hello"
	[ "$output" = "hello from the host's side" ]
}
