#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: build_elsewhere.sh [release ...], trixie and noble unless told.  As root, by hand.
# What `make deb` made in build/deb is built again, tested and installed on other releases, in
# roots of debootstrap (kept in ROOTS, if told), as a plain user and without any network.
# CHECKOUT=yes: `make WERROR=1 test` and `make CC=clang test` from what is committed, too.
# shellcheck disable=SC2016 # what is in single quotes is for another shell
set -eu
cd "$(dirname "$0")/.."

debian=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
ubuntu=${UBUNTU_MIRROR:-http://archive.ubuntu.com/ubuntu}
roots=${ROOTS:-}
if [ -z "$roots" ]; then
	roots=$(mktemp -d)
	trap 'rm -rf "$roots"' EXIT
	trap 'exit 1' INT TERM
fi

# Without Debian's name it is Ubuntu's.
is_debian()
{
	case $1 in
	bookworm | trixie | forky | sid) ;;
	*) return 1 ;;
	esac
}

bootstrap()
{
	[ ! -e "$roots/$1/ready" ] || return 0
	if is_debian "$1"; then
		debootstrap --variant=buildd "$1" "$roots/$1" "$debian" sid
	else
		# The key of Ubuntu's archive comes with Debian.
		keys=$roots/trixie/usr/share/keyrings/ubuntu-archive-keyring.gpg
		bootstrap trixie
		[ -e "$keys" ] || chroot "$roots/trixie" apt-get -qq -y install ubuntu-archive-keyring
		debootstrap --variant=buildd --components=main,universe --keyring="$keys" \
			"$1" "$roots/$1" "$ubuntu" gutsy
	fi
	printf '127.0.0.1 localhost\n::1 localhost\n' >"$roots/$1/etc/hosts"
	chroot "$roots/$1" useradd --create-home --shell /bin/sh builder
	printf '#!/bin/sh\nexit 101\n' >"$roots/$1/usr/sbin/policy-rc.d"
	chmod 755 "$roots/$1/usr/sbin/policy-rc.d"
	touch "$roots/$1/ready"
}

# within ROOT NETWORK SHELL-COMMAND: in namespaces of its own, which end with it.
within()
{
	[ "$2" = yes ] && network= || network=--net
	# shellcheck disable=SC2086 # a flag, or nothing
	LC_ALL=C DEBIAN_FRONTEND=noninteractive unshare --mount --pid --fork --kill-child $network \
		sh -euc '
		[ -z "$3" ] || ip link set lo up
		mount --make-rprivate /
		mount -t proc proc "$1/proc"
		mount -t tmpfs -o mode=1777 tmpfs "$1/dev/shm"
		mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$1/dev/pts"
		mount --bind "$1/dev/pts/ptmx" "$1/dev/ptmx"
		exec chroot "$1" sh -euc "$2"' sh "$roots/$1" "$3" "$network"
}

# Its last line says what it was built with.
package()
{
	rm -rf "$roots/$1/home/builder/source"
	mkdir "$roots/$1/home/builder/source"
	cp build/deb/windsock_*.dsc build/deb/windsock_*.tar.* "$roots/$1/home/builder/source"
	chown -R --reference="$roots/$1/home/builder" "$roots/$1/home/builder/source"
	within "$1" yes 'apt-get -qq update
		cd /home/builder/source
		apt-get -qq -y --no-install-recommends build-dep ./windsock_*.dsc'
	within "$1" no 'runuser -u builder -- sh -euc "
		cd /home/builder/source
		dpkg-source -x windsock_*.dsc tree
		cd tree
		dpkg-buildpackage -us -uc -b"'
	within "$1" yes 'cd /home/builder/source
		apt-get -qq -y install ./windsock_*.deb ./windsock-doc_*.deb ./windsock-monitoring_*.deb
		windsock --version
		windsock check /etc/windsock/windsock.ini
		apt-get -qq -y purge windsock windsock-doc windsock-monitoring
		. /etc/os-release
		echo "$PRETTY_NAME: $(gcc -dumpfullversion), libmicrohttpd $(dpkg-query -W \
			-f "\${Version}" libmicrohttpd-dev)"'
}

checkout()
{
	rm -rf "$roots/$1/home/builder/checkout"
	mkdir "$roots/$1/home/builder/checkout"
	git archive HEAD | tar -C "$roots/$1/home/builder/checkout" -x
	within "$1" yes 'cd /home/builder/checkout
		sh packaging/deps.sh build test ci
		chown -R builder: .'
	within "$1" no 'runuser -u builder -- sh -euc "
		cd /home/builder/checkout
		make -j2 WERROR=1 DEPS=no test
		make -j2 WERROR=1 DEPS=no CC=clang BUILD=build/clang test"'
}

# Not on the left of || or &&, where set -e sleeps.
one()
{
	if is_debian "$1"; then mirror=$debian; else mirror=$ubuntu; fi
	if ! wget -q -O /dev/null "$mirror/dists/$1/InRelease"; then
		echo "$1: skipped, $mirror does not have it or cannot be reached"
		return
	fi
	log=build/elsewhere-$1.log
	set +e
	(
		set -e
		bootstrap "$1"
		[ "${CHECKOUT:-no}" = no ] || checkout "$1"
		package "$1"
	) >"$log" 2>&1 </dev/null
	code=$?
	set -e
	if [ $code -eq 0 ]; then
		echo "$(tail -n 1 "$log"): $(grep -E '^ *[0-9]+ passed,' "$log" | sort | uniq -c | tr -s ' ')"
	else
		tail -n 40 "$log"
		echo "$1: failed, see $log"
		failed=1
	fi
}

failed=0
[ $# -gt 0 ] || set -- trixie noble
for release; do
	one "$release"
done
exit $failed
