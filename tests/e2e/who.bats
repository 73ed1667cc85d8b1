#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# who.bats - the process behind a denial and a flow, in every way that works
# here: tap, veth, sockets; bare and in bwrap; as a child, a thread, by UDP

bats_require_minimum_version 1.5.0

setup_file()
{
	load lib.bash
	WAYS=$(ways)
	export WAYS
}

setup()
{
	load lib.bash
	cd "$BATS_TEST_TMPDIR" || return
	[ -n "$WAYS" ] || must_skip "no frontend works here"
	cat >thread.py <<-'END'
		import socket, threading
		def go():
		    try: socket.create_connection(("10.0.2.2", 2))
		    except OSError: pass
		t = threading.Thread(target=go); t.start(); t.join()
	END
	cat >datagram.py <<-'END'
		import socket, time
		s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		try: s.sendto(b"x", ("10.0.2.2", 3))
		except OSError: pass
		time.sleep(.3)
	END
	# as Java does it, and as those who know their interface do
	cat >odd-sockets.py <<-'END'
		import socket
		def tcp(s, to):
		    try: s.connect(to)
		    except OSError: pass
		tcp(socket.socket(socket.AF_INET6), ("::ffff:10.0.2.2", 5))
		s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
		try: s.sendto(b"x", ("::ffff:10.0.2.2", 6))
		except OSError: pass
		import time; time.sleep(.2)
		s = socket.socket()
		try: s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"tap0")
		except OSError: pass
		tcp(s, ("10.0.2.2", 7))
	END
	cat >waits.py <<-'END'
		import socket, sys
		open("/proc/self/comm", "w").write('a"\\\n\x1bb')
		try: socket.create_connection(("10.0.2.2", 1))
		except OSError: pass
		open(sys.argv[1]).read()
	END
}

# p WAY OPTION... -- CMD: stdout in ./out, stderr in ./err
p()
{
	local way=$1

	shift
	# shellcheck disable=SC2046
	timeout 30 "$POSTERN" "do" $(way_option "$way") "$@" \
		>out 2>err </dev/null
}

# by NAME PORT/PROTO - the one line about it names this program, alive or not
by()
{
	[ "$(grep -Ec "^postern: denied 127.0.0.1:$2 \(.*\) by $1\[[0-9]+\]; allow with" err)" = 1 ] ||
		{ echo "not once by $1: $2"; cat err; false; }
}

@test "a child of a child, a thread, a datagram: each line says by whom" {
	local way

	for way in $WAYS; do
		echo "$way"
		p "$way" -- sh -c 'sh -c "curl -s http://10.0.2.2:1 || :"' || :
		by curl 1/tcp
		p "$way" -- python3 thread.py
		by 'python3[0-9.]*' 2/tcp
		p "$way" -- python3 datagram.py
		by 'python3[0-9.]*' 3/udp
		# the kernel tells of ping's sockets elsewhere than of others;
		# under sockets ping needs ping sockets of the host
		p "$way" -- ping -c 1 -W 1 169.254.169.254 || :
		[ "$way" = sockets ] || grep -Eq '^postern: denied 169.254.169.254/icmp \(.*\) by ping\[[0-9]+\]; allow with' err
		p "$way" -- python3 odd-sockets.py
		by 'python3[0-9.]*' 5/tcp
		by 'python3[0-9.]*' 6/udp
		by 'python3[0-9.]*' 7/tcp
		# an orphan in a session of its own
		p "$way" -- sh -c '(setsid sh -c "sleep .1; curl -s http://10.0.2.2:4" &)
			sleep .4; :'
		by curl 4/tcp
	done
}

@test "two programs that are refused the same are two lines, one twice is one" {
	local way

	cp "$(command -v curl)" mycurl
	for way in $WAYS; do
		p "$way" -- sh -c 'for i in 1 2 3; do curl -s http://10.0.2.2:1
			./mycurl -s http://10.0.2.2:1; done; :'
		by curl 1/tcp
		by mycurl 1/tcp
		[ "$(grep -c denied err)" = 2 ]
	done
}

