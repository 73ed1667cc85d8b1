#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# readme.bats - the five commands that README opens with, read from there and
# run as they are written, against servers of the rig under the names in them

bats_require_minimum_version 1.5.0

setup_file()
{
	load lib.bash
	load servers.bash
	can_own_namespaces ||
		{ file_skips "no network namespace can be made here"; return; }
	[ -x /usr/bin/pip ] || { file_skips "no /usr/bin/pip"; return; }
	rig_up
	echo "nameserver $NET4" >"$RIG_DIR/resolv.conf"
	in_host mount --bind "$RIG_DIR/resolv.conf" /etc/resolv.conf
	background dns in_net dnsmasq -d --conf-file=/dev/null --no-resolv \
		--no-hosts --bind-interfaces --listen-address="$NET4" \
		--user=root --pid-file= --cache-size=0 --log-queries \
		--log-facility=- \
		--address=/github.com/192.0.2.3 \
		--address=/githubusercontent.com/192.0.2.3 \
		--address=/example/192.0.2.4 \
		--address=/stripe.com/192.0.2.5
	servers
	work
	eventually tcp_listens in_net 443
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
	cd "$RIG_DIR/work" || return
	mapfile -t FIVE < <(sed -n '/^    postern/s/^    \([^#]*[^ #]\) *\(#.*\)\?$/\1/p' \
		"$TOP/README.md" | head -n 5)
}

servers()
{
	local d=$RIG_DIR/nginx name

	mkdir -p "$d/www/simple/foo" "$d/www/files"
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=rig \
		-addext 'subjectAltName=DNS:github.com,DNS:*.githubusercontent.com,DNS:telemetry.example,DNS:deps.example,DNS:api.stripe.com' \
		-keyout "$d/key.pem" -out "$RIG_DIR/ca.pem" 2>/dev/null
	chmod a+r "$RIG_DIR/ca.pem"
	echo "release" >"$d/www/release"
	echo "part" >"$d/www/part"
	# a package of one line
	(
		cd "$d/www/files"
		mkdir -p foo foo-1.0.dist-info
		echo 'print("foo is here")' >foo/__init__.py
		printf 'Metadata-Version: 2.1\nName: foo\nVersion: 1.0\n' \
			>foo-1.0.dist-info/METADATA
		printf 'Wheel-Version: 1.0\nGenerator: rig\nRoot-Is-Purelib: true\nTag: py3-none-any\n' \
			>foo-1.0.dist-info/WHEEL
		for name in foo/__init__.py foo-1.0.dist-info/METADATA \
			foo-1.0.dist-info/WHEEL foo-1.0.dist-info/RECORD; do
			echo "$name,,"
		done >foo-1.0.dist-info/RECORD
		/usr/bin/python3 -m zipfile -c foo-1.0-py3-none-any.whl foo \
			foo-1.0.dist-info
	)
	echo '<a href="/files/foo-1.0-py3-none-any.whl">foo-1.0-py3-none-any.whl</a>' \
		>"$d/www/simple/foo/index.html"
	chmod -R a+rX "$d/www"
	nginx_up '$scheme $host $request_uri' <<-CONF
		types { text/html html; }
		server {
			listen 80;
			listen 443 ssl;
			ssl_certificate $RIG_DIR/ca.pem;
			ssl_certificate_key $d/key.pem;
			root $d/www;
		}
	CONF
}

# What a user has in the folder where the commands are typed
work()
{
	local w=$RIG_DIR/work

	mkdir -p "$w/home"
	cat >"$w/install.sh" <<-'END'
		#!/bin/sh
		set -e
		curl -fsS https://github.com/release >release
		curl -fsS https://raw.githubusercontent.com/part >part
		curl -fsS https://telemetry.example/ || echo "telemetry: $?"
		echo installed
	END
	chmod +x "$w/install.sh"
	cat >"$w/Makefile" <<-'END'
		.RECIPEPREFIX = >
		all:
		> curl -fsS https://deps.example/part >built
		> curl -fsS http://deps.example/release >>built
		> [ -z "$(EXTRA)" ] || curl -fsS $(EXTRA)
	END
	chmod -R a+rwX "$w"
}

