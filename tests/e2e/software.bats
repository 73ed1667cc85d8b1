#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# software.bats - real programs in the sandbox, real servers in the rig's net

bats_require_minimum_version 1.5.0

setup_file()
{
	load lib.bash
	load servers.bash
	can_own_namespaces ||
		{ file_skips "no network namespace can be made here"; return; }
	rig_up
	WAYS=$(ways_and_bare)
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
	load servers.bash
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
	nginx_up off <<-CONF
		server {
			listen 80;
			listen [::]:80;
			listen 443 ssl;
			listen [::]:443 ssl;
			ssl_certificate $d/cert.pem;
			ssl_certificate_key $d/key.pem;
			root $d/www;
		}
	CONF
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
	go_get_built
	for way in $WAYS; do
		run -0 postern_do "$way" -- "$RIG_DIR/get-go" http://www.rig.test/
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

# equally FILE COMMAND... - native output, and the same in every way's sandbox
equally()
{
	local name=$1

	shift
	postern_do native -- "$@" >"$name.native" 2>"$name.err" || {
		cat "$name.native" "$name.err"
		return 1
	}
	[ -s "$name.native" ]
	for way in $WAYS; do
		postern_do "$way" -- "$@" >"$name.$way" 2>"$name.err" || {
			echo "$way: $?"
			cat "$name.$way" "$name.err"
			return 1
		}
		diff -u "$name.native" "$name.$way" || {
			echo "$way differs from native"
			cat "$name.err"
			return 1
		}
	done
}

@test "Java, blocking and NIO, client and server" {
	mkdir -p "$RIG_DIR/java"
	[ -e "$RIG_DIR/java/Talk.class" ] ||
		javac -d "$RIG_DIR/java" "$TOP/tests/e2e/Talk.java"
	equally java java -Xshare:auto -cp "$RIG_DIR/java" Talk $NET4 $NET6
	# it did what it should, not merely the same
	[ "$(grep -c ' 20$' java.native)" = 2 ]
	[ "$(grep -c ' 100$' java.native)" = 2 ]
	grep -qx 'server 50' java.native
}

@test "a static Go client and server" {
	[ -x "$RIG_DIR/go-talk" ] || CGO_ENABLED=0 GO111MODULE=off \
		GOCACHE=${XDG_CACHE_HOME:-/tmp}/postern-go GOFLAGS=-p=2 \
		go build -o "$RIG_DIR/go-talk" "$TOP/tests/e2e/talk.go"
	ldd "$RIG_DIR/go-talk" 2>&1 | grep -q 'not a dynamic'
	equally go "$RIG_DIR/go-talk" $NET4 $NET6
	[ "$(grep -c '^echoes 50$' go.native)" = 2 ]
	grep -qx 'pages 100 true' go.native
	grep -qx 'reset true' go.native
}

@test "a node server, cluster of two, datagrams, inside" {
	cat >server.js <<-'JS'
		const cluster = require('cluster'), http = require('http');
		const dgram = require('dgram'), os = require('os');
		if (!cluster.isPrimary) {
			http.createServer((q, r) => q.pipe(r)).listen(
				Number(process.env.PORT), '127.0.0.1');
			return;
		}
		const port = 20000 + process.pid % 10000;
		const agent = new http.Agent({ keepAlive: true, maxSockets: 10 });
		const post = i => new Promise((yes, no) => {
			const body = `number ${i} `.repeat(3000);
			const q = http.request({ port, host: '127.0.0.1', agent,
				method: 'POST' }, r => {
				let s = '';
				r.on('data', d => s += d);
				r.on('end', () => yes(s === body));
			});
			q.on('error', no).end(body);
		});
		let ready = 0;
		cluster.on('listening', async () => {
			if (++ready < 2) return;
			const all = await Promise.all(
				[...Array(200).keys()].map(post));
			console.log('posts', all.filter(x => x).length);
			const s = dgram.createSocket('udp6');
			s.on('message', (m, from) => {
				console.log(String(m), from.address);
				process.exit(0);
			}).bind(0, '::1', () => s.send('to itself',
				s.address().port, '::1'));
		});
		console.log('lo' in os.networkInterfaces());
		cluster.fork({ PORT: port });
		cluster.fork({ PORT: port });
	JS
	equally node node server.js
	grep -qx 'posts 200' node.native
}

@test "redis-server and redis-benchmark inside" {
	cat >redis.sh <<-'SH'
		redis-server --save '' --appendonly no --port "$1" --bind 127.0.0.1 \
			--io-threads 2 --dir . >redis.log &
		until redis-cli -p "$1" ping >/dev/null 2>&1; do
			kill -0 $! || exit 1
		done
		redis-cli -p "$1" set key value
		redis-cli -p "$1" get key
		redis-benchmark -p "$1" -n 4000 -c 50 -P 8 -q -t set,get,lpush,lrange_100 |
			tr '\r' '\n' | sed -n 's/: .* requests per second.*//p'
		redis-cli -p "$1" info clients | grep -c connected_clients
		redis-cli -p "$1" shutdown nosave
		wait $!
		echo "ended $?"
	SH
	equally redis dash redis.sh 16379
	grep -qx 'ended 0' redis.native
}

@test "nginx with sendfile and two workers inside" {
	[ -z "$RIG_ENTER" ] ||
		must_skip "nginx that is root needs another id for its workers"
	cat >nginx.conf <<-CONF
		daemon off;
		worker_processes 2;
		pid nginx.pid;
		error_log nginx.log;
		events { worker_connections 512; }
		http {
			access_log off;
			sendfile on;
			tcp_nopush on;
			client_body_temp_path body;
			proxy_temp_path proxy;
			fastcgi_temp_path fastcgi;
			uwsgi_temp_path uwsgi;
			scgi_temp_path scgi;
			server {
				listen 127.0.0.1:18080 reuseport;
				listen [::1]:18080 ipv6only=on;
				root $RIG_DIR/nginx/www;
				location /up/ { proxy_pass http://$NET4/; }
			}
		}
	CONF
	cat >nginx.sh <<-'SH'
		rm -f got.*
		nginx -e nginx.log -p "$PWD" -c nginx.conf &
		until curl -s -o /dev/null http://127.0.0.1:18080/; do
			kill -0 $! || exit 1
		done
		pgrep -cP $!
		curl -sS --max-time 40 http://127.0.0.1:18080/big | sha256sum
		curl -sS --max-time 40 'http://[::1]:18080/big' | sha256sum
		curl -sS --max-time 40 http://127.0.0.1:18080/up/big | sha256sum
		curl -sS -r 1000000-1999999 http://127.0.0.1:18080/big | sha256sum
		for i in $(seq 100); do
			echo "url = http://127.0.0.1:18080/?$i"
			echo "output = got.$i"
		done >list
		curl -sS --no-progress-meter --parallel --parallel-max 50 -K list
		cat got.* | sort | uniq -c | tr -s ' '
		kill -QUIT $!
		wait $!
		echo "ended $?"
	SH
	equally nginx dash nginx.sh
	[ "$(head -n 1 nginx.native)" = 2 ]
	[ "$(grep -c "$(sha256sum <"$RIG_DIR/nginx/www/big")" nginx.native)" = 3 ]
	grep -qx ' 100 a page of the rig' nginx.native
}

@test "sshd with ssh and scp inside" {
	need_sshd
	cat >sshd.sh <<-'SH'
		dir=$1
		shift
		rm -f copy key
		cp "$dir/user_key" key # each user has his own
		chmod 600 key
		cat >sshd.conf <<-CONF
			HostKey $PWD/host
			AuthorizedKeysFile $dir/authorized
			StrictModes no
			UsePAM no
			PidFile none
			ListenAddress 127.0.0.1:12222
			Subsystem sftp internal-sftp
		CONF
		[ -e host ] || ssh-keygen -q -t ed25519 -N '' -f host
		/usr/sbin/sshd -D -e -f sshd.conf 2>sshd.log &
		sshd=$!
		until ssh -p 12222 "$@" 127.0.0.1 true 2>/dev/null; do
			kill -0 $sshd || exit 1
		done
		ssh -p 12222 "$@" 127.0.0.1 'echo over ssh; exit 3'
		echo "status $?"
		scp -q -P 12222 "$@" "127.0.0.1:$dir/nginx/www/big" copy
		sha256sum <copy
		# a forwarded port: another listener, another connection
		ssh -p 12222 "$@" -o ExitOnForwardFailure=yes -f -N \
			-L 12223:127.0.0.1:12222 127.0.0.1
		ssh -p 12223 "$@" 127.0.0.1 echo through
		pkill -P $sshd
		kill $sshd
		wait $sshd
	SH
	DO_TIMEOUT=50 equally sshd dash sshd.sh "$RIG_DIR" $SSH_OPTIONS -i key
	grep -qx 'status 3' sshd.native
	grep -qx through sshd.native
}

@test "git daemon inside, clone, fetch, push" {
	cat >git.sh <<-'SH'
		rm -rf served there
		git init -q --bare served/repo.git
		git -C "$1" push -q "$PWD/served/repo.git" HEAD:refs/heads/master
		git daemon --reuseaddr --base-path=served --export-all \
			--enable=receive-pack --listen=127.0.0.1 --port=19418 served &
		until git ls-remote -q git://127.0.0.1:19418/repo.git >/dev/null 2>&1
		do
			kill -0 $! || exit 1
		done
		git clone -q git://127.0.0.1:19418/repo.git there
		cd there || exit
		git log --format=%s
		git -c user.name=rig -c user.email=rig@rig.test commit -q \
			--allow-empty -m 'from inside'
		git push -q origin HEAD
		git ls-remote -q origin master | wc -l
		git fsck --strict
		kill $!
	SH
	git -C "$RIG_DIR/nginx/src" config --system --get safe.directory || :
	HOME=$PWD equally git env GIT_CONFIG_COUNT=1 \
		GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*' \
		dash git.sh "$RIG_DIR/nginx/src"
	[ "$(grep -c '^number' git.native)" = 5 ]
}

# A mirror of Debian with one package that is made here
make_mirror()
{
	local d=$RIG_DIR/nginx/www/mirror

	[ ! -e "$d" ] || return 0
	mkdir -p "$d" build/DEBIAN build/usr/share/rig
	printf '%s\n' 'Package: rig-test' 'Version: 1.0' 'Architecture: all' \
		'Maintainer: rig <rig@rig.test>' 'Description: of the rig' \
		>build/DEBIAN/control
	head -c 300000 /dev/urandom >build/usr/share/rig/bytes
	dpkg-deb --root-owner-group -b build \
		"$d/rig-test_1.0_all.deb" >/dev/null
	(
		cd "$d"
		{
			cat "$OLDPWD/build/DEBIAN/control"
			echo "Filename: ./rig-test_1.0_all.deb"
			echo "Size: $(stat -c %s rig-test_1.0_all.deb)"
			echo "SHA256: $(sha256sum rig-test_1.0_all.deb |
				cut -d ' ' -f 1)"
		} >Packages
		gzip -k9 Packages
		{
			echo 'Suite: rig'
			echo "Date: $(date -Ru)"
			echo 'SHA256:'
			for f in Packages Packages.gz; do
				echo " $(sha256sum $f | cut -d ' ' -f 1)" \
					"$(stat -c %s $f) $f"
			done
		} >Release
	)
	chmod -R a+rX "$d"
}

@test "apt-get update and download from a mirror of the rig" {
	make_mirror
	cat >apt.sh <<-'SH'
		rm -rf apt *.deb
		mkdir -p apt/lists/partial apt/cache/archives/partial apt/etc
		: >apt/status
		echo "deb [trusted=yes] http://www.rig.test/mirror ./" >apt/sources
		set -- -q -o Dir::State="$PWD/apt" -o Dir::State::status="$PWD/apt/status" \
			-o Dir::State::lists="$PWD/apt/lists" -o Dir::Cache="$PWD/apt/cache" \
			-o Dir::Etc="$PWD/apt/etc" -o Dir::Etc::sourcelist="$PWD/apt/sources" \
			-o APT::Sandbox::User= -o Acquire::Retries=0 \
			-o Acquire::http::Proxy=false
		apt-get "$@" update | sed -n 's/^Get:[0-9]* \([^ ]*\) .*/\1/p'
		apt-get "$@" download rig-test >download.log 2>&1 || cat download.log
		sha256sum rig-test_1.0_all.deb
	SH
	equally apt dash apt.sh
	grep -q "^$(sha256sum <"$RIG_DIR/nginx/www/mirror/rig-test_1.0_all.deb" |
		cut -d ' ' -f 1)" apt.native
}

