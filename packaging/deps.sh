#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: deps.sh GROUP ..., of which the lists are below: build, demo, test, ci, e2e ...
# Installs what is missing to build windsock, to test it, for all of .ci/run, for make e2e,
# for make dashboards, make pictures, or for tests on a machine of their own (tests/lib/machine.py).
# Quiet when nothing is.
# shellcheck disable=SC2034,SC2154 # the lists are found by eval
set -eu

debian_build='gcc make pkg-config libevent-dev libmicrohttpd-dev uthash-dev libinih-dev
  libpcre2-dev libsystemd-dev zlib1g-dev'
debian_demo='python3'
debian_test='libcmocka-dev libc6-dbg python3 python3-prometheus-client python3-pytest valgrind'
debian_ci='apparmor clang libclang-rt-dev clang-tidy cppcheck fish git mandoc prometheus
  python3-pyflakes shellcheck strace systemd zsh'
debian_e2e='prometheus python3-venv'
debian_slow='nodejs npm prometheus python3-yaml'
debian_machine='debootstrap golang-github-cactus-go-statsd-client-dev golang-go util-linux'
debian_clients='default-jdk-headless golang-github-cactus-go-statsd-client-dev golang-go
  libnet-statsd-perl maven node-lynx nodejs npm perl python3-aiodogstatsd python3-statsd
  python3-venv ruby-statsd'
debian_cross='gcc-aarch64-linux-gnu gcc-arm-linux-gnueabihf gcc-s390x-linux-gnu
  libc6-dev-arm64-cross mmdebstrap qemu-user-static'
debian_image='buildah debootstrap iproute2 util-linux'
debian_rpm='elfutils faketime file mandoc rpm rpmlint xz-utils'
debian_deb='build-essential debhelper dh-apparmor mandoc'
debian_debtest='binutils blhc devscripts faketime lintian util-linux'
debian_pictures='chromium fonts-dejavu-core nodejs npm pngquant prometheus'
debian_monitoring='curl default-jre-headless docker-compose maven openssl podman-compose
  postgresql prometheus prometheus-alertmanager prometheus-postgres-exporter python3-confluent-kafka
  python3-prometheus-client python3-psycopg2 python3-yaml util-linux'
fedora_build='gcc make pkgconf-pkg-config libevent-devel libmicrohttpd-devel uthash-devel
  inih-devel pcre2-devel systemd-devel zlib-devel'
fedora_demo='python3'
fedora_test='libcmocka-devel python3 python3-prometheus_client python3-pytest valgrind'
fedora_ci='clang compiler-rt clang-tools-extra cppcheck fish git
  golang-github-prometheus mandoc python3-pyflakes ShellCheck strace systemd zsh'
fedora_e2e='golang-github-prometheus python3'
fedora_slow='golang-github-prometheus nodejs npm python3-pyyaml'
fedora_machine='debootstrap golang util-linux'
fedora_clients='golang java-devel maven nodejs npm python3'
fedora_cross='gcc-aarch64-linux-gnu gcc-s390x-linux-gnu mmdebstrap qemu-user-static'
fedora_image='buildah debootstrap iproute util-linux'
fedora_rpm='libfaketime mandoc rpm-build rpmlint systemd-rpm-macros xz'
fedora_deb='debhelper dpkg-dev mandoc'
fedora_debtest='lintian util-linux'
fedora_pictures='chromium-headless dejavu-sans-fonts golang-github-prometheus nodejs npm pngquant'
fedora_monitoring='curl golang-github-prometheus openssl postgresql-server python3-pyyaml
  util-linux'

die()
{
	echo "deps.sh: $*" >&2
	exit 1
}

has_debian()
{
	case $1 in
	gcc) command -v "${CC:-cc}" >/dev/null || command -v gcc >/dev/null ;;
	make | pkg-config | python3 | npm) command -v "$1" >/dev/null ;;
	nodejs) command -v node >/dev/null ;;
	golang-go | golang) command -v go >/dev/null ;;
	default-jdk-headless) command -v javac >/dev/null ;;
	default-jre-headless) command -v java >/dev/null ;;
	maven) command -v mvn >/dev/null ;;
	python3-venv) python3 -c 'import ensurepip' 2>/dev/null ;;
	*) [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ] ;;
	esac
}

has_fedora()
{
	case $1 in
	gcc) command -v "${CC:-cc}" >/dev/null || command -v gcc >/dev/null ;;
	make | python3 | npm) command -v "$1" >/dev/null ;;
	nodejs) command -v node >/dev/null ;;
	golang-go | golang) command -v go >/dev/null ;;
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

# Prometheus is run by a test, not as a service: nothing is to be started by being installed.
policy=/usr/sbin/policy-rc.d

start_nothing()
{
	[ ! -e $policy ] || return 0
	printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
	as_root chmod 755 $policy
	trap 'as_root rm -f $policy' EXIT
	trap 'exit 1' INT TERM
}

install_debian()
{
	start_nothing
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
		"pkg-config, libevent, libmicrohttpd, uthash, inih, pcre2, zlib, libsystemd" \
		"(tests: cmocka, python3)" >&2
	exit 0
fi

missing=
for group in "${@:-build}"; do
	packages=
	case $group in *[!a-z0-9]*) ;; *) eval "packages=\${${system}_$group-}" ;; esac
	[ -n "$packages" ] || die "no group '$group'; usage: deps.sh build|test|ci ..."
	for package in $packages; do
		has_$system "$package" || missing="$missing $package"
	done
done
[ -n "$missing" ] || exit 0

echo "installing what is missing:$missing"
# shellcheck disable=SC2086 # a list of words
install_$system $missing
