#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: root.sh PROGRAM ROOT
# Creates the root directory of the image, in the Debian in which the program was built: the program,
# the libraries that it loads, the mappings, and licenses and package status.  Run as root in the
# source directory.
set -eu

program=$1
root=$2

die()
{
	echo "root.sh: $*" >&2
	exit 1
}

# The libraries that the loader loads, and the loader.
libraries()
{
	ldd "$program" >"$root.ldd"
	! grep 'not found' "$root.ldd" || die "a library of $program is missing"
	sed -n 's/.*[[:space:]]\(\/[^ ]*\) (0x.*/\1/p' "$root.ldd" | LC_ALL=C sort -u
	rm "$root.ldd"
}

# /lib is a link to /usr/lib; packages contain files in either.
package_of()
{
	{ dpkg-query -S "$1" || dpkg-query -S "/usr$1"; } 2>/dev/null | head -n 1 | cut -d : -f 1
}

# Licenses must accompany the libraries; image scanners read the status.
papers()
{
	mkdir -p "$root/var/lib/dpkg/status.d"
	dpkg-query -s "$1" >"$root/var/lib/dpkg/status.d/$1"
	cp -L --parents "/usr/share/doc/$1/copyright" "$root"
}

[ ! -e "$root" ] || die "$root already exists"
umask 022
mkdir -p "$root/etc" "$root/dev" "$root/proc" "$root/sys"

install -D "$program" "$root/usr/bin/windsock"
strip "$root/usr/bin/windsock"
install -D -m 644 -t "$root/usr/share/windsock/mappings" mappings/*.ini
install -D -m 644 -t "$root/usr/share/doc/windsock" LICENSE docs/container.md

list=$(libraries)
[ -n "$list" ] || die "$program uses no libraries"
packages=
for library in $list; do
	package=$(package_of "$library")
	[ -n "$package" ] || die "no package owns $library"
	packages="$packages $package"
	cp -L --parents "$library" "$root"
done
# shellcheck disable=SC2086 # a list of words
for package in $(printf '%s\n' $packages base-files | LC_ALL=C sort -u); do
	papers "$package"
done

cp -L --parents /etc/os-release "$root"
echo 'nobody:x:65534:65534:nobody:/nonexistent:/nonexistent' >"$root/etc/passwd"
echo 'nogroup:x:65534:' >"$root/etc/group"
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
chmod -R go-w "$root"
