#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# bounds.bats - what happens at a bound (THREATS F4, F14, T22), and at the end
# of CMD; each in a network namespace of its own, with an echo server

bats_require_minimum_version 1.5.0

setup()
{
	load lib.bash
	can_own_namespaces || must_skip "no network namespace can be made"
	cd "$BATS_TEST_TMPDIR" || return
	export POSTERN
	cat >serve.py <<-'END'
		import asyncio, resource
		resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
		async def talk(r, w):
		    n = 0
		    try:
		        while data := await r.read(65536):
		            n += len(data)
		            if n < 100:
		                w.write(data)
		        print("whole", n, flush=True)
		    except ConnectionError:
		        print("reset", n, flush=True)
		    w.close()
		async def main():
		    s = await asyncio.start_server(talk, "0.0.0.0", 7001)
		    print("ready", flush=True)
		    await s.serve_forever()
		asyncio.run(main())
	END
	cat >inside.sh <<-'END'
		ip link set lo up
		python3 serve.py >served 3>&- & server=$!
		for i in $(seq 100); do grep -q ready served && break; sleep 0.05; done
		. ./body.sh
		status=$?
		sleep 0.3
		kill $server
		exit $status
	END
}

# Runs stdin as a shell script in a fresh namespace, beside the server.
in_fresh_net()
{
	cat >body.sh
	if [ "$(id -u)" = 0 ]; then
		timeout 60 unshare -n bash inside.sh
	else
		timeout 60 unshare -Urn bash inside.sh
	fi
}

@test "out of descriptors: new flows are refused, old ones live, it recovers" {
	cat >many.py <<-'END'
		import socket
		kept, refused = [], 0
		for i in range(100):
		    s = socket.socket()
		    s.settimeout(5)
		    try:
		        s.connect(("10.0.2.2", 7001))
		        s.send(b"x")
		        assert s.recv(1) == b"x"
		        kept.append(s)
		    except ConnectionRefusedError:
		        refused += 1
		print(len(kept) >= 16 and refused > 0, len(kept) + refused)
		for s in kept:
		    s.send(b"y")
		    assert s.recv(1) == b"y"
		    s.close()
		for i in range(50):
		    try:
		        s = socket.create_connection(("10.0.2.2", 7001), 5)
		        break
		    except ConnectionRefusedError:
		        pass
		s.send(b"z")
		print(s.recv(1))
	END
	run in_fresh_net <<-'END'
		prlimit --nofile=128:128 "$POSTERN" do --frontend=link \
			--allow 127.0.0.1:7001 -- python3 many.py
	END
	echo "$output"
	[ "$status" = 0 ]
	[[ $output == *"True 100"*"b'z'"* ]]
}

@test "an address that the host gets later is closed, too" {
	run in_fresh_net <<-'END'
		ip route add 10.88.0.0/16 dev lo
		"$POSTERN" do --frontend=link -- bash -c '
			touch started
			until [ -e added ]; do sleep 0.05; done
			: >/dev/tcp/10.88.0.1/7001' 2>err &
		until [ -e started ]; do sleep 0.05; done
		ip addr add 10.88.0.1/32 dev lo
		touch added
		! wait $!
	END
	cat err
	[ "$status" = 0 ]
	grep -q 'denied 10.88.0.1:7001/tcp' err
	run ! grep -q whole served
}

@test "what CMD wrote before it ended arrives" {
	run in_fresh_net <<-'END'
		"$POSTERN" do --frontend=link --allow 127.0.0.1:7001 -- python3 -c '
		import os, socket
		s = socket.create_connection(("10.0.2.2", 7001))
		s.sendall(b"x" * 2000000)
		os._exit(7)'
	END
	echo "$output"
	[ "$status" = 7 ]
	grep -q 'whole 2000000' served
}

@test "a thousand abortive closes leave no descriptor" {
	cat >abort.py <<-'END'
		import socket, struct
		for i in range(1000):
		    s = socket.create_connection(("10.0.2.2", 7001), 5)
		    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
		                 struct.pack("ii", 1, 0))
		    s.close()
	END
	run in_fresh_net <<-'END'
		prlimit --nofile=200:200 "$POSTERN" do --frontend=link \
			--allow 127.0.0.1:7001 -- python3 abort.py
	END
	echo "$output"
	[ "$status" = 0 ]
}