@test "the number is that of a process that is there, with its name" {
	local way pid

	for way in $WAYS; do
		mkfifo "stop-$way"
		# shellcheck disable=SC2046
		timeout 30 "$POSTERN" "do" $(way_option "$way") --log log -- \
			python3 waits.py "stop-$way" >out 2>err </dev/null 3>&- &
		eventually grep -q 'by python3.*\[' err
		pid=$(sed -n 's/.* by python3[^[]*\[\([0-9]*\)\].*/\1/p' err)
		tr '\0' ' ' <"/proc/$pid/cmdline" | grep -Fq "stop-$way"
		echo >"stop-$way"
		wait $!
		# what it calls itself is text, whatever it looks like
		grep -Fq '"comm":"a\"\\","exe"' log
		rm log err
	done
}

@test "in bwrap, with its pid namespace and without" {
	local way pids

	command -v bwrap >/dev/null || must_skip "no bwrap"
	bwrap --ro-bind / / --unshare-user true 2>/dev/null ||
		must_skip "bwrap does not work here"
	for pids in '' --unshare-pid; do
		# shellcheck disable=SC2086
		ways=$(bwrap --ro-bind / / --dev /dev --proc /proc \
			--unshare-user $pids -- "$POSTERN" check 2>/dev/null |
			awk '/^veth: *yes/ { print "veth" }
				/^sockets: *yes/ { print "sockets" }')
		for way in $ways; do
			# shellcheck disable=SC2086,SC2046
			timeout 30 bwrap --ro-bind / / --dev /dev --proc /proc \
				--unshare-user $pids -- "$POSTERN" "do" \
				$(way_option "$way") -- \
				curl -s http://10.0.2.2:1 2>err </dev/null || :
			by curl 1/tcp
		done
	done
}

@test "a line is there some milliseconds after the call began" {
	local way

	for way in $WAYS; do
		# shellcheck disable=SC2046
		timeout 60 python3 - "$POSTERN" "do" $(way_option "$way") \
			<<-'END' >delays
			import socket, statistics, subprocess, sys, time
			app = """
			import socket, sys, time
			for port in range(1, 9):
			    print(port, time.monotonic(), flush=True)
			    try: socket.create_connection(("10.0.2.2", port))
			    except OSError: pass
			    time.sleep(.05)
			"""
			p = subprocess.Popen(sys.argv[1:] + ["--", "python3", "-c", app],
			    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
			    stderr=subprocess.PIPE, text=True)
			delays = []
			for port in range(1, 9):
			    began = p.stdout.readline().split()
			    line = p.stderr.readline()
			    if "no namespace for the app here" in line:
			        line = p.stderr.readline()
			    now = time.monotonic()
			    assert began[0] == str(port) and f":{port}/tcp" in line, line
			    assert " by python3" in line, line
			    delays.append((now - float(began[1])) * 1000)
			p.wait()
			print("ms:", *[f"{d:.1f}" for d in sorted(delays)])
			sys.exit(statistics.median(delays) > 20)
		END
		echo "# $way: $(<delays)" >&3
	done
}

# sixteen_flows WAY - of as many processes at once; prints of how many of them
# the log tells the process. Which it tells must be right.
sixteen_flows()
{
	rm -f log
	p "$1" --allow "127.0.0.1:$SERVE_PORT" --log log -- sh -c "
		for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do
			bash -c 'exec 3<>/dev/tcp/10.0.2.2/$SERVE_PORT
				sleep .3' &
		done; wait"
	eventually sh -c '[ "$(grep -c close log)" = 16 ]'
	python3 - <<-'END'
		import json
		lines = [json.loads(l) for l in open("log")]
		opens = [l for l in lines if l["event"] == "open"]
		assert len(opens) == 16, len(opens)
		told = [l for l in opens if "pid" in l]
		assert all(l["comm"] in ("bash", "sleep") for l in told), opens
		assert len({l["pid"] for l in told}) == len(told), opens
		print(len(told))
	END
}

@test "many at once: flows keep their processes, in the log" {
	local way port told

	serve 127.0.0.1
	for way in $WAYS; do
		# best effort: on a busy machine the answer may be late
		for _ in 1 2 3 4 5 6; do
			told=$(sixteen_flows "$way")
			[ "$told" -lt 12 ] || break
		done
		[ "$told" -ge 12 ]
		# refused by the host, and gone at once
		rm -f log
		p "$way" --allow 127.0.0.1:1 --log log -- \
			curl -s http://10.0.2.2:1 || [ $? = 7 ]
		eventually grep -q '"event":"close".*"comm":"curl".*"error":"ECONNREFUSED"' log
		grep -q '"event":"open".*"comm":"curl"' log
	done
	serve_down
}

@test "what never is on a wire is refused with a line, too" {
	local way

	cat >odd.py <<-'END'
		import socket, time
		def tcp(family, to):
		    s = socket.socket(family, socket.SOCK_STREAM)
		    s.settimeout(5)
		    try: s.connect(to)
		    except OSError as e: print(to[0], e.errno)
		tcp(socket.AF_INET, ("240.0.0.1", 80))
		index = [i for i, n in socket.if_nameindex() if n != "lo"]
		if index: tcp(socket.AF_INET6, ("fe80::77", 81, 0, index[0]))
		s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		try: s.sendto(b"x", ("239.1.2.3", 82))
		except OSError as e: print("239.1.2.3", e.errno)
		s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
		try: s.sendto(b"x", ("255.255.255.255", 83))
		except OSError as e: print("255.255.255.255", e.errno)
		time.sleep(.2)
	END
	for way in $WAYS; do
		echo "$way"
		p "$way" --log log -- python3 odd.py
		cat err
		grep -q '^postern: denied 240.0.0.1:80/tcp (multicast.*closed by default)' err
		grep -q '^postern: denied 239.1.2.3:82/udp (multicast.*closed by default)' err
		# what no rule would open is not offered
		grep '^postern: denied 255.255.255.255:83/udp' err >line
		absent 'allow with' line
		[ "$way" = sockets ] ||
			grep -q '^postern: denied \[fe80::77\]:81/tcp (link-local.*closed by default)' err
		check_log log
		grep -q '"event":"deny".*"host_addr":"239.1.2.3","host_port":82' log
		rm log
	done
}

@test "a flood of denied names and ports is a few lines, and counted" {
	local way

	cat >flood.py <<-'END'
		import socket, struct
		s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		s.connect(("10.0.2.3", 53)); s.settimeout(5)
		for i in range(1500):
		    name = b"".join(bytes([len(x)]) + x for x in
		                    (b"n%d" % i, b"x" * 63, b"example"))
		    s.send(struct.pack(">HHHHHH", i, 256, 1, 0, 0, 0) + name +
		           b"\0\0\1\0\1")
		    answer = s.recv(2000)
		    assert answer[3] & 15 == 3, answer[:12]
		for port in range(1, 1500):
		    try: socket.create_connection(("10.0.2.2", port), 5)
		    except OSError: pass
	END
	for way in $WAYS; do
		rm -f log
		p "$way" --allow other.example --log log -- python3 flood.py
		check_log log
		python3 - <<-'END'
			import json, re
			lines = [l for l in open("err").read().splitlines()]
			said = [l for l in lines if " denied " in l and "more denied" not in l]
			more = sum(int(re.search(r"and (\d+) more denied", l)[1])
			           for l in lines if "more denied" in l)
			log = [json.loads(l) for l in open("log")]
			took = (log[-1]["mono_ns"] - log[0]["mono_ns"]) / 1e9
			assert len(said) <= 10 * (took + 2), (len(said), took)
			# a SYN whose ICMP error was one too many comes again
			assert 2999 <= len(said) + more <= 3100, (len(said), more)
			# the log has each of them, or says how many it has not
			denied = sum(l["event"] == "deny" for l in log)
			lost = sum(l["lines"] for l in log if l["event"] == "dropped")
			assert 2999 <= denied + lost <= 3100, (denied, lost)
		END
	done
}