@test "gdb and strace of a child" {
	install -m 755 "$POSTERN_BUILD/tests/programs/program_echo" program
	cat >debug.sh <<-'SH'
		strace -f -qq -o strace.log -e trace=network curl -sS "http://$1/"
		grep -c 'connect(.*sin_port=htons(80)' strace.log
		grep -c 'getpeername(' strace.log | sed 's/[1-9][0-9]*/some/'
		gdb -nx -batch -ex 'set confirm off' -ex 'set startup-with-shell off' \
			-ex 'break connect' -ex run -ex 'print $_siginfo' -ex bt \
			-ex 'delete' -ex continue --args ./program "$@" 2>gdb.err |
			grep -a -e '^Breakpoint 1, ' -e 'exited normally' \
			-e '^echo' | sed 's/0x[0-9a-f]*//;s/Breakpoint 1, .*connect.*/stopped/;s/process [0-9]*/process/'
	SH
	equally debug dash debug.sh $NET4 $NET6
	cat debug.native
	grep -q 'exited normally' debug.native
	grep -q stopped debug.native
}

@test "an environment with nothing in it" {
	for way in $WAYS; do
		[ "$way" != bare ] || continue # postern is not started by us
		option=$(way_option "$way")
		run -0 as_user env -i "$POSTERN" do $option -- \
			/usr/bin/curl -sS --max-time 20 http://www.rig.test/
		[ "$output" = "a page of the rig" ]
	done
}
