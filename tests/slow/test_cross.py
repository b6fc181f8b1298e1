# SPDX-License-Identifier: Apache-2.0
"""Built for other machines, and tested there as qemu plays them: arm64, one of 32 bits, one
whose numbers begin with the high byte.  Their libraries are put into directories of their own:
nothing is changed on this machine."""
import concurrent.futures as futures
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile

import pytest

import machine
from harness import ROOT, TESTS

PACKAGES = ["libc6-dev", "libcmocka-dev", "libevent-dev", "libinih-dev", "libmicrohttpd-dev",
            "libpcre2-dev", "libsystemd-dev", "uthash-dev", "zlib1g-dev"]
# Debian's name: the compiler's, qemu's, bits, byte order and number in the head of ELF.
MACHINES = {
    "arm64": ("aarch64-linux-gnu", "aarch64", 2, "little", 183),
    "armhf": ("arm-linux-gnueabihf", "arm", 1, "little", 40),
    "s390x": ("s390x-linux-gnu", "s390x", 2, "big", 22),
}
# qemu does not hand on SO_MEMINFO, and has no memory of the process in /proc/self/stat.
NOT_PLAYED = {"test_sock": ["drops_and_queue"], "test_process": ["values_are_of_this_process"]}
# From outside, for the machine that people have.
PROMISES = ["explain", "healthcheck", "serve", "systemd"]


def needs():
    programs = ["mmdebstrap"]
    for triple, qemu, *_ in MACHINES.values():
        programs += [triple + "-gcc", f"qemu-{qemu}-static"]
    missing = [p for p in programs if not shutil.which(p)]
    if missing:
        pytest.skip(f"no {', '.join(missing)}: sh packaging/deps.sh cross")
    machine.needs_mirror()


def sysroot(name):
    """Unpacked, never run; made once, and kept in the user's cache."""
    words = " ".join([name, *PACKAGES])
    path = os.path.join(machine.CACHE, f"{name}-{hashlib.sha256(words.encode()).hexdigest()[:12]}")
    if os.path.exists(path):
        return path
    os.makedirs(machine.CACHE, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="sysroot", dir=machine.CACHE) as home:
        done = subprocess.run(["mmdebstrap", "--variant=extract", "--architectures=" + name,
                               "--include=" + ",".join(PACKAGES), "bookworm", home + "/root",
                               machine.MIRROR], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True)
        assert done.returncode == 0, done.stderr[-4000:]
        os.rename(home + "/root", path)
    return path


def build(name, root, home):
    """No warning either: a number that does not fit is one."""
    triple = MACHINES[name][0]
    env = dict(os.environ, PKG_CONFIG_SYSROOT_DIR=root,
               PKG_CONFIG_LIBDIR=f"{root}/usr/lib/{triple}/pkgconfig:{root}/usr/share/pkgconfig")
    done = subprocess.run(["make", "-s", "-j2", "WERROR=1", "DEPS=no", "BUILD=" + home,
                           f"CC={triple}-gcc --sysroot={root}", "PKG_CONFIG=pkg-config", "all", "units"],
                          cwd=ROOT, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-4000:]


def units(home):
    """The paths of the unit tests that were built."""
    found = [os.path.join(at, name) for at, _, names in os.walk(home + "/tests") for name in names
             if name.startswith("test_") and "." not in name]
    assert len(found) > 30, found
    return sorted(found)


def is_for(name, path):
    _, _, bits, order, number = MACHINES[name]
    with open(path, "rb") as file:
        head = file.read(20)
    assert head[:6] == b"\x7fELF" + bytes([bits, 1 if order == "little" else 2]), head
    assert int.from_bytes(head[18:20], order) == number, head


def played(name, root, path):
    """A program of this machine that is the other's."""
    script = path + ".played"
    with open(script, "w") as out:
        out.write(f'#!/bin/sh\nexec qemu-{MACHINES[name][1]}-static -L {root} {path} "$@"\n')
    os.chmod(script, 0o755)
    return script


def run_unit(script):
    env = dict(os.environ, CMOCKA_MESSAGE_OUTPUT="TAP")
    done = subprocess.run([script], env=env, timeout=200, text=True, errors="replace",
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=ROOT)
    unit = os.path.basename(script).split(".")[0]
    failed = re.findall(r"^not ok \d+ - (\w+)", done.stdout, re.M)
    passed = len(re.findall(r"^ok ", done.stdout, re.M))
    assert failed == NOT_PLAYED.get(unit, []) and passed, (unit, done.returncode, done.stdout)
    assert failed or done.returncode == 0, (unit, done.returncode, done.stdout)
    return passed


@pytest.mark.parametrize("name", MACHINES)
def test_machine(name):
    needs()
    root = sysroot(name)
    with tempfile.TemporaryDirectory(prefix="cross") as home:
        build(name, root, home)
        is_for(name, home + "/windsock")
        with futures.ThreadPoolExecutor(2) as pool:
            passed = sum(pool.map(run_unit, [played(name, root, unit) for unit in units(home)]))
        print(f"{passed} passed, {sum(map(len, NOT_PLAYED.values()))} that qemu cannot do")
        if name == "arm64":
            promises_hold(played(name, root, home + "/windsock"))


def promises_hold(windsock):
    files = [os.path.join(TESTS, "integration", f"test_{name}.py") for name in PROMISES]
    done = subprocess.run([sys.executable, os.path.join(TESTS, "run.py"), *files], cwd=ROOT,
                          env=dict(os.environ, WINDSOCK=windsock), text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout
    print(done.stdout)
