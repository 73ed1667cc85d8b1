# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# servers.bash - servers and clients that several tests use; after lib.bash

# attacked_up OPEN SHUT ECHO - in `net` two servers that write down who came, in
# $RIG_DIR/open.arrivals and shut.arrivals, and an echo server; the programs
# that attack them are in $RIG_DIR
attacked_up()
{
	local port

	install -m 755 "$POSTERN_BUILD/tests/programs/attack" \
		"$POSTERN_BUILD/tests/programs/churn" \
		"$POSTERN_BUILD/tests/programs/mortal" "$RIG_DIR/"
	: >"$RIG_DIR/open.arrivals"
	: >"$RIG_DIR/shut.arrivals"
	background open in_net "$RIG_DIR/attack" listen "$1" \
		"$RIG_DIR/open.arrivals"
	background shut in_net "$RIG_DIR/attack" listen "$2" \
		"$RIG_DIR/shut.arrivals"
	background echo in_net "$RIG_DIR/churn" serve "$3"
	for port; do
		eventually tcp_listens in_net "$port"
	done
}

nobody_came()
{
	[ ! -s "$RIG_DIR/shut.arrivals" ]
}

# nginx_up LOG-FORMAT - nginx in `net`, its files in $RIG_DIR/nginx; what stands
# in the http block comes from stdin; LOG-FORMAT: off, or what access.log has
nginx_up()
{
	local d=$RIG_DIR/nginx log='access_log off;'

	mkdir -p "$d"
	[ "$1" = off ] ||
		log="log_format test '$1'; access_log $d/access.log test;"
	: >"$d/access.log"
	{
		cat <<-CONF
			user root;
			daemon off;
			pid $d/pid;
			error_log $d/error.log;
			events { worker_connections 1024; }
			http {
				$log
				client_body_temp_path $d/body;
				proxy_temp_path $d/proxy;
				fastcgi_temp_path $d/fastcgi;
				uwsgi_temp_path $d/uwsgi;
				scgi_temp_path $d/scgi;
		CONF
		cat
		echo '}'
	} >"$d/conf"
	background nginx in_net nginx -e "$d/error.log" -p "$d" -c "$d/conf"
}

# go_get_built - $RIG_DIR/get-go URL is a static HTTP client
go_get_built()
{
	[ -x "$RIG_DIR/get-go" ] ||
		CGO_ENABLED=0 GO111MODULE=off GOFLAGS=-p=2 \
			GOCACHE=${XDG_CACHE_HOME:-/tmp}/postern-go \
			go build -o "$RIG_DIR/get-go" "$TOP/tests/e2e/get.go"
}
