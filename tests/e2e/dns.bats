#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# dns.bats - names inside, as every kind of program asks for them: a server in
# `net`, the host's files bound over in the rig's mount namespace

# dns_server NAME WHERE ADDRESS [OPTION...] - a dnsmasq of ours
dns_server()
{
	local name=$1 where=$2 address=$3

	shift 3
	background "$name" "$where" dnsmasq -d --conf-file=/dev/null \
		--no-resolv --no-hosts --bind-interfaces \
		--listen-address="$address" --log-queries --log-facility=- \
		--user=root --pid-file= --cache-size=0 "$@"
	eventually "$where" sh -c \
		"ss -Hlun 'src $address and sport = :53' | grep -q ."
}

# host_files - resolv.conf and hosts of the rig's host from $RIG_DIR/etc
host_files()
{
	mkdir -p "$RIG_DIR/etc"
	printf 'nameserver %s\nsearch corp.example\noptions edns0\n' "$NET4" \
		>"$RIG_DIR/etc/resolv.conf"
	printf '127.0.0.1 localhost\n192.0.2.5 from-hosts\n' \
		>"$RIG_DIR/etc/hosts"
	chmod -R a+rX "$RIG_DIR/etc"
	in_host sh -euc '
		mount --bind "$1/resolv.conf" /etc/resolv.conf
		mount --bind "$1/hosts" /etc/hosts' sh "$RIG_DIR/etc"
}

setup_file()
{
	load lib.bash
	rig_up ||
		{ file_skips "no network namespace can be made here"; return; }
	host_files
	local big huge
	big=$(printf 'x%.0s' {1..250})
	huge=$(printf '%s,' {1..80} | sed "s/[0-9]*,/$big,/g")end
	dns_server dns in_net "$NET4" \
		--host-record=www.example,192.0.2.3,2001:db8:1::2 \
		--host-record=host1.corp.example,192.0.2.4 \
		--address=/many.example/192.0.2.3 \
		--mx-host=www.example,mail.example,10 \
		--txt-record=small.example,one,two \
		--txt-record=big.example,"$big","$big","$big","$big","$big",a \
		--txt-record=huge.example,"$huge" \
		--local=/example/
	cat >"$RIG_DIR/slow.py" <<-'PY'
		import socket, sys
		s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		s.bind((sys.argv[1], 53))
		print("up", flush=True)
		while True:
		    q, a = s.recvfrom(4096)
		    print("asked", flush=True)
	PY
	(cd "$LIB_DIR" && musl-gcc -static -O1 -o "$RIG_DIR/resolve-musl" \
		resolve.c) || true
	(cd "$LIB_DIR" && GO111MODULE=off CGO_ENABLED=0 HOME=$RIG_DIR \
		go build -o "$RIG_DIR/resolve-go" resolve.go) || true
}

teardown_file()
{
	load lib.bash
	rig_down
}

setup()
{
	load lib.bash
	bats_require_minimum_version 1.5.0
	cd "$BATS_TEST_TMPDIR" || return 1
}

inside()
{
	as_user timeout -s KILL 30 "$POSTERN" do "$@"
}

asked()
{
	grep -ic "query\[$2\] $1 from" "$RIG_DIR/dns.log" || true
}

@test "getent: addresses of both versions, the search list, the hosts file" {
	run -0 inside -- getent ahostsv4 www.example
	[[ $output == 192.0.2.3* ]]
	run -0 inside -- getent ahostsv6 www.example
	[[ $output == 2001:db8:1::2* ]]
	run -0 inside -- getent hosts host1
	[[ $output == *host1.corp.example* ]]
	run -0 inside -- getent hosts from-hosts
	[[ $output == 192.0.2.5* ]]
	run -2 inside -- getent hosts nowhere.example
}

