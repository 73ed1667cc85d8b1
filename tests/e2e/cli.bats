#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# cli.bats - what the command line takes, says and refuses, before anything
# runs; needs no network and no rights (what runs, runs with --network=host)

bats_require_minimum_version 1.5.0

setup()
{
	load lib.bash
	cd "$BATS_TEST_TMPDIR" || return
	unset POSTERN_NETWORK POSTERN_FRONTEND POSTERN_ALLOW POSTERN_POLICY
}

# postern with stdout in ./out and stderr in ./err; gives back its status
p()
{
	"$POSTERN" "$@" >out 2>err </dev/null
}

# refuses TEXT WORD... - status 125, one line with TEXT, and CMD never ran
refuses()
{
	local text=$1 status=0

	shift
	rm -f ran
	p "$@" || status=$?
	if [ $status != 125 ] || [ -e ran ] || [ -s out ] ||
		[ "$(wc -l <err)" != 1 ] || ! grep -Fq -- "$text" err ||
		! grep -q '^postern: ' err; then
		echo "postern $*: status $status, want 125 and \"$text\""
		cat err
		return 1
	fi
}

LINE=(-platform=kvm -rootless -ignore-cgroups -network=host -host-uds=all
	-host-fifo=open -file-access=shared -overlay2=none do
	-force-overlay=false --)

@test "the line that runsc's users type runs with -network=host" {
	run -3 "$POSTERN" "${LINE[@]}" bash -lic 'exit 3' </dev/null
	p "${LINE[@]}" echo hello
	[ "$(<out)" = hello ]
	grep -q 'no application kernel' err
	grep -q 'no isolation' err
	[ "$(wc -l <err)" = 2 ]
}

@test "-quiet silences notices, not errors" {
	p -platform=kvm -network=host do -quiet -- true
	[ ! -s err ]
	refuses 'cannot be had' -overlay2=root:self -network=host do -quiet -- \
		touch ran
}

@test "what asks for a protection that is not given is refused" {
	local row

	while read -r row; do
		# shellcheck disable=SC2086
		refuses 'cannot be had' $row -network=host do -- touch ran
	done <<-'END'
		-host-uds=none
		-host-uds=open
		-host-fifo=none
		-overlay2=all:memory
		-character-device-policy=emulated-only
		-host-settings=enforce
		-qdisc=tbf
		-qdisc-tbf-rate=1000
		-reproduce-nat
		-reproduce-nftables
		-TESTONLY-nftables
		-TESTONLY-unsafe-nonroot
		-pause-external-networking
		-EXPERIMENTAL-xdp=ns
		-oci-seccomp
		-allow-suid
		-overlay
	END
	refuses 'cannot be had' -network=host do -root=/srv -- touch ran
	refuses 'cannot be had' -network=host do -erofs=x -- touch ran
	refuses 'cannot be had' -network=host do -force-overlay -- touch ran
	refuses 'cannot be had' -network=host do -volume=/a:/b -- touch ran
}

@test "--best-effort goes on, and its first line says without what" {
	p -quiet -network=host -vfs2 --best-effort -host-fifo=none -overlay2=x \
		do -- touch ran
	[ -e ran ]
	head -n 1 err | grep -q -- '--best-effort: not enforced: '
	head -n 1 err | grep -q -- '-host-fifo=none'
	head -n 1 err | grep -q -- '-overlay2=x'
}

@test "a mode that cannot be had is an error, with the one to type" {
	refuses sandbox-passthrough -rootless -network=sandbox do -- touch ran
	refuses 'not here yet' -network=sandbox do -- touch ran
	refuses plugins -network=plugin do -- touch ran
	refuses 'did you mean host?' --network=hots do -- touch ran
	refuses 'needs root' -rootless --best-effort -network=sandbox do -- \
		touch ran
}

@test "unknown words are refused with the nearest spelling" {
	refuses 'did you mean --network?' --netwrok=none do -- touch ran
	refuses 'did you mean --allow?' do --alow 1.2.3.4 -- touch ran
	refuses 'did you mean do?' dow -- touch ran
	refuses 'postern do -- touch' touch ran
	refuses 'goes before the verb' do -platform=kvm -- touch ran
	refuses 'needs a value' do --mtu
	refuses 'write true or false' -rootless=yes do -- touch ran
}