# typed N [NAME=VALUE...] - command N of README, by an ordinary user whose
# shell, pip and curl know nothing but where the rig's servers are
typed()
{
	local n=$1

	shift
	run --separate-stderr as_user env -i PATH="$RIG_DIR:/usr/bin:/bin" \
		HOME="$RIG_DIR/work/home" CURL_CA_BUNDLE="$RIG_DIR/ca.pem" \
		PIP_INDEX_URL=http://index.example/simple/ \
		PIP_TRUSTED_HOST=index.example PIP_TARGET="$RIG_DIR/work/lib" \
		PIP_DISABLE_PIP_VERSION_CHECK=1 "$@" \
		timeout -s KILL 60 sh -c "${FIVE[n - 1]}" </dev/null
	echo "${FIVE[n - 1]}: status $status"
	echo "$output"
	echo "$stderr"
}

@test "README opens with five commands" {
	[ "${#FIVE[@]}" = 5 ]
	[[ ${FIVE[0]} = "postern do --allow github.com:443 --allow '*.githubusercontent.com' -- ./install.sh" ]]
	[[ ${FIVE[1]} = "postern learn -o build.policy -- make" ]]
	[[ ${FIVE[2]} = "postern do --policy build.policy -- make" ]]
	[[ ${FIVE[3]} = "postern why api.stripe.com:443 --policy build.policy" ]]
	[[ ${FIVE[4]} = "postern do --report -- pip install foo" ]]
	# before anything that a reader has to scroll to
	[ "$(grep -n '^    postern' "$TOP/README.md" | head -n 1 | cut -d: -f1)" -lt 15 ]
}

@test "1: these hosts and no others" {
	typed 1
	[ "$status" = 0 ]
	[[ $output = *"telemetry: 6"*installed* ]]
	[ "$(cat release part)" = "release
part" ]
	[[ $stderr =~ postern:\ denied\ telemetry.example\ \(no\ rule\ allows\ it\)\ by\ curl\[[0-9]+\]\;\ allow\ with\ --allow\ telemetry.example ]]
	# nor was anybody asked about it
	! grep -q 'query.*telemetry' "$RIG_DIR/dns.log"
}

@test "2, 3: watch once, review, then hold it to that" {
	rm -f build.policy built
	typed 2
	[ "$status" = 0 ]
	grep -Eq '^allow deps.example:443/tcp +# 1 flow, [0-9]+ sent, .* got, by curl$' build.policy
	grep -Eq '^allow deps.example:80/tcp ' build.policy
	[ "$(grep -c ^allow build.policy)" = 2 ]
	rm built
	typed 3
	[ "$status" = 0 ]
	[ "$(cat built)" = "part
release" ]
	[[ $stderr != *postern:* ]]
	# what it did not do then it may not do now
	typed 3 EXTRA=https://api.stripe.com/
	[ "$status" = 2 ]
	[[ $stderr = *"postern: denied api.stripe.com (no rule allows it) by curl["*"]; allow with --allow api.stripe.com"* ]]
}

@test "4: why" {
	typed 4
	[ "$status" != 0 ]
	[[ $output = *"no rule allows it"* ]]
	[[ $output = *"--allow api.stripe.com:443"* ]]
	# and what is allowed, with the line that does
	FIVE[3]=${FIVE[3]/api.stripe.com/deps.example}
	typed 4
	[ "$status" = 0 ]
	[[ $output =~ build.policy:[0-9]+ ]]
}

@test "5: whom did it talk to?" {
	rm -rf lib
	typed 5
	[ "$status" = 0 ]
	grep -q 'foo is here' lib/foo/__init__.py
	[[ $output = *"Successfully installed foo-1.0"* ]]
	[[ $output != *postern* ]]
	[[ $stderr =~ allowed\ index.example:80\ +[0-9.]+\ +[12]\ .*,\ by\ python3 ]]
	[[ $stderr =~ allow\ index.example:80/tcp\ +\#\ .*,\ by\ python3 ]]
}
