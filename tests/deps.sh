#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs what building and testing need and the machine lacks; quick and silent otherwise.
set -eu

as_root() {
	if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

missing=
if command -v apt-get >/dev/null; then
	for p in gcc make pkg-config libpcre2-dev libcmocka-dev; do
		dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' ||
			missing="$missing $p"
	done
	[ -n "$missing" ] || exit 0
	echo "installing:$missing"
	as_root apt-get update -qq
	# shellcheck disable=SC2086 # a list of words
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $missing >/dev/null
elif command -v dnf >/dev/null; then
	for p in gcc make pkgconf pcre2-devel libcmocka-devel; do
		rpm -q "$p" >/dev/null 2>&1 || missing="$missing $p"
	done
	[ -n "$missing" ] || exit 0
	echo "installing:$missing"
	# shellcheck disable=SC2086 # a list of words
	as_root dnf install -y -q $missing
else
	echo "neither apt-get nor dnf: install a C compiler, make, pcre2 and cmocka yourself" >&2
	exit 1
fi
