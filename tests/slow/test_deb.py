# SPDX-License-Identifier: Apache-2.0
"""make deb, by a plain user: what lintian, blhc and hardening-check say of the packages, which
files they hold, and that they are the same bytes wherever and by whomever they are made."""
import fnmatch
import glob
import hashlib
import os
import re
import subprocess
import tarfile
import tempfile

import pytest

from harness import DATA, version_of_makefile
from tarball import ROOT, ask, tree

FILES = os.path.join(DATA, "deb-files.txt")
NOBODY = 65534
# Of those that hardening-check looks for.  Control flow: see functions_are_landing_pads.
HARD = ("Position Independent Executable: yes", "Stack protected: yes",
        "Fortify Source functions: yes", "Read-only relocations: yes", "Immediate binding: yes")
COMPILED = {"-fPIE", "-fstack-protector-strong", "-fstack-clash-protection", "-fcf-protection",
            "-D_FORTIFY_SOURCE=3"}
LINKED = {"-fPIE", "-pie", "-Wl,-z,relro,-z,now"}


@pytest.fixture(scope="module", autouse=True)
def packages():
    """Made once, for all tests."""
    global HOME, COMMIT, DEB, DEBS
    if not os.path.exists("/etc/debian_version"):
        pytest.skip("no Debian")
    ask("sh", "packaging/deps.sh", "build", "test", "deb", "debtest")
    with tempfile.TemporaryDirectory(prefix="deb") as HOME:
        os.chmod(HOME, 0o755)
        COMMIT = tree()
        DEB = build_plainly()
        DEBS = {os.path.basename(path).split("_")[0]: path
                for path in sorted(glob.glob(DEB + "*.deb"))}
        yield


def plainly(*command, **more):
    """As a user without any rights, where there are some to give up."""
    if os.geteuid() == 0:
        command = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *command)
    return ask(*command, **more)


def clone(name):
    path = os.path.join(HOME, name)
    ask("git", "clone", "-q", "--no-checkout", ROOT, path)
    ask("git", "-C", path, "fetch", "-q", ROOT, COMMIT)
    ask("git", "-C", path, "checkout", "-q", COMMIT)
    return path


def build_plainly():
    path = clone("first")
    if os.geteuid() == 0:
        ask("chown", "-R", f"{NOBODY}:{NOBODY}", path)
    plainly("make", "deb", "DEPS=no", cwd=path, HOME="/nonexistent", LC_ALL="C.UTF-8", TZ="UTC")
    return path + "/build/deb/"


def log():
    with open(DEB + "windsock.build") as text:
        return text.read()


def members(path):
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", path], stdout=subprocess.PIPE) as out, \
         tarfile.open(fileobj=out.stdout, mode="r|") as tar:
        yield from tar


def unpacked(package):
    path = os.path.join(HOME, package)
    if not os.path.exists(path):
        ask("dpkg-deb", "-x", DEBS[package], path)
    return path


def test_the_four_packages():
    assert set(DEBS) == {"windsock", "windsock-dbgsym", "windsock-doc", "windsock-monitoring"}


def test_tests_ran_and_nothing_was_installed():
    assert re.search(r"^\d+ passed, 0 failed(, \d+ skipped)?$", log(), re.M)
    assert "installing what is missing" not in log() and "apt-get" not in log()


def test_files_and_permissions():
    """Each file has a line in the reviewed list, and each line has a file."""
    with open(FILES) as text:
        reviewed = [tuple(line.split()) for line in text if line.strip() and line[0] != "#"]
    used, unknown = set(), []
    for package, path in DEBS.items():
        for m in members(path):
            mode = {tarfile.DIRTYPE: "d", tarfile.SYMTYPE: "l"}.get(m.type, "") + "%o" % m.mode
            name = m.name[1:] or "/"
            fits = [line for line in reviewed if line[:2] == (package, mode)
                    and fnmatch.fnmatchcase(name, line[2])]
            used.update(fits)
            if not fits or (m.uname, m.gname) != ("root", "root"):
                unknown.append((package, mode, name, m.uname, m.gname))
    gone = [line for line in reviewed if line not in used]
    assert not unknown and not gone, f"not reviewed: {unknown}; not there: {gone}"


