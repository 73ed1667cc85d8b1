#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# nested.bats - a postern inside a postern can only narrow: whatever the inner
# one is told, the outer policy holds, on every frontend

bats_require_minimum_version 1.5.0

setup_file()
{
	load lib.bash
	WAYS=$(ways)
	export WAYS
	cd "$BATS_FILE_TMPDIR" || return
	# two servers that write down who came
	for name in open shut; do
		python3 -u - "$name" >"$name.port" 2>/dev/null 3>&- <<-'END' &
			import socket, sys
			s = socket.create_server(("127.0.0.1", 0))
			print(s.getsockname()[1], flush=True)
			while True:
			    c, _ = s.accept()
			    open(sys.argv[1] + ".hits", "a").write("x")
			    c.sendall(b"HTTP/1.0 200 OK\r\n\r\nhello\n")
			    c.shutdown(socket.SHUT_WR); c.recv(65536); c.close()
		END
		echo $! >"$name.pid"
		eventually test -s "$name.port"
	done
	OPEN=$(<open.port)
	SHUT=$(<shut.port)
	export OPEN SHUT
}

teardown_file()
{
	kill "$(<"$BATS_FILE_TMPDIR/open.pid")" "$(<"$BATS_FILE_TMPDIR/shut.pid")"
}

setup()
{
	load lib.bash
	cd "$BATS_TEST_TMPDIR" || return
	[ -n "$WAYS" ] || must_skip "no frontend works here"
	rm -f "$BATS_FILE_TMPDIR"/*.hits
	cat >look <<-'END'
		# every spelling by which an inner world may know the outer one
		for at in 10.0.2.2 10.0.3.2 10.0.4.2 127.0.0.1 localhost \
			'[::1]' '[fd00::2]' host.postern.internal; do
			for port; do
				curl -s -m 5 "http://$at:$port/" >/dev/null &&
					echo "reached $port"
			done
		done
		:
	END
	chmod +x look
}

# nested WAY OUTER-OPTION... -- INNER-OPTION...: ./look in it, output in ./out
nested()
{
	local way=$1 outer=()

	shift
	while [ "$1" != -- ]; do
		outer+=("$1")
		shift
	done
	shift
	# shellcheck disable=SC2046
	timeout 60 "$POSTERN" "do" $(way_option "$way") "${outer[@]}" -- \
		"$POSTERN" "do" "$@" -- sh ./look "$OPEN" "$SHUT" \
		>out 2>err </dev/null
}

# silent_door - nobody came to the shut one
silent_door()
{
	[ ! -e "$BATS_FILE_TMPDIR/shut.hits" ] && ! grep -q "reached $SHUT" out ||
		{ echo "$*: the shut door was passed"; cat out err; false; }
}

@test "nothing that the inner one is told opens what the outer one shuts" {
	local way inner worked=0

	for way in $WAYS; do
		for inner in '' --frontend=link --frontend=sockets \
			'--frontend=link --link=veth' \
			"--allow 127.0.0.1:$OPEN --allow 127.0.0.1:$SHUT" \
			"--allow @loopback --allow @host --allow @private" \
			"--allow 10.0.2.2:$SHUT --allow 10.0.2.2:$OPEN" \
			"--dns 10.0.2.2 --add-host a.example:10.0.2.2" \
			--network=host '--best-effort --network=host'; do
			# shellcheck disable=SC2086
			nested "$way" --allow "127.0.0.1:$OPEN" -- $inner ||
				# it may be refused, and is not weaker then
				[ $? = 125 ]
			silent_door "$way, inside $inner"
			! grep -q "reached $OPEN" out || worked=$((worked + 1))
		done
	done
	# else it proved nothing: --network=host and its like work everywhere
	[ "$worked" -gt "$(wc -w <<<"$WAYS")" ] ||
		{ echo "only $worked got through"; false; }
}

@test "the inner one narrows what the outer one leaves open" {
	local way f worked=0

	# sockets has no second answerer inside it, so some link must be had
	[[ $WAYS = *tap* || $WAYS = *veth* ]] ||
		must_skip "no inner postern can answer here"
	for way in $WAYS; do
		for f in link sockets; do
			nested "$way" --allow @loopback -- --frontend=$f \
				--allow "10.0.2.2:$OPEN" \
				--allow "127.0.0.1:$OPEN" || [ $? = 125 ]
			silent_door "$way, inside $f"
			! grep -q "reached $OPEN" out || worked=$((worked + 1))
		done
		nested "$way" --allow @loopback -- --offline || [ $? = 125 ]
		[ ! -s out ]
	done
	[ "$worked" -ge 1 ]
	# and without the inner rule it is open: the door is there
	nested "${WAYS%%[[:space:]]*}" --allow @loopback -- --network=host
	grep -q "reached $SHUT" out
}

@test "what cannot be had inside is told, with what can" {
	local way

	for way in $WAYS; do
		nested "$way" --allow "127.0.0.1:$OPEN" -- --frontend=sockets && continue
		grep -q '^postern: frontend sockets: somebody else already answers' err
		nested "$way" --allow "127.0.0.1:$OPEN" -- --frontend=link && continue
		grep -q '^postern: ' err
	done
}

@test "a refusal of the outer one is told by the outer one, not the inner" {
	local way

	for way in $WAYS; do
		nested "$way" --allow "127.0.0.1:$OPEN" -- --network=host
		grep -Eq "^postern: denied 127.0.0.1:$SHUT/tcp \(.*\) by curl\[[0-9]+\]; allow with --allow 127.0.0.1:$SHUT\$" err
	done
}
