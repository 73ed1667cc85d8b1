#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# dns_lies.bats - a DNS server that lies (T25, T29, T30)

setup_file()
{
	load lib.bash
	rig_up ||
		{ file_skips "no network namespace can be made here"; return; }
	background lies in_net python3 "$LIB_DIR/lying-dns.py" "$NET4"
	in_net ip addr add 10.77.0.1/32 dev lo
	background web in_net python3 -m http.server 80
	eventually udp_listens in_net 53
	eventually tcp_listens in_net 80
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
	as_user timeout -s KILL 60 "$POSTERN" "do" --dns "$NET4" "$@"
}

@test "only the answer to the question reaches the app" {
	for how in plain wrongid wrongname wrongtype lowercase otherport \
		garbage loop; do
		run -0 inside -- dig +tries=1 +time=8 +short "$how.example"
		[ "$output" = 192.0.2.3 ] || {
			echo "$how: $output"
			false
		}
	done
	# the second of two is nobody's: nothing of it reaches the next query
	run -0 inside -- sh -c 'for i in 1 2 3; do
		dig +tries=1 +time=8 +short twice.example; done'
	[ "$output" = $'192.0.2.3\n192.0.2.3\n192.0.2.3' ]
}

@test "a changed spelling is asked for again by TCP" {
	inside -- dig +short lowercase.example >/dev/null
	grep -q 'lowercase.example 1 udp' "$RIG_DIR/lies.log"
	grep -q 'lowercase.example 1 tcp' "$RIG_DIR/lies.log"
}

@test "flipping addresses: what is answered is what may be dialled" {
	: >"$RIG_DIR/web.log"
	run -0 --separate-stderr inside --allow flip.example:80 -- sh -c '
		for i in 1 2 3 4 5 6 7 8; do
			getent ahostsv4 flip.example
			curl -s -o /dev/null --max-time 5 \
				-w "%{http_code} %{remote_ip}\n" http://flip.example/
			curl -s -o /dev/null --max-time 5 -w "%{http_code}\n" \
				http://10.77.0.1/
		done; true'
	echo "$output"; echo "$stderr"
	[[ $output == *"200 192.0.2.3"* ]]
	[[ $output != *10.77.0.1* ]]
	# shellcheck disable=SC2154
	[[ $stderr == *"denied flip.example (10.77.0.1: a name opens no private address) by "*"]; allow with --allow 10.77.0.1"* ]]
	[[ $stderr == *"denied 10.77.0.1:80/tcp (no rule allows it)"* ]]
	[ "$(grep -c 'GET / ' "$RIG_DIR/web.log")" = \
		"$(grep -c '^200 192.0.2.3$' <<<"$output")" ]
}

@test "an alias of a denied name opens nothing but what was asked for" {
	: >"$RIG_DIR/web.log"
	for f in link sockets; do
		# shellcheck disable=SC2016
		run -0 --separate-stderr inside --frontend=$f --allow \
			alias.example --deny evil.example -- sh -c '
			get="curl -s --max-time 5 -o /dev/null -w %{http_code}\n"
			$get http://alias.example/
			$get http://evil.example/
			$get -H "Host: evil.example" http://alias.example/
			getent ahostsv4 evil.example; true'
		[ "$output" = $'200\n000\n000' ] ||
			{ echo "$f: $output $stderr"; false; }
		[[ $stderr == *"denied evil.example (rule deny evil.example"* ]]
	done
	[ "$(grep -c 'GET / ' "$RIG_DIR/web.log")" = 2 ]
	! grep -q '^[^ ]* [^ ]* evil.example' "$RIG_DIR/lies.log"
}

@test "a chain of aliases is followed in bounds, and filtered at its end" {
	for f in link sockets; do
		run -0 --separate-stderr inside --frontend=$f --allow \
			chain.example -- sh -c '
			dig +tries=1 +time=8 +short chain.example
			curl -s --max-time 5 http://10.77.0.1/ || :'
		[[ $output != *10.77.0.1* && $output == *192.0.2.3* ]] ||
			{ echo "$output"; false; }
		[[ $stderr =~ "10.77.0.1: a name opens no private address) by dig["[0-9]+"]" ]] ||
			{ echo "$stderr"; false; }
		# no address in it, no hang, no crash
		run inside --frontend=$f --allow circle.example -- timeout 10 \
			getent ahostsv4 circle.example
		[ "$status" = 2 ]
		# a name is known by what it was asked for, not by what the
		# answer to another says of it
		run -0 --separate-stderr inside --frontend=$f --allow \
			unasked.example:81 --allow other.example:80 -- sh -c '
			dig +tries=1 +time=8 +short unasked.example >/dev/null
			curl -s --max-time 5 http://192.0.2.66/ || :'
		[[ $stderr == *"denied unasked.example:80/tcp (no rule allows it)"* ]] ||
			{ echo "$stderr"; false; }
	done
}

@test "address hints and keys of SVCB and HTTPS lead nowhere" {
	: >"$RIG_DIR/lies.log"
	for f in link sockets; do
		# by name: there are none, nor is the server asked
		run -0 inside --frontend=$f --allow hint.example -- sh -c '
			for t in HTTPS SVCB; do
				dig +tries=1 +time=8 hint.example $t
			done'
		[[ $output == *"status: NOERROR"* && $output != *NXDOMAIN* ]]
		[[ $output != *192.0.2.66* && $output != *fd00::66* ]]
		! grep -Eq 'hint.example (64|65)' "$RIG_DIR/lies.log"
		# without rules by name they pass, and are judged as what they
		# are: addresses
		run -0 --separate-stderr inside --frontend=$f \
			--deny 192.0.2.66 -- sh -c '
			dig +tries=1 +time=8 +short hint.example HTTPS
			curl -s --max-time 5 http://192.0.2.66/ || :'
		[[ $output == *192.0.2.66* ]] || { echo "$output"; false; }
		[[ $stderr == *"denied 192.0.2.66:80/tcp (rule deny 192.0.2.66"* ]]
		: >"$RIG_DIR/lies.log"
	done
}

@test "ids and ports of 4000 questions are even" {
	seq -f 'n%g.plain.example' 4000 >names
	: >"$RIG_DIR/lies.log"
	inside -- dig -f /dev/stdin +short <names >out
	[ "$(grep -c 192.0.2.3 out)" = 4000 ]
	python3 - "$RIG_DIR/lies.log" <<-'PY'
		import sys
		rows = [l.split() for l in open(sys.argv[1]) if "plain" in l]
		assert len(rows) == 4000, len(rows)
		def chi(values, bins):
		    n = [0] * bins
		    for v in values:
		        n[v] += 1
		    mean = len(values) / bins
		    return sum((x - mean) ** 2 / mean for x in n)
		ids = [int(r[0]) for r in rows]
		# 255 degrees of freedom: beyond 350 once in 20 000
		assert chi([i >> 8 for i in ids], 256) < 350
		assert chi([i & 255 for i in ids], 256) < 350
		ports = [int(r[1]) for r in rows]
		assert len(set(ports)) > 3000, len(set(ports))
		# the kernel draws from a range; its low four bits tell nothing
		# (odd ports only or even ones, as ip_local_port_range has it)
		same = sum(a == b for a, b in zip(ports, ports[1:]))
		up = sum(b > a for a, b in zip(ports, ports[1:]))
		assert same < 10 and 1700 < up < 2300, (same, up)
	PY
}