def test_configuration_is_kept():
    found = ask("dpkg-deb", "-I", DEBS["windsock"], "conffiles").split("\n")
    assert set(found) >= {"/etc/default/windsock", "/etc/windsock/windsock.ini"}, found
    etc = {m.name[1:] for m in members(DEBS["windsock"])
           if m.isfile() and m.name.startswith("./etc/")}
    assert etc == set(found), (etc, found)


def test_versions_are_one():
    version = version_of_makefile()
    with open(ROOT + "/packaging/deb/changelog") as text:
        assert text.readline().startswith(f"windsock ({version}-"), version
    said = ask(unpacked("windsock") + "/usr/bin/windsock", "--version")
    assert f"version {version} (revision {COMMIT[:12]})" in said, said


def test_lintian_says_nothing():
    """And whatever is overridden has its reason above it."""
    said = plainly("lintian", "-EviIL", "+pedantic", "--fail-on=none",
                   *glob.glob(DEB + "*.changes"), HOME=HOME)
    tags = re.findall(r"^[EWIPX]: .*", said, re.M)
    assert not tags, tags
    overrides = glob.glob(ROOT + "/packaging/deb/**/*lintian-overrides", recursive=True)
    assert overrides
    for path in overrides:
        with open(path) as text:
            lines = text.read().split("\n")
        assert lines[1].startswith("# "), path


def flags(pattern):
    found = [set(line.split()) for line in log().split("\n") if re.match(pattern, line)]
    assert found, pattern
    return found


def test_every_command_is_hardened():
    ask("blhc", "--all", DEB + "windsock.build")
    for words in flags(r"cc .* -c -o "):
        assert COMPILED <= words, COMPILED - words
    for words in flags(r"cc .* -o build/windsock "):
        assert LINKED <= words, LINKED - words


def test_the_program_is_hardened():
    program = unpacked("windsock") + "/usr/bin/windsock"
    # Its exit code is of what it would like to see too: stack frames large enough for a probe,
    # and the mark for control flow, which the C library's start code on Debian does not carry.
    said = subprocess.run(["hardening-check", program], capture_output=True, text=True).stdout
    for line in HARD:
        assert line in said, said
    assert "rpath" not in ask("readelf", "-dW", program).lower()
    assert re.search(r"GNU_STACK.* RW ", ask("readelf", "-lW", program))


def test_functions_are_landing_pads():
    """All that is not static begins with endbr64: control flow is protected where the kernel and
    the libraries can."""
    if ask("uname", "-m") != "x86_64":
        pytest.skip("endbr64 is of x86_64")
    symbols = glob.glob(unpacked("windsock-dbgsym") + "/usr/lib/debug/.build-id/*/*.debug")
    found = dict(reversed(line.split(" T ")) for line in ask("nm", *symbols).split("\n")
                 if " T " in line and " T _" not in line)
    assert len(found) > 200, len(found)
    code = ask("objdump", "-d", "--no-show-raw-insn", unpacked("windsock") + "/usr/bin/windsock")
    pads = {int(at, 16) for at in re.findall(r"^ *([0-9a-f]+):\tendbr64", code, re.M)}
    bare = [name for name, at in found.items() if int(at, 16) not in pads]
    assert not bare, bare


def sums(directory):
    found = {}
    for path in glob.glob(directory + "*"):
        if path.endswith((".deb", ".dsc", ".gz", ".xz")):
            with open(path, "rb") as file:
                found[os.path.basename(path)] = hashlib.sha256(file.read()).hexdigest()
    return found


def test_the_same_bytes_each_time():
    """Another directory, day, user, umask, language, time zone; without tests; two options that
    are not for the package."""
    path = clone("other/and/much/longer")
    ask("sh", "-c", "umask 077 && exec faketime -f +500d make deb DEPS=no BUILD=elsewhere CFLAGS=-O0",
        cwd=path, HOME=path, LC_ALL="C", TZ="Asia/Kathmandu", USER="other", PREFIX="/opt",
        DEB_BUILD_OPTIONS="nocheck parallel=1")
    first, second = sums(DEB), sums(path + "/elsewhere/deb/")
    assert len(first) == 7 and first == second, (first, second)