@test "dig: any type by UDP and TCP, EDNS and without" {
	run -0 inside -- dig +short www.example MX
	[ "$output" = "10 mail.example." ]
	run -0 inside -- dig +short +tcp small.example TXT
	[ "$output" = '"one" "two"' ]
	run -0 inside -- dig +noedns +short www.example AAAA
	[ "$output" = 2001:db8:1::2 ]
	# to the letter: spelling, id and question come back as they were sent
	run -0 inside -- dig +noall +question +answer wWw.eXample A
	[[ $output == *";wWw.eXample."* ]]
	[[ $output == *"wWw.eXample."*"192.0.2.3"* ]]
}

@test "dig: what is too large is truncated, and whole by TCP" {
	run -0 inside -- dig +bufsize=512 +ignore big.example TXT
	[[ $output == *"flags:"*" tc"* ]]
	run -0 inside -- dig +bufsize=4096 +ignore big.example TXT
	[[ $output != *"flags:"*" tc"* ]]
	[[ $output == *"ANSWER: 1"* ]]
	# dig goes on by TCP by itself; dnsmasq was asked by TCP, too
	run -0 inside -- dig +short huge.example TXT
	[ "${#output}" -gt 20000 ]
	run -0 inside -- dig +short +tcp huge.example TXT
	[ "${#output}" -gt 20000 ]
}

@test "curl, node, a static musl program and a static Go program resolve" {
	# bound to no address: it would look that up, here without a resolver
	background web in_net python3 -m http.server 80
	eventually tcp_listens in_net 80
	run -0 inside -- curl -sS -o /dev/null -w '%{http_code}' \
		http://www.example/
	[ "$output" = 200 ]
	if command -v node >/dev/null; then
		run -0 inside -- node -e \
			'require("dns").lookup("www.example", {family: 4},
			(e, a) => { console.log(e || a) })'
		[ "$output" = 192.0.2.3 ]
		run -0 inside -- node -e \
			'require("dns").resolve4("www.example",
			(e, a) => { console.log(e || a[0]) })'
		[ "$output" = 192.0.2.3 ]
	fi
	for program in musl go; do
		[ -x "$RIG_DIR/resolve-$program" ] ||
			must_skip "no compiler for $program"
		run -0 inside -- "$RIG_DIR/resolve-$program" www.example
		[[ $output == *192.0.2.3* && $output == *2001:db8:1::2* ]]
		run -2 inside -- "$RIG_DIR/resolve-$program" nowhere.example
		run -0 inside -- "$RIG_DIR/resolve-$program" localhost
		[[ $output == *127.0.0.1* ]]
	done
}

@test "localhost never leaves, nor does what is looked up of the sandbox" {
	run -0 inside -- dig +short localhost
	[ "$output" = 127.0.0.1 ]
	run -0 inside -- dig +short a.localhost AAAA
	[ "$output" = ::1 ]
	run -0 inside -- dig -x 10.0.2.2
	[[ $output == *NXDOMAIN* ]]
	run -0 inside -- dig host.postern.internal
	[[ $output == *NXDOMAIN* ]]
	absent -i 'localhost\|2.2.0.10\|postern' "$RIG_DIR/dns.log"
}

@test "--add-host, --dns and --dns-search" {
	run -0 inside --add-host db:192.0.2.6 -- getent hosts db
	[[ $output == 192.0.2.6* ]]
	run -0 inside --add-host www.example:192.0.2.6 -- \
		getent ahosts www.example
	[[ $output == 192.0.2.6* && $output != *2001:* ]]
	run -0 inside --dns-search other.example -- cat /etc/resolv.conf
	[[ $output == *"search other.example"* && $output != *corp* ]]
	run -0 inside --dns "$NET6" --dns "$NET4" -- dig +short www.example
	[ "$output" = 192.0.2.3 ] # the first refuses, the second answers
}

