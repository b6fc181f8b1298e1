#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs the test programs given, all at once, and adds up their TAP lines.
set -u
[ $# -gt 0 ] || { echo "no test programs given" >&2; exit 2; }
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
for t in "$@"; do
	name=$(basename "$t")
	( CMOCKA_MESSAGE_OUTPUT=TAP timeout 60 "$t" >"$out/$name.tap" 2>&1
	  echo $? >"$out/$name.rc" ) &
done
wait
passed=0 failed=0
for t in "$@"; do
	name=$(basename "$t")
	ok=$(grep -c '^ok ' "$out/$name.tap")
	bad=$(grep -c '^not ok ' "$out/$name.tap")
	# A crash, or a program that ran no test, is a failure even without a line that says so.
	if [ "$bad" -eq 0 ] && { [ "$(cat "$out/$name.rc")" -ne 0 ] || [ "$ok" -eq 0 ]; }; then
		bad=1
	fi
	[ "$bad" -eq 0 ] || { echo "== $name"; cat "$out/$name.tap"; }
	passed=$((passed + ok)) failed=$((failed + bad))
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
