# SPDX-License-Identifier: Apache-2.0
"""make sbom: all that was compiled and linked is in it, once, with its sums; it is SPDX 2.3 to
the tools of the SPDX project, which come from PyPI."""
import glob
import hashlib
import json
import os
import re
import subprocess
import tempfile

import pytest

import pypi
from tarball import ROOT, ask

TOOLS = "spdx-tools==0.8.5"
BUILD = os.path.join(ROOT, "build")
# Debian's source packages of the compiler and its C library: their headers declare, no more.
TOOLCHAIN = re.compile(r"gcc-\d+|glibc|linux|llvm-toolchain-\d+")


@pytest.fixture(scope="module", autouse=True)
def document():
    global BYTES, DOCUMENT
    BYTES = make()
    DOCUMENT = json.loads(BYTES)


def make():
    ask("make", "-s", f"-j{os.cpu_count()}", "sbom")
    with open(BUILD + "/windsock.spdx.json", "rb") as file:
        return file.read()


def package(name):
    return next(p for p in DOCUMENT["packages"] if p["name"] == name)


def related(how):
    return {r["relatedSpdxElement"] for r in DOCUMENT["relationships"]
            if r["relationshipType"] == how}


def test_its_files_are_those_of_the_build():
    found = {f["fileName"][2:]: f for f in DOCUMENT["files"]}
    sources = {os.path.relpath(p, ROOT) for p in glob.glob(ROOT + "/src/*/*.[ch]")}
    assert sources <= set(found), sources - set(found)
    assert {"build/windsock", "mappings/airflow.ini", "include/windsock/err.h"} <= set(found)
    for name, f in found.items():
        with open(os.path.join(ROOT, name), "rb") as file:
            content = file.read()
        for checksum in f["checksums"]:
            wanted = hashlib.new(checksum["algorithm"], content).hexdigest()
            assert checksum["checksumValue"] == wanted, name
        assert f["licenseConcluded"] == "Apache-2.0", name
    ours = package("windsock")
    sums = [ask("sha1sum", os.path.join(ROOT, name)).split()[0]
            for name in found if name != "build/windsock"]
    code = hashlib.sha1("".join(sorted(sums)).encode()).hexdigest()
    assert ours["packageVerificationCode"]["packageVerificationCodeValue"] == code
    assert related("GENERATED_FROM") == {f["SPDXID"] for f in DOCUMENT["files"]
                                         if f["fileName"] != "./build/windsock"}


def test_it_says_which_windsock():
    ours = package("windsock")
    said = ask(BUILD + "/windsock", "--version")
    version, revision = re.match(r"windsock, version (\S+) \(revision (\S+)\)", said).groups()
    assert ours["versionInfo"] == version
    assert ours["sourceInfo"].startswith("git commit " + revision), ours["sourceInfo"]
    at = ask("git", "log", "-1", "--date=format-local:%Y-%m-%dT%H:%M:%SZ", "--format=%cd", TZ="UTC")
    assert DOCUMENT["creationInfo"]["created"] == at


def test_all_that_is_linked_is_in_it():
    """By the loader, which finds the files by itself."""
    loaded = dict(re.findall(r"^\s*(\S+) => (/\S+)", ask("ldd", BUILD + "/windsock"), re.M))
    asked_for = re.findall(r"NEEDED +(\S+)", ask("objdump", "-p", BUILD + "/windsock"))
    assert len(asked_for) >= 8
    owners = set()
    for name in asked_for:
        real = os.path.realpath(loaded[name])
        said = subprocess.run(["dpkg-query", "-S", real, real.replace("/usr/", "/", 1)],
                              capture_output=True, text=True).stdout
        owner = said.split(":")[0]
        version = ask("dpkg-query", "-W", "-f", "${Version}\n", owner).split("\n")[0]
        found = package(owner)
        assert found["versionInfo"] == version, found
        assert found["SPDXID"] in related("DYNAMIC_LINK"), found
        owners.add(owner)
    assert len(related("DYNAMIC_LINK")) == len(owners)
    for one in DOCUMENT["packages"]:
        assert one["licenseConcluded"] != "NOASSERTION", one
        if one["licenseDeclared"] != "NOASSERTION":
            assert one["licenseDeclared"] == one["licenseConcluded"], one


def test_all_headers_have_a_library_or_are_in_it():
    """A library that is nothing but a header must be named: nothing links it."""
    sources = glob.glob(ROOT + "/src/*/*.c")
    flags = ask("pkg-config", "--cflags", "libevent_core", "libmicrohttpd").split()
    words = ask("cc", "-M", "-D_GNU_SOURCE", "-Iinclude", "-Isrc", *flags, *sources).split()
    paths = sorted({os.path.realpath(w) for w in words if w.startswith("/usr/")})
    owners = {line.split(":")[0] for line in ask("dpkg-query", "-S", *paths).split("\n")}

    def source(name):
        return ask("dpkg-query", "-W", "-f", "${source:Package}\n", name).split("\n")[0]
    known = {source(p["name"]) for p in DOCUMENT["packages"] if p["name"] != "windsock"}
    for owner in owners:
        assert source(owner) in known or TOOLCHAIN.fullmatch(source(owner)), owner
    assert {package("uthash-dev")["SPDXID"]} == related("STATIC_LINK")


def test_it_holds_together():
    everything = [*DOCUMENT["packages"], *DOCUMENT["files"], DOCUMENT]
    names = [one["SPDXID"] for one in everything]
    assert len(names) == len(set(names))
    for name in names:
        assert re.fullmatch(r"SPDXRef-[A-Za-z0-9.-]+", name), name
    for relation in DOCUMENT["relationships"]:
        assert relation["spdxElementId"] in names and relation["relatedSpdxElement"] in names
    assert related("DESCRIBES") == {package("windsock")["SPDXID"]}
    assert ROOT not in json.dumps(DOCUMENT)


def test_it_is_the_same_again(monkeypatch):
    for name, value in dict(LC_ALL="C", TZ="Asia/Kathmandu", PYTHONHASHSEED="7").items():
        monkeypatch.setenv(name, value)
    assert make() == BYTES


def test_the_tools_of_spdx_find_no_fault():
    with tempfile.TemporaryDirectory(prefix="spdx") as home:
        tools = pypi.environment(home, TOOLS) + "/pyspdxtools"
        ask(tools, "-i", BUILD + "/windsock.spdx.json")
        broken = dict(DOCUMENT, packages=[dict(DOCUMENT["packages"][0], licenseConcluded="mine!")])
        with open(home + "/broken.spdx.json", "w") as file:
            json.dump(broken, file)
        done = subprocess.run([tools, "-i", file.name], capture_output=True)
        assert done.returncode != 0
