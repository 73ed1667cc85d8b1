#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# policy_programs.bats - real programs under an allow-list, with nothing in
# their environment: each allowed, denied by port and denied by name, with the
# status and the words that it ends with; a CDN of many names on one address;
# DNS by TLS and HTTPS

bats_require_minimum_version 1.5.0

setup_file()
{
	load lib.bash
	load servers.bash
	can_own_namespaces ||
		{ file_skips "no network namespace can be made here"; return; }
	rig_up
	WAYS=
	for way in tap sockets; do
		! postern_do $way -- true 2>/dev/null || WAYS+=" $way"
	done
	export WAYS
	names
	cdn
	encrypted_dns
	background redis in_net redis-server --bind 192.0.2.4 --port 6379 \
		--save '' --daemonize no --protected-mode no
	postgres
	git_by_ssh
	programs
	eventually tcp_listens in_net 443
	eventually tcp_listens in_net 853
	eventually udp_listens in_net 53
	eventually tcp_listens in_net 6379
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
	[ -n "$WAYS" ] || must_skip "neither frontend works here"
}

# --- servers ------------------------------------------------------------------

names()
{
	echo "nameserver $NET4" >"$RIG_DIR/resolv.conf"
	in_host mount --bind "$RIG_DIR/resolv.conf" /etc/resolv.conf
	background dns in_net dnsmasq -d --conf-file=/dev/null --no-resolv \
		--no-hosts --bind-interfaces --listen-address="$NET4" \
		--user=root --pid-file= --cache-size=0 --local=/example/ \
		--address=/cdn.example/192.0.2.3 \
		--host-record=db.example,192.0.2.4 \
		--host-record=git.example,192.0.2.5 \
		--host-record=unused.example,192.0.2.6
}

# Every name below cdn.example is a site of its own, all at 192.0.2.3.
cdn()
{
	local d=$RIG_DIR/nginx

	mkdir -p "$d"
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=cdn \
		-addext 'subjectAltName=DNS:*.cdn.example,IP:192.0.2.3,IP:192.0.2.6' \
		-keyout "$d/key.pem" -out "$RIG_DIR/ca.pem" 2>/dev/null
	chmod a+r "$RIG_DIR/ca.pem"
	nginx_up '$scheme $host "$ssl_server_name"' <<-CONF
		server {
			listen 192.0.2.3:80;
			listen 192.0.2.3:443 ssl;
			ssl_certificate $RIG_DIR/ca.pem;
			ssl_certificate_key $d/key.pem;
			default_type text/plain;
			return 200 "this is \$host\n";
		}
	CONF
}

# A resolver at 192.0.2.6, by TLS (853) and HTTPS (443): all is 192.0.2.3.
encrypted_dns()
{
	cat >"$RIG_DIR/dns.py" <<-'END'
		import http.server, socketserver, ssl, sys, threading
		context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
		context.load_cert_chain(*sys.argv[1:])
		def answer(q):
		    end = q.index(b"\0", 12) + 5
		    a = q[end - 4:end - 2] == b"\0\1"
		    return (q[:2] + b"\x81\x80\0\1" + bytes([0, a]) + b"\0\0\0\0" + q[12:end] +
		            (b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + bytes([192, 0, 2, 3])) * a)
		class Tls(socketserver.StreamRequestHandler):
		    def handle(self):
		        while head := self.rfile.read(2):
		            text = answer(self.rfile.read(int.from_bytes(head, "big")))
		            self.wfile.write(len(text).to_bytes(2, "big") + text)
		class Https(http.server.BaseHTTPRequestHandler):
		    def log_message(self, *a): pass
		    def do_POST(self):
		        text = answer(self.rfile.read(int(self.headers["Content-Length"])))
		        self.send_response(200)
		        self.send_header("Content-Type", "application/dns-message")
		        self.send_header("Content-Length", str(len(text)))
		        self.end_headers()
		        self.wfile.write(text)
		for port, handler in (853, Tls), (443, Https):
		    s = socketserver.ThreadingTCPServer(("192.0.2.6", port), handler)
		    s.socket = context.wrap_socket(s.socket, server_side=True,
		                                   do_handshake_on_connect=False)
		    threading.Thread(target=s.serve_forever).start()
	END
	background encrypted in_net /usr/bin/python3 "$RIG_DIR/dns.py" \
		"$RIG_DIR/ca.pem" "$RIG_DIR/nginx/key.pem"
}