@test "what no part enforces yet is refused" {
	local row

	while read -r row; do
		# shellcheck disable=SC2086
		refuses 'not here yet' do $row -- touch ran
	done <<-'END'
		--upstream=socks5://127.0.0.1:1
		--netem=delay
		--rate=1m
		--uplink=x
	END
}

@test "what the mode or the other options make void is refused" {
	refuses --network=host do --network=host --allow 1.2.3.4 -- touch ran
	refuses --network=host do --network=host --offline -- touch ran
	refuses --network=host do --network=host --dns 1.2.3.4 -- touch ran
	refuses --network=none do --network=none --mtu 1400 -- touch ran
	refuses '--offline' do --offline --allow 1.2.3.4 -- touch ran
	refuses '--frontend=link' do --link=tap --frontend=sockets -- touch ran
	refuses 'no packets' do --mtu=1400 --frontend=sockets -- touch ran
	refuses 'contradicts' do --require=link --frontend=sockets -- touch ran
	refuses '--ipv4-only' do --mtu=1000 -- touch ran
	refuses 'needs -net-raw' -allow-packet-socket-write do -- touch ran
	refuses 'no packets' -log-packets do --frontend=sockets -- touch ran
	refuses '--network=host' --network=host -pcap-log=x do -- touch ran
	refuses 'no packets' do -w x --frontend=sockets -- touch ran
	refuses '--map-root' -net-raw do -- touch ran
	refuses '--frontend=sockets' -net-raw do --frontend=sockets \
		--map-root -- touch ran
	refuses 'exclude' do --close-fds --preserve-fds=1 -- touch ran
}

@test "POSTERN_ variables set defaults, and are enforced like options" {
	POSTERN_NETWORK=host p do -- touch ran
	[ -e ran ]
	POSTERN_NETWORK=hots refuses POSTERN_NETWORK do -- touch ran
	POSTERN_ALLOW='10.0.0.1 1.2.3.4:0' refuses POSTERN_ALLOW do -- touch ran
	POSTERN_ALLOW=10.0.0.1 refuses 'a policy cannot be enforced' \
		--network=host do -- touch ran
	POSTERN_NETWORK=sandbox p --network=host do -- touch ran
	[ -e ran ]
}

@test "no command is usage and 125" {
	run -125 "$POSTERN"
	[[ $output == *Usage:* ]]
	run -125 "$POSTERN" do
	[[ $output == *Usage:*CMD* ]]
	run -0 "$POSTERN" --help
	[ "${#lines[@]}" -le 24 ]
	run -0 "$POSTERN" do --help
	run -0 "$POSTERN" help mtu
	[[ $output == *1280* ]]
	run -0 "$POSTERN" --version
	[[ $output == postern\ *frontends:*link*sockets* ]]
	run -125 "$POSTERN" help no-such-thing
}

@test "deprecated flags warn, ignored ones speak under --debug" {
	p -network=host -vfs2 do -- true
	grep -q -- '-vfs2 is deprecated' err
	p -network=host -fdlimit=3 -strace do -- true
	[ "$(wc -l <err)" = 1 ] # host's
	p -network=host -debug -fdlimit=3 -strace do -- true
	grep -q -- '-fdlimit=3 has no effect' err
	grep -q -- '-strace=true has no effect' err
}

@test "-log, -debug-log and -panic-log go to files" {
	mkdir dir
	p -network=host -debug -fdlimit=3 -log=own.json -log-format=json \
		-debug-log=dir/ -panic-log=panic do -- true
	run ! grep -q fdlimit err
	grep -q '"msg":"-fdlimit=3 has no effect' own.json
	grep -q 'postern: -fdlimit=3' dir/postern.log.*
	[ -e panic ] && [ ! -s panic ]
	ln -s own.json link
	refuses 'cannot open' -network=host -log=link do -- touch ran
	# CMD holds none of them
	p -network=host -log=own do -- ls -l /proc/self/fd
	run ! grep -q own out
}

@test "why asks the matcher, and its remedy lets it pass" {
	p why 8.8.8.8:53/udp
	grep -q '^allowed 8.8.8.8:53/udp: ' out
	run -1 "$POSTERN" why 127.0.0.1:80
	[[ $output == *"--allow 127.0.0.1:80"* ]]
	p why 127.0.0.1:80 --allow 127.0.0.1:80
	run -1 "$POSTERN" why '[2002:7f00:1::]:80' 169.254.169.254/icmp
	run -1 "$POSTERN" why db.example:5432 --allow db.example:443
	[[ $output == *"--allow db.example:5432"* ]]
	p why db.example:5432 --allow db.example:5432 --json
	python3 -c 'import json, sys; a = json.load(open("out"))
assert a["verdict"] == "allow" and a["port"] == 5432, a'
	run -125 "$POSTERN" why
	run -125 "$POSTERN" why 10.0.0.0/8:80
	# the host's own addresses are closed
	local own
	own=$(hostname -I 2>/dev/null | cut -d ' ' -f 1)
	[ -z "$own" ] || [[ $own == *:* ]] || {
		run -1 "$POSTERN" why "$own:22"
		[[ $output == *"own addresses"* ]]
	}
}

