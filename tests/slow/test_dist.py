# SPDX-License-Identifier: Apache-2.0
"""make dist: the same bytes each time, and a source that builds and passes its tests without
git."""
import lzma
import os
import re
import tarfile
import tempfile

import pytest

from tarball import ROOT, ask, dist, tree, unpack


@pytest.fixture(scope="module", autouse=True)
def tarball():
    global HOME, COMMIT, TARBALL
    with tempfile.TemporaryDirectory(prefix="dist") as HOME:
        COMMIT = tree()
        TARBALL = dist(HOME + "/first", COMMIT)
        yield


def content(name):
    with open(name, "rb") as file:
        return file.read()


def test_the_same_bytes_each_time():
    """Another directory, clone, umask, time zone, language and user's git settings."""
    clone = HOME + "/a/longer/path"
    ask("git", "clone", "-q", "--no-checkout", ROOT, clone)
    ask("git", "-C", clone, "fetch", "-q", ROOT, COMMIT)
    ask("git", "-C", clone, "checkout", "-q", COMMIT)
    with open(HOME + "/.gitconfig", "w") as settings:
        settings.write("[tar]\n\tumask = 077\n[core]\n\tautocrlf = true\n\tabbrev = 40\n")
    ask("sh", "-c", "umask 077 && exec make -s dist TREE=" + COMMIT, cwd=clone,
        HOME=HOME, TZ="Asia/Kathmandu", LC_ALL="C", USER="other", GZIP="-1", XZ_OPT="-1")
    for suffix in ".tar.gz", ".tar.xz", ".sha256":
        name = os.path.basename(TARBALL).replace(".tar.gz", suffix)
        assert content(HOME + "/first/" + name) == content(clone + "/build/" + name), name


def test_both_say_the_same_and_have_their_sums():
    with lzma.open(TARBALL.replace(".gz", ".xz")) as xz, tarfile.open(TARBALL) as gz:
        gz.fileobj.seek(0)
        assert xz.read() == gz.fileobj.read()
    said = ask("sha256sum", "-c", os.path.basename(TARBALL).replace(".tar.gz", ".sha256"),
               cwd=os.path.dirname(TARBALL))
    assert said.count(": OK") == 2, said


def test_it_holds_what_git_holds():
    at = int(ask("git", "log", "-1", "--format=%ct", COMMIT))
    listed = ask("git", "ls-tree", "-r", "--name-only", COMMIT).split("\n")
    top = re.sub(r"\.tar\.gz$", "", os.path.basename(TARBALL))
    with tarfile.open(TARBALL) as tar:
        members = tar.getmembers()
    assert [m.name for m in members if not m.isdir()] == [top + "/" + name for name in listed]
    for m in members:
        assert (m.uname, m.gname, m.uid, m.gid, m.mtime) == ("root", "root", 0, 0, at), m
        assert m.mode in (0o644, 0o755), (m.name, oct(m.mode))


def test_it_builds_and_passes_its_tests_without_git():
    """In the middle of somebody else's git, of which it must not take the commit."""
    ask("git", "init", "-q", HOME)
    ask("git", "-C", HOME, "-c", "user.name=x", "-c", "user.email=x@localhost", "commit", "-q",
        "--allow-empty", "-m", "theirs")
    source = unpack(TARBALL, HOME)
    ask("make", f"-j{os.cpu_count()}", cwd=source)
    said = ask(source + "/build/windsock", "--version")
    assert f"(revision {COMMIT[:12]})" in said, (COMMIT, said)
    said = ask("make", f"-j{os.cpu_count()}", "test", cwd=source, GIT_DIR="/nonexistent")
    assert re.search(r"^\d+ passed, 0 failed(, \d+ skipped)?$", said, re.M), said[-3000:]