@test "a resolv.conf that names 127.0.0.53 works, and what replaces it" {
	dns_server stub in_host 127.0.0.53 --server="$NET4"
	local stub=$BACKGROUND_PID
	printf 'nameserver 127.0.0.53\n' >"$RIG_DIR/etc/resolv.conf"
	run -0 inside -- getent ahostsv4 www.example
	[[ $output == 192.0.2.3* ]]
	grep -qi 'www.example' "$RIG_DIR/stub.log"
	# the file changes while the program runs
	mkfifo go
	inside -- sh -c 'echo up; read -r _; dig +short www.example' <go >out &
	local run=$!
	exec 8>go
	eventually grep -q up out
	printf 'nameserver %s\n' "$NET4" >"$RIG_DIR/etc/resolv.conf"
	kill "$stub"
	eventually sh -c "! ss -Hlun | grep -q 127.0.0.53:53"
	echo >&8
	exec 8>&-
	wait "$run"
	[ "$(cat out)" = $'up\n192.0.2.3' ]
}

# then libc asks 127.0.0.1, and nothing can be mounted over what is not there
@test "no /etc/resolv.conf at all: the resolver is at 127.0.0.1" {
	local link without=(bwrap --ro-bind / / --dev-bind /dev /dev
		--proc /proc --tmpfs /etc --)

	as_user "${without[@]}" true || must_skip "bwrap does not run here"
	for link in tap veth; do
		run -0 as_user timeout -s KILL 30 "${without[@]}" "$POSTERN" \
			do --link=$link -- sh -c '
			dig +short +time=3 +tries=1 @127.0.0.1 localhost
			dig +short +time=3 +tries=1 +tcp @127.0.0.1 localhost'
		[ "$output" = $'127.0.0.1\n127.0.0.1' ]
	done
}

@test "a server on the link, fe80::1%eth0" {
	command -v socat >/dev/null || must_skip "no socat"
	local at
	at=$(in_net ip -6 -o addr show dev n0 scope link |
		sed -n 's/.*inet6 \([^/]*\).*/\1/p')
	eventually in_net sh -c '! ip -6 addr show dev n0 | grep -q tentative'
	background relay in_net socat UDP6-RECVFROM:53,ipv6only=1,fork \
		"UDP4:$NET4:53"
	eventually in_net sh -c "ss -Hlun6 | grep -q ':53 '"
	printf 'nameserver %s%%h0\n' "$at" >"$RIG_DIR/etc/resolv.conf"
	run -0 inside -- dig +short www.example
	[ "$output" = 192.0.2.3 ]
	printf 'nameserver %s\n' "$NET4" >"$RIG_DIR/etc/resolv.conf"
}

@test "a dead server is SERVFAIL within 5 s, a closed one at once" {
	background slow in_net python3 "$RIG_DIR/slow.py" 192.0.2.6
	eventually grep -q up "$RIG_DIR/slow.log"
	local start=$EPOCHREALTIME
	run -0 inside --dns 192.0.2.6 -- dig +time=8 +tries=1 www.example
	local took=$((${EPOCHREALTIME/./} - ${start/./}))
	[[ $output == *"SERVFAIL"* && $output == *"No Reachable"* ]]
	[ "$took" -gt 4500000 ] && [ "$took" -lt 6000000 ]
	# the next one answers after the first was silent for 1.5 s
	start=$EPOCHREALTIME
	run -0 inside --dns 192.0.2.6 --dns "$NET4" -- dig +short www.example
	took=$((${EPOCHREALTIME/./} - ${start/./}))
	[ "$output" = 192.0.2.3 ]
	[ "$took" -lt 2500000 ]
	start=$EPOCHREALTIME
	run -0 inside --dns 192.0.2.5 -- dig +time=8 +tries=1 www.example
	took=$((${EPOCHREALTIME/./} - ${start/./}))
	[[ $output == *"SERVFAIL"* ]]
	[ "$took" -lt 1000000 ]
}

@test "nothing asks the host's resolver daemons over a path socket" {
	command -v strace >/dev/null || must_skip "no strace"
	inside -- strace -f -qq -e trace=connect \
		getent ahosts www.example >/dev/null 2>trace
	grep -q 'sin_port=htons(53)' trace
	grep -av ENOENT trace >reached
	absent -E 'sun_path="[^"]*(nscd|nss|resolve|avahi|systemd)' reached
}