@test "policy check, print and test read what do enforces" {
	cat >agent.policy <<-'END'
		# the database
		allow 10.0.0.5:5432/tcp   # only this
		deny  @metadata
		include more.policy
	END
	echo 'allow Example.ORG.:443' >more.policy
	p policy check agent.policy
	grep -q '^3 rules' out
	p policy print agent.policy
	[ "$(<out)" = "$(printf '%s\n' 'allow 10.0.0.5:5432/tcp' \
		'deny @metadata' 'allow example.org:443')" ]
	# what is printed is a policy that prints the same
	cp out again
	p policy print again
	cmp out again
	p policy test agent.policy 10.0.0.5:5432 example.org:443
	run -1 "$POSTERN" policy test agent.policy 10.0.0.5:5432 10.0.0.6:5432
	run -1 "$POSTERN" why 169.254.169.254:80 --policy agent.policy
	[[ $output == *"agent.policy:3"* ]]
	run -125 "$POSTERN" why 10.0.0.5:5432 --policy - <agent.policy
	[[ $output == *"stdin:4:9: "*absolute* ]]
	echo 'deny @internt' >more.policy
	refuses 'more.policy:1:6: no group @internt; did you mean @internet?' \
		policy check agent.policy
	refuses 'more.policy:1:6' do --policy agent.policy -- touch ran
}

@test "policy is never picked up from the working directory" {
	mkdir -p .config/postern/sets postern/sets sets data/sets
	for f in .config/postern/sets/here postern/sets/here sets/here \
		data/sets/here; do
		echo 10.0.0.1 >$f
	done
	HOME=/nonexistent refuses 'no group @here' do --allow @here -- touch ran
	HOME=$PWD p why 10.0.0.1:80 --allow @here
	XDG_CONFIG_HOME=$PWD p why 10.0.0.1:80 --allow @here
	grep -q '@here:1' out
	# and the shipped example is found
	p why github.com:22 --allow @github
}

@test "completions are scripts that the shell can read" {
	for shell in bash zsh fish; do
		p completions $shell
		grep -q sandbox-passthrough out
		! command -v $shell >/dev/null || $shell -n out
	done
	refuses 'did you mean bash?' completions bahs
	p completions bash
	COMP_WORDS=(postern do --netw) COMP_CWORD=2
	# shellcheck disable=SC1091
	source ./out
	_postern
	[ "${COMPREPLY[*]}" = --network ]
}

@test "check says yes or no of everything, in text and JSON alike" {
	local status=0

	p check || status=$?
	[ $status = 0 ] || [ $status = 125 ]
	for name in link sockets namespaces tap veth seccomp-notify; do
		grep -Eq "^$name: +(yes|no)" out
	done
	[ $status = 0 ] || ! grep -Eq '^(link|sockets): +yes' out
	cp out text
	p check --json || :
	python3 - <<-'END'
		import json, re
		a = json.load(open("out"))
		text = dict(re.findall(r"(?m)^([\w-]+): +(yes|no)", open("text").read()))
		for p in a["primitives"]:
		    assert text[p["name"]] == ("yes" if p["present"] else "no"), p
		    assert p["present"] or p["detail"] and p["remedy"], p
	END
}