postgres()
{
	local bin

	# it refuses to be root of whatever kind
	[ -z "$RIG_ENTER" ] && id postgres >/dev/null 2>&1 || return 0
	bin=$(dirname "$(find /usr/lib/postgresql -name initdb | sort | tail -n 1)")
	install -d -o postgres "$RIG_DIR/pg"
	in_net setpriv --reuid postgres --regid postgres --clear-groups \
		"$bin/initdb" -D "$RIG_DIR/pg" -A trust -E UTF8 --no-sync \
		>"$RIG_DIR/initdb.log" 2>&1
	echo 'host all all all trust' >>"$RIG_DIR/pg/pg_hba.conf"
	background pg in_net setpriv --reuid postgres --regid postgres \
		--clear-groups "$bin/postgres" -D "$RIG_DIR/pg" -F \
		-c listen_addresses=192.0.2.4 -k "$RIG_DIR/pg"
	eventually tcp_listens in_net 5432
}

git_by_ssh()
{
	# sshd wants a whole root
	[ -z "$RIG_ENTER" ] || return 0
	getent passwd $LIB_UID >/dev/null ||
		useradd --uid $LIB_UID --no-create-home postern-test
	mkdir -p /run/sshd
	ssh-keygen -q -t ed25519 -N '' -f "$RIG_DIR/host_key"
	ssh-keygen -q -t ed25519 -N '' -f "$RIG_DIR/user_key"
	chown $LIB_UID "$RIG_DIR/user_key"
	git init -q --bare "$RIG_DIR/repo.git"
	git -C "$RIG_DIR/repo.git" update-ref refs/heads/main "$(
		git -C "$RIG_DIR/repo.git" -c user.name=x -c user.email=x@x \
			commit-tree -m x "$(git -C "$RIG_DIR/repo.git" \
				mktree </dev/null)")"
	cat >"$RIG_DIR/sshd.conf" <<-CONF
		HostKey $RIG_DIR/host_key
		AuthorizedKeysFile $RIG_DIR/user_key.pub
		StrictModes no
		UsePAM no
		PidFile none
		ListenAddress 192.0.2.5
	CONF
	background sshd in_net /usr/sbin/sshd -D -e -f "$RIG_DIR/sshd.conf"
	eventually tcp_listens in_net 22
}

programs()
{
	cat >"$RIG_DIR/get.py" <<-'END'
		import sys, requests
		print(requests.get(sys.argv[1], timeout=10).text)
	END
	cat >"$RIG_DIR/get.js" <<-'END'
		fetch(process.argv[2]).then(r => r.text()).then(t => console.log(t),
		    e => { console.error(e.cause); process.exit(1) })
	END
	go_get_built
	chmod a+r "$RIG_DIR"/get.*
}

# --- words --------------------------------------------------------------------

# inside WAY OPTION... -- CMD: as an ordinary user, with an empty environment
inside()
{
	local way=$1

	shift
	# shellcheck disable=SC2086
	run --separate-stderr as_user env -i PATH=/usr/bin:/bin timeout -s KILL \
		30 "$POSTERN" "do" $(way_option "$way") "$@"
}

show()
{
	echo "$way: status $status"
	echo "$output"
	echo "$stderr"
	false
}

# told LINE - once, by whomever
told()
{
	[ "$(sed 's/.*\(postern: \)/\1/; s/ by [^ ]*\[[0-9]*\]//' \
		<<<"$stderr" | grep -Fxc -- "postern: $1")" = 1 ] ||
		{ echo "not told once: $1"; show; }
}

# each NAME PORT WANT STATUS WORDS NO-NAME-STATUS NO-NAME-WORDS PROGRAM... -
# allowed it prints WANT; with another port allowed it ends with STATUS and
# says WORDS; with another name allowed the same of NO-NAME
each()
{
	local name=$1 port=$2 want=$3 bad=$4 words=$5 no=$6 no_words=$7

	shift 7
	for way in $WAYS; do
		inside "$way" --allow "$name:$port" -- "$@"
		[[ $status = 0 && $output = *"$want"* ]] || show
		[[ $stderr != *postern:* ]] || show
		inside "$way" --allow "$name:1" -- "$@"
		[ "$status" = "$bad" ] && grep -Eq -- "$words" <<<"$stderr" || show
		told "denied $name:$port/tcp (no rule allows it); allow with --allow $name:$port"
		inside "$way" --allow "unused.example:$port" -- "$@"
		[ "$status" = "$no" ] && grep -Eq -- "$no_words" <<<"$stderr" ||
			show
		told "denied $name (no rule allows it); allow with --allow $name"
	done
}

# what connect(2) says under link, under sockets
refused='[Nn]o route to host|[Pp]ermission denied|EHOSTUNREACH|EACCES'

# --- tests --------------------------------------------------------------------

@test "curl" {
	each www.cdn.example 80 "this is www.cdn.example" \
		7 'curl: \(7\) Failed to connect to www.cdn.example port 80' \
		6 'curl: \(6\) Could not resolve host: www.cdn.example' \
		curl -sS http://www.cdn.example/
	each www.cdn.example 443 "this is www.cdn.example" \
		7 'curl: \(7\) Failed to connect to www.cdn.example port 443' \
		6 'curl: \(6\) Could not resolve host: www.cdn.example' \
		curl -sS --cacert "$RIG_DIR/ca.pem" https://www.cdn.example/
}

