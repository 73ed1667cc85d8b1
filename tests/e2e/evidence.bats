#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# evidence.bats - the flow log, the report and what learn learns; against a
# server on the host's loopback, under every frontend that works here

bats_require_minimum_version 1.5.0

setup_file()
{
	# an HTTP server at a port of its own
	cd "$BATS_FILE_TMPDIR" || return
	head -c 100000 /dev/zero >zeros
	python3 -u - >port 2>/dev/null 3>&- <<-'END' &
		import http.server, socketserver
		class Server(socketserver.ThreadingTCPServer):
		    daemon_threads = True
		s = Server(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
		print(s.server_address[1], flush=True)
		s.serve_forever()
	END
	echo $! >server.pid
	load lib.bash
	eventually test -s port
	PORT=$(<port)
	URL=http://10.0.2.2:$PORT
	export PORT URL
}

teardown_file()
{
	kill "$(<"$BATS_FILE_TMPDIR/server.pid")"
}

setup()
{
	load lib.bash
	cd "$BATS_TEST_TMPDIR" || return
}

# p FRONTEND VERB WORD... - stdout in ./out, stderr in ./err
p()
{
	local frontend=$1 verb=$2

	shift 2
	"$POSTERN" "$verb" --frontend="$frontend" "$@" >out 2>err </dev/null
}

# The frontends that run `true` here.
frontends()
{
	local f

	for f in link sockets; do
		! "$POSTERN" do --frontend=$f -- true 2>/dev/null || echo $f
	done
}

@test "the log has a line for what opened, what closed, what was denied" {
	for f in $(frontends); do
		rm -f log
		p "$f" do --allow "127.0.0.1:$PORT" --log log -- \
			curl -sS -o got "$URL/zeros"
		[ "$(stat -c %s got)" = 100000 ]
		run -7 p "$f" do --log log -- curl -sS "$URL/zeros"
		run -6 p "$f" do --allow db.example --log log -- \
			curl -sS http://other.example/
		eventually grep -q '"event":"close"' log
		check_log log
		python3 - "$PORT" "$f" <<-'END'
			import json, sys
			lines = [json.loads(l) for l in open("log")]
			assert len({l["run"] for l in lines}) == 3
			end, = [l for l in lines if l["event"] == "close"]
			assert end["host_port"] == int(sys.argv[1])
			assert end["bytes_host_app"] > 100000, end
			assert 50 < end["bytes_app_host"] < 1000, end
			assert end["rule"].startswith("allow 127.0.0.1:"), end
			deny = [l for l in lines if l["event"] == "deny"]
			assert any("loopback" in l["reason"] for l in deny)
			assert any(l.get("name") == "other.example" for l in deny)
			how = "exact" if sys.argv[2] == "sockets" else "lookup"
			start, = [l for l in lines if l["event"] == "open"]
			for l in [start, end] + deny:
			    assert l["program"] == l["comm"] == "curl", l
			    assert l["exe"].endswith("/curl"), l
			    assert l["pid"] and l["process_how"] == how, l
			assert 5 < end["packets_host_app"] < 200, end
			assert 4 < end["packets_app_host"] < 200, end
			assert end["rule_id"] == 1 and "rule_id" not in deny[0], end
			assert end["rtt_us"] > 0 and end["retransmits"] == 0, end
			assert lines.index(start) < lines.index(end)
		END
	done
}

@test "a pipe that nobody reads does not stop traffic" {
	for f in $(frontends); do
		mkfifo "pipe-$f"
		exec 9<>"pipe-$f"
		# fill it
		dd if=/dev/zero of="pipe-$f" bs=4096 oflag=nonblock 2>/dev/null || :
		"$POSTERN" do --frontend="$f" --allow "127.0.0.1:$PORT" \
			--log fd:9 -- curl -sS -m 10 -o got "$URL/zeros"
		[ "$(stat -c %s got)" = 100000 ]
		exec 9>&-
	done
}

@test "a full disk does not stop traffic, and the log says what it lacks" {
	local f prefix=(unshare -m)

	unshare -m mount -t tmpfs none /mnt 2>/dev/null || prefix=(unshare -Urm)
	"${prefix[@]}" mount -t tmpfs none /mnt 2>/dev/null ||
		must_skip "no mount namespace here"
	cat >fill.sh <<-'END'
		set -e
		mount -t tmpfs -o size=8k none /mnt
		f=$1 port=$2
		"$3" do --frontend=$f -q --allow 127.0.0.1:$port \
			--log /mnt/log -- sh -c '
			for i in $(seq 30); do
				curl -sS -o got http://10.0.2.2:$1/zeros || exit 9
				# somebody makes room again
				[ $i != 25 ] || { cat /mnt/log; echo; } >>kept
				[ $i != 25 ] || : >/mnt/log
			done' sh $port
		[ "$(stat -c %s got)" = 100000 ]
		cat /mnt/log >>kept
	END
	for f in $(frontends); do
		rm -f kept
		"${prefix[@]}" sh fill.sh "$f" "$PORT" "$POSTERN"
		# of what a disk cut off no line is left, but for the last one
		python3 - <<-'END'
			import json
			good = bad = lost = 0
			for line in open("kept", errors="replace"):
			    if line == "\n": continue
			    try:
			        l = json.loads(line.strip("\0"))
			        good += l["event"] != "dropped"
			        lost += l.get("lines", 0) if l["event"] == "dropped" else 0
			    except ValueError: bad += 1
			assert bad <= 2 and lost > 0, (good, bad, lost)
			assert good + bad + lost >= 55, (good, bad, lost)
		END
	done
}

@test "the log is appended to, and not through a symbolic link" {
	echo before >log
	ln -s log link
	p "$(frontends | tail -n 1)" do --log log -- true
	[ "$(head -n 1 log)" = before ]
	run -125 p "$(frontends | tail -n 1)" do --log link -- true
	grep -q '^postern: --log: cannot open link: Too many levels of symbolic links' err
	[ "$(cat log)" = before ]
}

@test "the report names peers, bytes, verdicts, and a policy" {
	for f in $(frontends); do
		p "$f" do --report --allow "127.0.0.1:$PORT" -- sh -c "
			curl -sS -o a $URL/zeros; curl -sS -o b $URL/zeros
			curl -sS http://10.0.2.2:1/ || :"
		[ ! -s out ]
		grep -Eq "allowed 127.0.0.1:$PORT +2 +[0-9]+ +20[0-9]k +[0-9:]{8} [0-9:]{8}  allow" err
		grep -Eq 'denied +127.0.0.1:1 +1 ' err
		grep -Eq "^allow 127.0.0.1:$PORT/tcp " err
		p "$f" do --report=json --report-file r.json -- true
		python3 -c 'import json; assert json.load(open("r.json"))["peers"] == []'
		p "$f" do --report=md --report-file r.md --allow \
			"127.0.0.1:$PORT" -- curl -sS -o a "$URL/zeros"
		grep -Eq "^\\| allowed \\| .127.0.0.1:$PORT. \\|  \\| curl \\| 1 \\| [0-9]+ \\| 10[0-9]k \\| 20[0-9T:-]+ \\| 20[0-9T:-]+ \\| allow 127.0.0.1:$PORT \\|" r.md
		# the status is CMD's, report or not
		run -9 p "$f" do --report -- sh -c 'exit 9'
	done
}

@test "who talked to nobody may talk to nobody" {
	for f in $(frontends); do
		rm -f learned
		p "$f" learn -o learned -- true
		grep -q '^allow nothing.invalid ' learned
		run -7 p "$f" do --policy learned -- curl -sS http://192.0.2.1:1/
		grep -q '(no rule allows it)' err
		# and what is learned later makes it no wider than that
		p "$f" learn --merge -o learned --allow "127.0.0.1:$PORT" -- \
			curl -sS -o got "$URL/zeros"
		[ "$(grep -c ^allow learned)" = 2 ]
		p "$f" do --policy learned -- curl -sS -o got "$URL/zeros"
	done
}

@test "learn, review, enforce" {
	for f in $(frontends); do
		rm -f learned
		p "$f" learn -o learned --allow "127.0.0.1:$PORT" -- \
			curl -sS -o got "$URL/zeros"
		grep -q "^allow 127.0.0.1:$PORT/tcp " learned
		[ "$(grep -c ^allow learned)" = 1 ]
		"$POSTERN" policy check learned
		p "$f" do --policy learned -- curl -sS -o got "$URL/zeros"
		run -7 p "$f" do --policy learned -- curl -sS http://10.0.2.2:1/
		# never over a file, and never the same rule twice
		cp learned before
		run -125 p "$f" learn -o learned -- true
		cmp learned before
		p "$f" learn --merge -o learned --policy learned -- \
			curl -sS -o got "$URL/zeros"
		[ "$(grep -c ^allow learned)" = 1 ]
	done
}

@test "the capture is a pcapng that tcpdump reads, both ways" {
	frontends | grep -q link || must_skip "link does not work here"
	command -v tcpdump >/dev/null || must_skip "no tcpdump"
	p link do -w x.pcapng --allow "127.0.0.1:$PORT" -- \
		curl -sS -o got "$URL/zeros"
	# the datapath may still be draining
	eventually sh -c "tcpdump -nr x.pcapng 2>/dev/null |
		grep -q '10.0.2.2.$PORT > 10.0.2.100.*Flags .F'"
	tcpdump -nr x.pcapng 2>/dev/null | grep -q "10.0.2.100.* > 10.0.2.2.$PORT: Flags .S"
	run -125 p link do -w /dev/full -- true
	grep -q 'regular file' err
	"$POSTERN" -log-packets do --allow "127.0.0.1:$PORT" -- \
		curl -sS -o got "$URL/zeros" 2>err
	grep -q "^postern: from app: 10.0.2.100:[0-9]* > 10.0.2.2:$PORT tcp S " err
}

# page_in_browser NAME - what chromium makes of ./NAME.html, in ./NAME.dom; with
# no network at all, so that whatever it wanted to load would be an error
page_in_browser()
{
	local alone=(unshare -n)

	unshare -n true 2>/dev/null || alone=(unshare -Urn)
	"${alone[@]}" true 2>/dev/null || alone=()
	# its own sandbox wants what a container may not give
	HOME=$PWD "${alone[@]}" timeout -s KILL 60 chromium --headless \
		--no-sandbox --disable-gpu --disable-dev-shm-usage \
		--user-data-dir="$PWD/browser" --enable-logging=stderr \
		--virtual-time-budget=2000 --dump-dom "file://$PWD/$1.html" \
		>"$1.dom" 2>"$1.console" </dev/null 3>&-
	# what the page says on its console, errors of scripts and of its
	# policy included, and nothing else
	run ! grep CONSOLE "$1.console"
}

@test "the page of the report draws itself in a browser, and loads nothing" {
	local f

	command -v chromium >/dev/null || must_skip "no chromium"
	f=$(frontends | tail -n 1)
	p "$f" do --report=html --report-file r.html --allow "127.0.0.1:$PORT" \
		-- sh -c "# <script>alert(1)</script>
			curl -sS -o got $URL/zeros; curl -sS -o got $URL/zeros
			curl -s http://10.0.2.2:1 || curl -s http://10.0.2.2:2 || :"
	run ! grep -Eq 'src=|href=|url\(|https?://[^1]' r.html
	grep -q "default-src 'none'" r.html
	page_in_browser r
	python3 - "$PORT" <<-'END'
		import html, re, sys
		port, dom = sys.argv[1], open("r.dom").read()
		text = lambda part: re.sub(r"\s+", " ", html.unescape(re.sub("<[^>]*>", " ", part)))
		part = lambda id: re.search(f'id="{id}"[^>]*>(.*?)</(section|header|div|h1|pre)>', dom, re.S)[1]
		assert "# <script>alert(1)</script> curl" in text(part("command")), part("command")
		assert "alert(1)</script>" not in dom
		cards = text(dom[dom.index('id="cards"'):dom.index("Bytes by name")])
		assert " 2 flows allowed" in cards and " 2 times denied" in cards, cards
		table = dom[dom.index('id="peers"'):dom.index("Flows in time")]
		rows = [text(r).split() for r in re.findall("<tr>(.*?)</tr>", table)]
		assert [r[1] for r in rows[1:]] == [f"127.0.0.1:{p}" for p in (port, 1, 2)], rows
		assert rows[1][:4] == ["allow", f"127.0.0.1:{port}", "curl", "2"], rows
		time = dom[dom.index('id="time"'):dom.index('id="policy"')]
		assert time.count('class="denied"') == 2 and time.count("<i ") + time.count("<i>") >= 4
		assert f"allow 127.0.0.1:{port}/tcp" in text(part("policy"))
	END
	# the table is sorted and narrowed by what a person clicks
	python3 - <<-'END'
		page = open("r.html").read()
		clicks = """<script>{
		const th = name => [...document.querySelectorAll('th button')]
		  .find(b => b.textContent.startsWith(name));
		const seen = () => [...document.querySelectorAll('#peers tbody tr')]
		  .map(r => r.cells[1].textContent.replace(/.*:/, '')).join(' ');
		const out = [];
		for (const name of ['peer', 'peer', 'flows', 'flows', 'verdict']) {
		  th(name).click();
		  out.push(name + '=' + seen());
		}
		for (const b of document.querySelectorAll('#tools button')) {
		  b.click();
		  out.push(b.textContent + '=' + seen());
		}
		document.querySelector('#tools button').click();
		const find = document.querySelector('#tools input');
		find.value = 'LOOPBACK'; find.dispatchEvent(new Event('input'));
		out.push('find=' + seen());
		document.body.dataset.clicks = out.join(';');
		}</script>"""
		open("c.html", "w").write(page.replace("</body>", clicks + "</body>"))
	END
	page_in_browser c
	grep -Fq "data-clicks=\"$(python3 -c '
import sys
p = sys.argv[1]
up = " ".join(sorted(["1", "2", p], key=lambda x: "127.0.0.1:" + x))
down = " ".join(reversed(up.split()))
print(f"peer={up};peer={down};flows={p} ", end="")' "$PORT")" c.dom ||
		{ grep -o 'data-clicks="[^"]*"' c.dom; false; }
	grep -Eq "data-clicks=.*;verdict=$PORT [12] [12];all=.*;allowed=$PORT;denied=[12] [12];find=[12] [12]\"" c.dom ||
		{ grep -o 'data-clicks="[^"]*"' c.dom; false; }
}

# In namespaces of its own: a server at 192.0.2.9 and 10.77.0.9.
learn_by_name()
{
	ip link set lo up
	unshare -n sleep 60 3>&- &
	local ns=$! server frontend=$1
	eventually test "$(readlink /proc/$ns/ns/net)" != "$(readlink /proc/$$/ns/net)"
	ip link add h0 type veth peer name n0 netns $ns
	ip addr add 192.0.2.1/24 dev h0
	ip addr add 10.77.0.1/24 dev h0
	ip link set h0 up
	nsenter -t $ns -n sh -c '
		ip link set lo up; ip link set n0 up
		ip addr add 192.0.2.9/24 dev n0; ip addr add 10.77.0.9/24 dev n0
		echo hello >x; exec python3 -m http.server 8088' >/dev/null 2>&1 3>&- &
	server=$!
	eventually nsenter -t $ns -n ss -Hltn 'sport = :8088' | grep -q .
	eventually curl -s -o x.got http://192.0.2.9:8088/x
	local names=(--add-host a.example:192.0.2.9 --add-host priv.example:10.77.0.9)
	local get=(curl -sS http://a.example:8088/x http://priv.example:8088/x)
	"$POSTERN" learn -q --frontend="$frontend" -o learned "${names[@]}" -- "${get[@]}"
	cat learned
	"$POSTERN" do --frontend="$frontend" --policy learned "${names[@]}" -- "${get[@]}"
	kill $server $ns
}

@test "learn writes names, and an address where the name alone is not enough" {
	local f prefix=(unshare -n)

	unshare -n true 2>/dev/null || prefix=(unshare -Urn)
	"${prefix[@]}" true 2>/dev/null || must_skip "no namespaces here"
	export -f learn_by_name eventually
	for f in $(frontends); do
		rm -f learned
		run -0 "${prefix[@]}" bash -c "POSTERN=$POSTERN learn_by_name $f"
		[ "$(grep -c '^hello$' <<<"$output")" = 4 ]
		[ "$(grep ^allow learned | sed 's/ *#.*//')" = "allow 10.77.0.9:8088/tcp
allow a.example:8088/tcp
allow priv.example:8088/tcp" ]
	done
}
