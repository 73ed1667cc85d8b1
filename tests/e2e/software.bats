#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# software.bats - real programs in the sandbox, real servers in the rig's net

bats_require_minimum_version 1.5.0

setup_file()
{
	load lib.bash
	can_own_namespaces || must_skip "no network namespace can be made here"
	rig_up
	WAYS=$(ways)
	export WAYS
	start_nginx
	start_resolver
	start_sshd
	background iperf3 in_net iperf3 -s
	background redis in_net redis-server --save '' --appendonly no \
		--bind 0.0.0.0 --protected-mode no --dir "$RIG_DIR"
	background peer in_net "$POSTERN_BUILD/tests/programs/peer" \
		$NET4 $NET6
	eventually tcp_listens in_net 80
	eventually tcp_listens in_net 443
	eventually tcp_listens in_net 5201
	eventually tcp_listens in_net 6379
	eventually tcp_listens in_net 7001
	eventually udp_listens in_net 53
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

# --- servers ---------------------------------------------------------------------

start_nginx()
{
	local d=$RIG_DIR/nginx

	mkdir -p "$d/www"
	# a certificate authority of our own, and one server
	openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj '/CN=rig CA' \
		-keyout "$d/ca.key" -out "$RIG_DIR/ca.pem" 2>/dev/null
	openssl req -newkey rsa:2048 -nodes -subj '/CN=www.rig.test' \
		-keyout "$d/key.pem" -out "$d/csr.pem" 2>/dev/null
	openssl x509 -req -in "$d/csr.pem" -CA "$RIG_DIR/ca.pem" \
		-CAkey "$d/ca.key" -CAcreateserial -days 30 -out "$d/cert.pem" \
		-extfile <(echo "subjectAltName=DNS:www.rig.test,IP:$NET4") \
		2>/dev/null
	chmod 755 "$RIG_DIR" "$d" "$d/www"
	echo 'a page of the rig' >"$d/www/index.html"
	head -c 20000000 /dev/urandom >"$d/www/big"
	git init -q --bare "$d/www/repo.git"
	git init -q "$d/src"
	(
		cd "$d/src"
		for i in 1 2 3 4 5; do
			head -c 200000 /dev/urandom >"file$i"
			git add .
			git -c user.name=rig -c user.email=rig@rig.test \
				commit -qm "number $i"
		done
		git push -q ../www/repo.git HEAD:refs/heads/master
	)
	git -C "$d/www/repo.git" update-server-info
	cat >"$d/conf" <<-CONF
		user root;
		daemon off;
		pid $d/pid;
		error_log $d/error.log;
		events { worker_connections 1024; }
		http {
			access_log off;
			client_body_temp_path $d/body;
			proxy_temp_path $d/proxy;
			fastcgi_temp_path $d/fastcgi;
			uwsgi_temp_path $d/uwsgi;
			scgi_temp_path $d/scgi;
			server {
				listen 80;
				listen [::]:80;
				listen 443 ssl;
				listen [::]:443 ssl;
				ssl_certificate $d/cert.pem;
				ssl_certificate_key $d/key.pem;
				root $d/www;
			}
		}
	CONF
	background nginx in_net nginx -e "$d/error.log" -p "$d" -c "$d/conf"
}

start_resolver()
{
	cat >"$RIG_DIR/dnsmasq.conf" <<-CONF
		no-daemon
		no-resolv
		no-hosts
		user=root
		bind-interfaces
		listen-address=$NET4
		host-record=www.rig.test,$NET4,$NET6
		host-record=peer.rig.test,$NET4,$NET6
		txt-record=text.rig.test,"some text"
		mx-host=rig.test,www.rig.test,10
		local=/test/
	CONF
	background dnsmasq in_net dnsmasq -C "$RIG_DIR/dnsmasq.conf"
	# the host's resolver, in the rig's own mount namespace
	echo "nameserver $NET4" >"$RIG_DIR/resolv.conf"
	in_host mount --bind "$RIG_DIR/resolv.conf" /etc/resolv.conf
}

start_sshd()
{
	[ -z "$RIG_ENTER" ] || return 0 # sshd wants a whole root
	mkdir -p /run/sshd
	ssh-keygen -q -t ed25519 -N '' -f "$RIG_DIR/host_key"
	ssh-keygen -q -t ed25519 -N '' -f "$RIG_DIR/user_key"
	cp "$RIG_DIR/user_key.pub" "$RIG_DIR/authorized"
	chown $LIB_UID "$RIG_DIR/user_key"
	cat >"$RIG_DIR/sshd.conf" <<-CONF
		HostKey $RIG_DIR/host_key
		AuthorizedKeysFile $RIG_DIR/authorized
		StrictModes no
		UsePAM no
		PermitRootLogin prohibit-password
		PidFile none
		Subsystem sftp internal-sftp
	CONF
	background sshd in_net /usr/sbin/sshd -D -e -f "$RIG_DIR/sshd.conf"
	eventually tcp_listens in_net 22
}

need_sshd()
{
	tcp_listens in_net 22 || must_skip "sshd needs a whole root"
	# ssh wants its user to have a name
	getent passwd $LIB_UID >/dev/null ||
		useradd --uid $LIB_UID --no-create-home postern-test
}

SSH_OPTIONS='-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null
	-o LogLevel=ERROR -o BatchMode=yes -o ConnectTimeout=20'

# --- programs ----------------------------------------------------------------------

@test "curl over HTTP, by address and by name, both versions" {
	for way in $WAYS; do
		for url in "http://$NET4/" "http://[$NET6]/" \
			"http://www.rig.test/"; do
			run -0 postern_do "$way" -- curl -sS --max-time 20 "$url"
			[ "$output" = "a page of the rig" ] || {
				echo "$way $url: $output"
				false
			}
		done
		run -0 postern_do "$way" -- curl -6 -sS --max-time 20 \
			http://www.rig.test/
	done
}

@test "curl over TLS with a local authority" {
	for way in $WAYS; do
		run -0 postern_do "$way" -- curl -sS --max-time 20 \
			--cacert "$RIG_DIR/ca.pem" https://www.rig.test/
		[ "$output" = "a page of the rig" ]
		# and without the authority it fails as it should
		run -60 postern_do "$way" -- curl -sS --max-time 20 \
			https://www.rig.test/
	done
}

@test "200 requests in parallel" {
	for i in $(seq 200); do
		echo "url = \"https://www.rig.test/?$i\""
		echo "output = \"out$i\""
	done >config
	for way in $WAYS; do
		rm -f out*
		postern_do "$way" -- curl -sS --no-progress-meter --parallel \
			--parallel-max 200 --max-time 50 \
			--cacert "$RIG_DIR/ca.pem" -K config
		[ "$(cat out* | sort | uniq -c | tr -s ' ')" = \
			" 200 a page of the rig" ]
	done
}

@test "curl reports refused and unreachable as natively" {
	for way in $WAYS; do
		run -7 postern_do "$way" -- curl -sS --max-time 20 "http://$NET4:1/"
		run -7 postern_do "$way" -- curl -sS --max-time 20 \
			http://198.51.100.1/
		run -6 postern_do "$way" -- curl -sS --max-time 20 \
			http://no-such-name.rig.test/
	done
}

@test "python3 asyncio: 300 echoes at once" {
	cat >echo.py <<-'PY'
		import asyncio, sys
		async def one(host, i):
		    r, w = await asyncio.open_connection(host, 7001)
		    data = b"%d " % i * 500
		    w.write(data)
		    await w.drain()
		    w.write_eof()
		    back = await r.read(-1)
		    w.close()
		    return back == data + b"EOFSEEN"
		async def main():
		    hosts = sys.argv[1:]
		    right = await asyncio.gather(
		        *(one(hosts[i % len(hosts)], i) for i in range(300)))
		    print(sum(right))
		asyncio.run(main())
	PY
	for way in $WAYS; do
		run -0 postern_do "$way" -- /usr/bin/python3 echo.py $NET4 $NET6
		[ "$output" = 300 ]
	done
}

@test "node: fetch, net and dns" {
	cat >net.js <<-'JS'
		const net = require('net'), http = require('http');
		const dns = require('dns').promises;
		(async () => {
			const a = await dns.lookup('www.rig.test', { family: 4 });
			console.log(a.address);
			const body = await new Promise((yes, no) => http.get(
				'http://www.rig.test/', r => {
					let s = '';
					r.on('data', d => s += d).on('end', () => yes(s));
				}).on('error', no));
			console.log(body.trim());
			const s = net.connect(7001, 'peer.rig.test');
			s.end('from node');
			let back = '';
			for await (const d of s) back += d;
			console.log(back);
		})();
	JS
	for way in $WAYS; do
		run -0 postern_do "$way" -- node net.js
		[ "${lines[0]}" = "$NET4" ]
		[ "${lines[1]}" = "a page of the rig" ]
		[ "${lines[2]}" = "from nodeEOFSEEN" ]
	done
}

@test "git clone over http" {
	for way in $WAYS; do
		rm -rf clone
		postern_do "$way" -- git clone -q http://www.rig.test/repo.git clone
		[ "$(git -C clone -c safe.directory='*' rev-list --count HEAD)" = 5 ]
		git -C clone -c safe.directory='*' fsck --strict
	done
}

@test "ssh, scp and git clone over ssh" {
	need_sshd
	for way in $WAYS; do
		run -0 postern_do "$way" -- ssh $SSH_OPTIONS \
			-i "$RIG_DIR/user_key" root@www.rig.test 'echo over ssh'
		[ "$output" = "over ssh" ]
		run -5 postern_do "$way" -- ssh $SSH_OPTIONS \
			-i "$RIG_DIR/user_key" root@$NET4 'exit 5'
		rm -f big
		postern_do "$way" -- scp -q $SSH_OPTIONS -i "$RIG_DIR/user_key" \
			"root@$NET4:$RIG_DIR/nginx/www/big" big
		cmp big "$RIG_DIR/nginx/www/big"
		rm -rf clone
		GIT_SSH_COMMAND="ssh $(echo $SSH_OPTIONS) -i $RIG_DIR/user_key" \
			postern_do "$way" -- git clone -q \
			"ssh://root@$NET4$RIG_DIR/nginx/www/repo.git" clone
		[ "$(git -C clone -c safe.directory='*' rev-list --count HEAD)" = 5 ]
	done
}

@test "iperf3 in both directions, TCP and UDP" {
	for way in $WAYS; do
		postern_do "$way" -- iperf3 -c $NET4 -t 1 -J >up
		postern_do "$way" -- iperf3 -c $NET4 -t 1 -R -J >down
		postern_do "$way" -- iperf3 -c $NET6 -t 1 -P 4 -J >four
		postern_do "$way" -- iperf3 -c $NET4 -u -b 50M -t 1 -J >udp
		/usr/bin/python3 - <<-'PY'
			import json
			for name in "up", "down", "four":
			    end = json.load(open(name))["end"]
			    assert end["sum_received"]["bytes"] > 1e6, (name, end)
			end = json.load(open("udp"))["end"]["sum"]
			assert end["packets"] > 100, end
			assert end["lost_percent"] < 5, end
		PY
	done
}

@test "dig asks the resolver and any server, UDP and TCP" {
	for way in $WAYS; do
		run -0 postern_do "$way" -- dig +short +time=5 www.rig.test
		[ "$output" = "$NET4" ]
		run -0 postern_do "$way" -- dig +short +tcp www.rig.test AAAA
		[ "$output" = "$NET6" ]
		run -0 postern_do "$way" -- dig +short "@$NET4" text.rig.test TXT
		[ "$output" = '"some text"' ]
		run -0 postern_do "$way" -- getent ahosts peer.rig.test
		[[ $output == *"$NET4"* && $output == *"$NET6"* ]]
	done
}

@test "redis: commands, pipelines, a benchmark" {
	for way in $WAYS; do
		run -0 postern_do "$way" -- redis-cli -h $NET4 set key "$way"
		run -0 postern_do "$way" -- redis-cli -h $NET4 get key
		[ "$output" = "$way" ]
		run -0 postern_do "$way" -- redis-benchmark -h $NET4 -n 5000 \
			-c 50 -P 4 -q -t set,get
		[[ $output == *GET:*"requests per second"* ]]
	done
}

@test "static and cgo-less Go finds names and speaks" {
	if ! command -v go >/dev/null; then
		must_skip "no Go compiler"
	fi
	if [ ! -x "$RIG_DIR/go-get" ]; then
		cat >get.go <<-'GO'
			package main
			import ("fmt"; "io"; "net/http"; "os")
			func main() {
				r, err := http.Get(os.Args[1])
				if err != nil { fmt.Println(err); os.Exit(1) }
				b, _ := io.ReadAll(r.Body)
				fmt.Print(string(b))
			}
		GO
		CGO_ENABLED=0 GO111MODULE=off GOCACHE=${XDG_CACHE_HOME:-/tmp}/postern-go \
			GOFLAGS=-p=2 go build -o "$RIG_DIR/go-get" get.go
	fi
	for way in $WAYS; do
		run -0 postern_do "$way" -- "$RIG_DIR/go-get" http://www.rig.test/
		[ "$output" = "a page of the rig" ]
	done
}

@test "a static musl program finds names and speaks" {
	cat >get.c <<-'C'
		#include <netdb.h>
		#include <stdio.h>
		#include <string.h>
		#include <sys/socket.h>
		#include <unistd.h>
		int main(int argc, char **argv)
		{
			struct addrinfo *a, hint = {.ai_socktype = SOCK_STREAM};
			char buf[64] = "";
			int fd, e = getaddrinfo(argv[1], "7001", &hint, &a);
			if (e) return puts(gai_strerror(e)), 1;
			fd = socket(a->ai_family, a->ai_socktype, 0);
			if (connect(fd, a->ai_addr, a->ai_addrlen)) return perror("connect"), 1;
			write(fd, "musl", 4);
			read(fd, buf, 4);
			puts(buf);
			return 0;
		}
	C
	musl-gcc -static -o get get.c
	for way in $WAYS; do
		run -0 postern_do "$way" -- ./get peer.rig.test
		[ "$output" = musl ]
	done
}

@test "an environment with nothing in it" {
	for way in $WAYS; do
		option=$(way_option "$way")
		run -0 as_user env -i "$POSTERN" do $option -- \
			/usr/bin/curl -sS --max-time 20 http://www.rig.test/
		[ "$output" = "a page of the rig" ]
	done
}
