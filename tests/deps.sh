#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: deps.sh build|test|slow ...
# Installs what is missing to build windsock, to test it, or for the slow tests of .ci/run.
# Quiet when nothing is.
set -eu

debian_build='gcc make pkg-config libevent-dev libmicrohttpd-dev uthash-dev libinih-dev
  libpcre2-dev zlib1g-dev'
debian_test='libcmocka-dev libc6-dbg python3 python3-prometheus-client valgrind'
debian_slow='prometheus'
fedora_build='gcc make pkgconf-pkg-config libevent-devel libmicrohttpd-devel uthash-devel
  inih-devel pcre2-devel zlib-devel'
fedora_test='libcmocka-devel python3 python3-prometheus_client valgrind'
fedora_slow='golang-github-prometheus'

die()
{
	echo "deps.sh: $*" >&2
	exit 1
}

has_debian()
{
	case $1 in
	gcc) command -v "${CC:-cc}" >/dev/null || command -v gcc >/dev/null ;;
	make | pkg-config | python3) command -v "$1" >/dev/null ;;
	*) [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ] ;;
	esac
}

has_fedora()
{
	case $1 in
	gcc) command -v "${CC:-cc}" >/dev/null || command -v gcc >/dev/null ;;
	make | python3) command -v "$1" >/dev/null ;;
	pkgconf-pkg-config) command -v pkg-config >/dev/null ;;
	*) rpm -q --whatprovides "$1" >/dev/null 2>&1 ;;
	esac
}

as_root()
{
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "needs root: install them yourself, or sudo: $*"
	fi
}

install_debian()
{
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" ||
		{ as_root apt-get update && as_root env DEBIAN_FRONTEND=noninteractive \
			apt-get install -y --no-install-recommends "$@"; }
}

install_fedora()
{
	as_root dnf install -y "$@"
}

if command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; then
	system=debian
elif command -v dnf >/dev/null; then
	system=fedora
else
	echo "deps.sh: neither apt-get nor dnf here; windsock needs a C compiler, make," \
		"pkg-config, libevent, libmicrohttpd, uthash, inih, pcre2, zlib" \
		"(tests: cmocka, python3)" >&2
	exit 0
fi

missing=
for group in "${@:-build}"; do
	case $group in
	build | test | slow) ;;
	*) die "usage: deps.sh build|test|slow ..." ;;
	esac
	eval "packages=\$${system}_$group"
	for package in $packages; do
		has_$system "$package" || missing="$missing $package"
	done
done
[ -n "$missing" ] || exit 0

echo "installing what is missing:$missing"
# shellcheck disable=SC2086 # a list of words
install_$system $missing
