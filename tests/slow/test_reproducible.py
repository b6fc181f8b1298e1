# SPDX-License-Identifier: Apache-2.0
"""Two builds of the same source are the same bytes: another directory, day, umask, language,
time zone, user, host and number of jobs."""
import os
import re
import shutil
import subprocess
import tempfile

import pytest

from tarball import ROOT, ask, dist, tree, unpack

FILES = ("windsock", "windsock.spdx.json", "libwindsock.a", "libwindsockd.a", "builtin.c")
OTHER = {"LC_ALL": "C", "TZ": "Asia/Kathmandu", "USER": "other", "LOGNAME": "other",
         "HOME": "/nonexistent", "HOSTNAME": "other", "LANGUAGE": "tr"}


@pytest.fixture(scope="module", autouse=True)
def builds():
    global HOME, TARBALL, ONE, TWO
    ask("sh", "packaging/deps.sh", "build", "rpm", cwd=ROOT)
    with tempfile.TemporaryDirectory(prefix="reproducible") as HOME:
        TARBALL = dist(HOME + "/dist", tree())
        ONE = build("one", [], 1)
        umask = os.umask(0o077)
        host = ["unshare", "--uts", "sh", "-c", 'hostname other; exec "$@"', "sh"]
        TWO = build("two/and/longer", ["faketime", "-f", "+400d", *(host if os.geteuid() == 0 else [])],
                    os.cpu_count(), touch=("src/base/build.c", "Makefile"), **OTHER)
        os.umask(umask)
        yield


def build(at, before, jobs, **env):
    """In a directory of that name; returns the source's."""
    home = os.path.join(HOME, at)
    os.makedirs(home)
    source = unpack(TARBALL, home)
    for name in env.pop("touch", []):
        os.utime(os.path.join(source, name), (1, 1))
    ask(*before, "make", "-s", f"-j{jobs}", "DEPS=no", "all", "sbom", cwd=source, **env)
    return source


def read(source, name):
    with open(os.path.join(source, "build", name), "rb") as file:
        return file.read()


def test_two_builds_are_the_same_bytes():
    for name in FILES:
        if read(ONE, name) != read(TWO, name):
            if shutil.which("diffoscope"):
                subprocess.run(["diffoscope", *(os.path.join(s, "build", name)
                                                for s in (ONE, TWO))], timeout=120)
            raise AssertionError(name)


def test_debugging_information_knows_no_directory():
    """Nor is it missing, which would be an easy way to be the same."""
    dump = ask("readelf", "--debug-dump=info", "--dwarf-depth=1", ONE + "/build/windsock")
    places = set(re.findall(r"DW_AT_comp_dir *: (?:\(.*?\): )?(\S+)", dump))
    assert places == {"."}, places
    for name in FILES:
        assert HOME.encode() not in read(ONE, name), name


def test_the_other_build_was_another_one():
    """What was to differ did."""
    assert ONE != TWO
    assert ask("faketime", "-f", "+400d", "date", "+%Y") != ask("date", "+%Y")
    modes = {oct(os.stat(s + "/build/windsock").st_mode & 0o777) for s in (ONE, TWO)}
    assert modes == {"0o755", "0o700"}, modes
