#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# churn.bats - S13: 16 threads connect, transfer and close, to the host and
# inside, with namespaces and bare; every byte carries its flow's number, none
# may cross. CHURN_S seconds in all (6), in every build of CHURN_BUILDS at
# once: ./check gives those with ASan and with TSan two minutes.

bats_require_minimum_version 1.5.0

setup_file()
{
	load lib.bash
	can_own_namespaces ||
		{ file_skips "no network namespace can be made here"; return; }
	rig_up
	# more connections a minute than there are ports, which TIME-WAIT holds
	# for as long: not what is tested here
	in_host sh -c 'echo 1 >/proc/sys/net/ipv4/tcp_tw_reuse &&
		echo 1024 65535 >/proc/sys/net/ipv4/ip_local_port_range'
	install -m 755 "$POSTERN_BUILD/tests/programs/churn" "$RIG_DIR/serve"
	background echo in_net "$RIG_DIR/serve" serve 7093
	eventually tcp_listens in_net 7093
	# the first report ends the process, and so the test
	export ASAN_OPTIONS=detect_leaks=0:abort_on_error=1
	export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
	export TSAN_OPTIONS=halt_on_error=1:report_thread_leaks=0
}

teardown_file()
{
	load lib.bash
	rig_down
}

setup()
{
	load lib.bash
	cd "$RIG_DIR" || return
}

# churn HOW BUILD SECONDS - HOW: as_user (namespaces) or bare
churn()
{
	local how=$1 dir=$RIG_DIR/${2##*/} fixed=()

	mkdir -p "$dir"
	install -m 755 "$2/postern" "$2/tests/programs/churn" "$dir/"
	# the shadow memory of TSan has no room for much randomness
	! setarch -R true 2>/dev/null || fixed=(setarch -R)
	"$how" timeout $(($3 + 60)) "${fixed[@]}" "$dir/postern" -quiet do \
		--frontend=sockets -- "$dir/churn" "$NET4" 7093 16 "$3" 7094 \
		>"$dir/out" 2>"$dir/err"
}

# in_every_build HOW - half of the time
in_every_build()
{
	local how=$1 build jobs=() bad=0

	for build in ${CHURN_BUILDS:-$POSTERN_BUILD}; do
		churn "$how" "$build" $((${CHURN_S:-6} / 2)) 3>&- &
		jobs+=($!)
	done
	for build in ${CHURN_BUILDS:-$POSTERN_BUILD}; do
		wait "${jobs[0]}" || bad=$?
		jobs=("${jobs[@]:1}")
		echo "$build: $bad $(<"$RIG_DIR/${build##*/}/out")"
		head -n 60 "$RIG_DIR/${build##*/}/err"
		[ "$bad" = 0 ]
		[[ "$(<"$RIG_DIR/${build##*/}/out")" == *" 0 errors" ]]
		[ ! -s "$RIG_DIR/${build##*/}/err" ]
	done
}

@test "S13 churn of 16 threads with namespaces, every byte checked" {
	in_every_build as_user
}

@test "S13 churn of 16 threads without namespaces, every byte checked" {
	in_every_build bare
}