@test "check says what a policy closes, and what it cannot" {
	local port pid

	python3 -u - >sockets 2>/dev/null 3>&- <<-'END' &
		import socket, sys, time
		for name in "agent", "docker", "bus":
		    u = socket.socket(socket.AF_UNIX); u.bind(name); u.listen()
		    globals()[name] = u
		t = socket.create_server(("127.0.0.1", 0))
		print(t.getsockname()[1], flush=True)
		time.sleep(60)
	END
	pid=$!
	eventually test -s sockets
	port=$(<sockets)
	export SSH_AUTH_SOCK=$PWD/agent DOCKER_HOST=unix://$PWD/docker
	export DBUS_SESSION_BUS_ADDRESS=unix:path=$PWD/bus,guid=0123
	p check || :
	grep -Eq '^host-loopback +closed ' out
	grep -Eq '^(metadata|link-local|multicast|own-addresses|own-services|abstract-sockets) +closed' out
	grep -Eq '^(private|internet) +open' out
	grep -q '^ways around any network sandbox' out
	grep -Eq "^the ssh-agent +$PWD/agent\$" out
	grep -Eq "^docker +$PWD/docker\$" out
	grep -Eq "^the session D-Bus +$PWD/bus\$" out
	# what a rule opens is shown as open, by the matcher that enforces
	p check --allow "127.0.0.1:$port" --json || :
	kill "$pid"
	python3 - "$PWD" <<-'END'
		import json, sys
		a = json.load(open("out"))
		reach = {r["name"]: r for r in a["reach"]}
		assert reach["host-loopback"]["verdict"] in ("part", "open"), reach
		assert reach["internet"]["verdict"] == "closed", reach
		for name in "agent", "docker", "bus":
		    assert sys.argv[1] + "/" + name in a["ways_around"], a
	END
	p check --offline || :
	grep -Eq '^internet +closed' out
	run ! p check --allow 'no@where'
}

@test "-host-settings=check says what is missing, and goes on" {
	p -network=host -host-settings=check do -- touch ran
	[ -e ran ]
	! "$POSTERN" check | grep -q ': *no ' ||
		grep -q -- '-host-settings: no ' err
}

@test "--args reads options, and nothing but options" {
	printf '%s\0' --network=host --log=x >words
	run -125 "$POSTERN" do --args 9 -- touch ran 9<words
	[[ $output == *'--log cannot be enforced'* ]]
	[ ! -e ran ]
	printf '%s\0' --quiet -network host >words
	"$POSTERN" --args 9 do -- touch ran 9<words
	[ -e ran ]
	rm ran
	"$POSTERN" do --args=9 -- sh -c 'ls /proc/self/fd >fds; touch ran' 9<words
	[ -e ran ]
	run ! grep -qx 9 fds
	printf '%s\0' --quiet touch >words
	run -125 "$POSTERN" do --args 9 -- true 9<words
	[[ $output == *'--args 9: "touch" is no option'* ]]
	printf '%s\0' --netwrok=none >words
	run -125 "$POSTERN" do --args 9 -- true 9<words
	[[ $output == *'did you mean --network?'* ]]
}

@test "@FILE has options for people: lines, comments, values" {
	cat >opts <<-'END'
		# the project's own
		--network=host

		  --quiet
		--control auto
	END
	"$POSTERN" @opts do -- touch ran
	[ -e ran ]
	rm ran
	"$POSTERN" do @opts -- touch ran
	[ -e ran ]
	rm ran
	printf '%s\0' --network=host --quiet >words
	"$POSTERN" do @words -- touch ran
	[ -e ran ]
	rm ran
	printf '%s\n' '--allow    10.0.0.1:80/tcp  ' '--deny=10.0.0.2' \
		'--policy extra' >rules
	echo 'allow 10.0.0.3' >extra
	printf '%s\r\n' '@rules' '--network=host' >outer
	run -125 "$POSTERN" do @outer -- touch ran
	[[ $output == *"--allow cannot be enforced with --network=host"* ]]
	echo @loop >loop
	run -125 "$POSTERN" do @loop -- touch ran
	[[ $output == *"too deep"* ]]
	run -125 "$POSTERN" do @nowhere -- touch ran
	[[ $output == *"@nowhere: cannot be opened"* ]]
	echo touch >plain
	run -125 "$POSTERN" do @plain -- touch ran
	[[ $output == *'@plain: "touch" is no option'* ]]
	# a value that begins so is no file, and neither is a word of CMD
	run -125 "$POSTERN" do --network=host --allow @private -- touch ran
	[[ $output == *"--allow cannot be enforced"* ]]
	[ ! -e ran ]
	[ "$("$POSTERN" --network=host -quiet do -- echo @opts)" = @opts ]
}

@test "--block-fd holds CMD back" {
	mkfifo go
	exec 8<>go
	"$POSTERN" --network=host do -q --block-fd 8 -- touch ran 8<go &
	local pid=$!
	read -rt 0.3 <> <(:) || :
	[ ! -e ran ]
	echo >&8
	wait $pid
	[ -e ran ]
	exec 8>&-
}