@test "python requests" {
	/usr/bin/python3 -c 'import requests' || must_skip "no python3-requests"
	each www.cdn.example 80 "this is www.cdn.example" \
		1 "ConnectionError.*($refused)" \
		1 'ConnectionError.*(Name or service not known|resolve)' \
		/usr/bin/python3 "$RIG_DIR/get.py" http://www.cdn.example/
}

@test "node fetch" {
	each www.cdn.example 80 "this is www.cdn.example" \
		1 "$refused" 1 'ENOTFOUND.*www.cdn.example' \
		node "$RIG_DIR/get.js" http://www.cdn.example/
}

@test "static Go" {
	[ -x "$RIG_DIR/get-go" ] || must_skip "no Go"
	each www.cdn.example 80 "this is www.cdn.example" \
		1 "dial tcp 192.0.2.3:80: .*($refused)" \
		1 'lookup www.cdn.example.*: no such host' \
		"$RIG_DIR/get-go" http://www.cdn.example/
}

@test "psql" {
	tcp_listens in_net 5432 || must_skip "no PostgreSQL server here"
	each db.example 5432 "sum=42" \
		2 "connection to server at .*db.example.* failed: .*($refused)" \
		2 'could not translate host name "db.example" to address' \
		psql -h db.example -U postgres -d postgres -Atc \
		"select 'sum=' || sum(x) from (values (40), (2)) v(x)"
}

@test "redis-cli" {
	each db.example 6379 PONG \
		1 "Could not connect to Redis at db.example:6379: .*($refused)" \
		1 'Could not connect to Redis at db.example:6379: .*(Name|not known)' \
		redis-cli -h db.example ping
}

@test "git over ssh" {
	[ -e "$RIG_DIR/user_key" ] || must_skip "sshd needs a whole root"
	local head ssh="ssh -o StrictHostKeyChecking=no -o BatchMode=yes
		-o UserKnownHostsFile=/dev/null -o LogLevel=ERROR
		-i $RIG_DIR/user_key"

	head=$(git -C "$RIG_DIR/repo.git" rev-parse refs/heads/main)
	each git.example 22 "$head" \
		128 "ssh: connect to host git.example port 22: ($refused)" \
		128 'ssh: Could not resolve hostname git.example: Name or service not known' \
		git -c core.sshCommand="$(echo $ssh)" -C / ls-remote \
		"ssh://root@git.example$RIG_DIR/repo.git"
}

@test "curl by address, and curl --resolve" {
	local get=(curl -sS --cacert "$RIG_DIR/ca.pem") line
	local to=(--resolve www.cdn.example:443:192.0.2.3)

	line="denied 192.0.2.3:443/tcp (no rule allows it); allow with --allow 192.0.2.3:443"
	for way in $WAYS; do
		# nobody has looked the name up: the address is nobody's
		inside "$way" --allow www.cdn.example:443 -- "${get[@]}" \
			https://192.0.2.3/
		[ "$status" = 7 ] || show
		told "$line"
		inside "$way" --allow www.cdn.example:443 -- "${get[@]}" \
			"${to[@]}" https://www.cdn.example/
		[ "$status" = 7 ] || show
		told "$line"
		# what the line says to type is what it takes
		inside "$way" --allow 192.0.2.3:443 -- "${get[@]}" "${to[@]}" \
			https://www.cdn.example/
		[ "$output" = "this is www.cdn.example" ] || show
		inside "$way" --allow 192.0.2.3:443 -- "${get[@]}" \
			https://192.0.2.3/
		[ "$output" = "this is 192.0.2.3" ] || show
		# once it was looked up, the name of the hello decides
		inside "$way" --allow www.cdn.example:443 -- sh -c '
			getent hosts www.cdn.example >/dev/null
			exec "$@"' sh "${get[@]}" "${to[@]}" \
			https://www.cdn.example/
		[ "$output" = "this is www.cdn.example" ] || show
		inside "$way" --allow www.cdn.example:443 -- sh -c '
			getent hosts www.cdn.example >/dev/null
			exec "$@"' sh "${get[@]}" \
			--resolve evil.cdn.example:443:192.0.2.3 \
			https://evil.cdn.example/
		[ "$status" = 35 ] || show
		told "denied evil.cdn.example:443/tcp (fronting: another name opened the address, www.cdn.example); allow with --allow evil.cdn.example:443"
	done
	! grep evil "$RIG_DIR/nginx/access.log"
}

