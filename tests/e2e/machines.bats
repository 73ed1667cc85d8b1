#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# machines.bats - ./run and ./check on the three machines of README.md: root,
# an ordinary user inside bwrap, root in a default container. What must work
# where is what `postern check` says there, never a list kept here.

bats_require_minimum_version 1.5.0

setup_file()
{
	load lib.bash
	[ -z "${POSTERN_INSIDE:-}" ] ||
		{ file_skips "this is such a machine already"; return; }
	is_root || { file_skips "the machines are made by root"; return; }
	# a clone of the work tree as it is, that anybody may build in
	MACHINE=$(mktemp -d "${TMPDIR:-/tmp}/postern-machine.XXXXXX")
	export MACHINE
	mkdir "$MACHINE/tree"
	git -C "$TOP" -c safe.directory='*' ls-files -z -co --exclude-standard |
		tar -C "$TOP" --null --ignore-failed-read -cT - |
		tar -C "$MACHINE/tree" -x
	# built here once: the machines run, they need not compile it again
	cp -r --preserve=timestamps "$POSTERN_BUILD" "$MACHINE/built"
}

teardown_file()
{
	# inside such a machine it is the one around us
	[ -n "${POSTERN_INSIDE:-}" ] || [ -z "${MACHINE:-}" ] ||
		rm -rf "$MACHINE"
}

setup()
{
	load lib.bash
	export POSTERN_INSIDE=1
}

# tree NAME [OWNER] - a fresh tree for one machine; prints where
tree()
{
	cp -r "$MACHINE/tree" "$MACHINE/$1"
	[ $# -lt 2 ] || chown -R "$2:$2" "$MACHINE/$1"
	chmod 755 "$MACHINE" "$MACHINE/$1"
	echo "$MACHINE/$1"
}

# closes_well FILE - ends with the counting line, nothing failed, some passed
closes_well()
{
	tail -n 40 "$1"
	tail -n 1 "$1" | grep -Eq '^[1-9][0-9]* passed, 0 failed(, [0-9]+ skipped)?$'
}

demonstrated()
{
	cat "$1"
	[ "$(grep -c '^[1-9]\. ' "$1")" = 5 ]
	grep -q 'In plain words' "$1"
}

in_bwrap()
{
	local dir=$1

	shift
	setpriv --reuid $LIB_UID --regid $LIB_UID --clear-groups -- \
		env HOME=/tmp timeout 1200 bwrap --ro-bind / / --dev /dev \
		--proc /proc --tmpfs /tmp --bind "$dir" "$dir" \
		--chdir "$dir" -- "$@"
}

in_container()
{
	local dir=$1

	shift
	(cd "$dir" && timeout 1200 \
		"$MACHINE/built/tests/tools/container" "$@")
}

# ends_well COMMAND... - with 0; what it says is left in ./out of the test
ends_well()
{
	local status=0

	"$@" >"$BATS_TEST_TMPDIR/out" 2>&1 </dev/null || status=$?
	[ "$status" = 0 ] || tail -n 40 "$BATS_TEST_TMPDIR/out"
	return "$status"
}

@test "(i) root: ./run" {
	cd "$(tree one)"
	ends_well ./run
	demonstrated "$BATS_TEST_TMPDIR/out"
}

@test "(ii) an ordinary user in bwrap --dev /dev: ./run, ./check" {
	dir=$(tree two $LIB_UID)
	ends_well in_bwrap "$dir" ./run
	demonstrated "$BATS_TEST_TMPDIR/out"
	in_bwrap "$dir" ./run check >"$BATS_TEST_TMPDIR/check" || :
	cat "$BATS_TEST_TMPDIR/check"
	ends_well in_bwrap "$dir" env POSTERN_MUST_WORK= CI= ./check unit core
	closes_well "$BATS_TEST_TMPDIR/out"
}

@test "(iii) root in a default container: ./run, ./check" {
	dir=$(tree three)
	ends_well in_container "$dir" ./run
	demonstrated "$BATS_TEST_TMPDIR/out"
	in_container "$dir" ./run check >"$BATS_TEST_TMPDIR/check" || :
	cat "$BATS_TEST_TMPDIR/check"
	# link cannot be had here, and the reason is told
	grep -Eq '^link: *no' "$BATS_TEST_TMPDIR/check"
	ends_well in_container "$dir" env POSTERN_MUST_WORK= CI= ./check unit core
	closes_well "$BATS_TEST_TMPDIR/out"
}