@test "of fifty names on one address two are open, by TLS and in plain" {
	for way in $WAYS; do
		: >"$RIG_DIR/nginx/access.log"
		# shellcheck disable=SC2016
		inside "$way" -q --allow site7.cdn.example \
			--allow '*.deep.cdn.example:443' -- sh -c '
			getent hosts site7.cdn.example >/dev/null
			ca=$1
			set --
			for i in $(seq 50); do
				n=site$i.cdn.example
				set -- "$@" --resolve "$n:80:192.0.2.3" \
					--resolve "$n:443:192.0.2.3" \
					"http://$n/" "https://$n/"
			done
			curl -s -m 5 --cacert "$ca" "$@"
			curl -sS -k https://a.b.deep.cdn.example/
			curl -s -k https://deep.cdn.example/
			curl -s http://a.b.deep.cdn.example/
			:' sh "$RIG_DIR/ca.pem"
		[ "$(sort <<<"$output")" = "this is a.b.deep.cdn.example
this is site7.cdn.example
this is site7.cdn.example" ] || show
		# no server was told another name
		[ "$(LC_ALL=C sort -u "$RIG_DIR/nginx/access.log")" = \
'http site7.cdn.example "-"
https a.b.deep.cdn.example "a.b.deep.cdn.example"
https site7.cdn.example "site7.cdn.example"' ] ||
			{ cat "$RIG_DIR/nginx/access.log"; false; }
	done
}

@test "DNS by TLS and by HTTPS at an address obey the rules, as any flow" {
	local dot=(dig +tls +short +tries=1 +time=5 @192.0.2.6 www.cdn.example)
	local doh=(curl -sS --cacert "$RIG_DIR/ca.pem"
		--doh-url https://192.0.2.6/dns-query)

	for way in $WAYS; do
		inside "$way" --allow www.cdn.example -- "${dot[@]}"
		[[ $status != 0 && $output != *192.0.2.3* ]] || show
		told "denied 192.0.2.6:853/tcp (no rule allows it); allow with --allow 192.0.2.6:853"
		inside "$way" --allow 192.0.2.6:853 -- "${dot[@]}"
		[ "$output" = 192.0.2.3 ] || show
		inside "$way" --allow www.cdn.example -- "${doh[@]}" \
			https://www.cdn.example/
		[ "$status" = 6 ] || show
		told "denied 192.0.2.6:443/tcp (no rule allows it); allow with --allow 192.0.2.6:443"
		# a resolver of one's own teaches us nothing: the address that
		# it gave is nobody's
		inside "$way" --allow www.cdn.example --allow 192.0.2.6:443 -- \
			"${doh[@]}" https://www.cdn.example/
		[ "$status" = 7 ] || show
		told "denied 192.0.2.3:443/tcp (no rule allows it); allow with --allow 192.0.2.3:443"
		inside "$way" --allow 192.0.2.3:443 --allow 192.0.2.6:443 -- \
			"${doh[@]}" https://www.cdn.example/
		[ "$output" = "this is www.cdn.example" ] || show
		# and plain DNS to another server
		inside "$way" --allow www.cdn.example -- dig +short +tries=1 \
			+time=2 @192.0.2.6 www.cdn.example
		[[ $output != *192.0.2.3* ]] || show
		told "denied 192.0.2.6:53/udp (no rule allows it); allow with --allow 192.0.2.6:53/udp"
	done
}

@test "the log has the name that was said, and where it was in doubt" {
	local to=(--resolve site9.cdn.example:443:192.0.2.3)

	for way in $WAYS; do
		rm -f log
		# shellcheck disable=SC2016
		inside "$way" --log log --allow site7.cdn.example:443 \
			--allow site8.cdn.example:80 -- sh -c '
			getent hosts site7.cdn.example site8.cdn.example >/dev/null
			curl -sS -k https://site7.cdn.example/
			curl -sS http://site8.cdn.example/
			curl -sS -k https://192.0.2.3/
			curl -s -k "$@" https://site9.cdn.example/; :' sh "${to[@]}"
		[ "$(wc -l <<<"$output")" = 3 ] || show
		eventually sh -c 'test $(grep -c \"close\" log) = 4' || { cat log; show; }
		check_log log
		python3 - <<-'END'
			import json
			log = [json.loads(l) for l in open("log")]
			close = [l for l in log if l["event"] == "close"]
			said = lambda l: (l.get("said"), l.get("said_in"), l.get("ambiguous"))
			assert [said(l) for l in close[:3]] == [
			    ("site7.cdn.example", "tls", None),
			    ("site8.cdn.example", "http", None),
			    (None, "tls", True)], close
			assert [l.get("ambiguous") for l in log if l["event"] == "open"] == \
			    [True] * 4, log
			deny = [l for l in log if l["event"] == "deny" and l["proto"] == "tcp"]
			assert said(deny[0]) == ("site9.cdn.example", "tls", None), deny
			assert "fronting" in deny[0]["reason"], deny
			# and who it was
			assert all(l["program"] == "curl" for l in close + deny), log
		END
	done
}
