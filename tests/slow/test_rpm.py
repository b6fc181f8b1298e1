# SPDX-License-Identifier: Apache-2.0
"""make rpm: what is in the packages, what their scripts do, that they are the same each time,
and the life of them in a directory: installed, changed, installed again, removed."""
import glob
import os
import re
import shutil
import subprocess
import tempfile

import pytest

import harness
from harness import Windsock, wait_for
from machine import Machine, base, needs
from tarball import ROOT, ask, tree

LINT = os.path.join(ROOT, "packaging", "rpm", "rpmlint.toml")
# Reviewed: mode, what rpm takes it for (c: configuration, n: never replaced, d: documentation,
# l: licence), path.  %v: the version.  Trees are compared with the source.
FILES = """
100644 cn /etc/sysconfig/windsock
40755 - /etc/windsock
100644 cn /etc/windsock/windsock.ini
100755 - /usr/bin/windsock
100644 - /usr/lib/systemd/system/windsock.service
100644 - /usr/lib/systemd/system/windsock.socket
100644 - /usr/lib/systemd/system/windsock@.service
100644 - /usr/lib/systemd/system/windsock@.socket
100644 - /usr/share/bash-completion/completions/windsock
40755 - /usr/share/doc/windsock
100644 d /usr/share/doc/windsock/CHANGELOG.md
100644 d /usr/share/doc/windsock/README.md
100644 - /usr/share/fish/vendor_completions.d/windsock.fish
40755 - /usr/share/licenses/windsock-%v
100644 l /usr/share/licenses/windsock-%v/LICENSE
100644 - /usr/share/bash-completion/completions/windsock
100644 - /usr/share/fish/vendor_completions.d/windsock.fish
100644 d /usr/share/man/man5/windsock-mapping.5.gz
100644 d /usr/share/man/man8/windsock.8.gz
100644 - /usr/share/zsh/site-functions/_windsock
40755 - /usr/share/windsock
40755 - /usr/share/windsock/mappings
100644 - /usr/share/zsh/site-functions/_windsock
"""
TREES = {
    "windsock": {"/usr/share/windsock/mappings": "mappings"},
    "windsock-doc": {"/usr/share/doc/windsock": "docs"},
    "windsock-monitoring": {"/usr/share/windsock/" + d: "packaging/" + d
                            for d in ("kubernetes", "monitoring", "tools")},
}
# Manuals have a place of their own; the sources of dashboards are for who works on them.
NOT_INSTALLED = re.compile(r"\.[1-8]$|/grafana/src/")
LIBRARIES = {"libc", "libevent_core-2.1", "libinih", "libm", "libmicrohttpd", "libpcre2-8",
             "libsystemd", "libz"}
# What Debian calls these libraries.
MACHINE = ("libevent-core-2.1-7", "libinih1", "libmicrohttpd12", "libpcre2-8-0", "libsystemd0", "rpm",
           "zlib1g")
UNITS = ("windsock.socket", "windsock.service")
INSTANCE = "windsock@8126"
# What the scripts ask of systemctl, by the number of packages that there will be.
CALLS = {
    ("post", 1): ["--no-reload preset windsock.socket windsock.service"],
    ("post", 2): [],
    ("preun", 0): ["stop windsock@*.socket windsock@*.service",
                   "--no-reload disable --now windsock.socket windsock.service windsock@.socket "
                   "windsock@.service"],
    ("preun", 1): [],
    ("postun", 0): ["daemon-reload"],
    ("postun", 1): ["daemon-reload", "try-restart windsock.service windsock@*.service"],
}


@pytest.fixture(scope="module", autouse=True)
def packages():
    global HOME, COMMIT, RPMS
    with tempfile.TemporaryDirectory(prefix="rpm") as HOME:
        COMMIT = tree()
        RPMS = make_rpms("first")
        yield


def make_rpms(name, *flags):
    """{package: file}, moved into a directory of that name."""
    build, at = os.path.join(HOME, "build"), os.path.join(HOME, name)
    ask("make", "-s", "rpm", "BUILD=" + build, "TREE=" + COMMIT, "RPMFLAGS=" + " ".join(flags))
    os.rename(build, at)
    files = glob.glob(at + "/rpm/*.rpm")
    return {re.sub(r"-[\d.]+-[^-]+$", "", os.path.basename(f)) +
            ("-src" if f.endswith(".src.rpm") else ""): f for f in files}


def query(package, text):
    return ask("rpm", "-qp", "--qf", text, RPMS[package])


def files(package):
    """path -> mode and kind."""
    listed = query(package, "[%{FILEMODES:octal} .%{FILEFLAGS:fflags} %{FILENAMES}\n]")
    found = {}
    for line in listed.split("\n"):
        mode, kind, path = line.split(" ", 2)
        if not path.startswith("/usr/lib/.build-id"):
            found[path] = mode, kind[1:] or "-"
    return found


def test_the_packages_are_these():
    assert set(RPMS) == {"windsock", "windsock-src", "windsock-doc", "windsock-monitoring",
                         "windsock-debuginfo", "windsock-debugsource"}, set(RPMS)
    noarch = {p for p in RPMS if query(p, "%{ARCH}") == "noarch"}
    assert noarch == {"windsock-doc", "windsock-monitoring"}, noarch


def test_its_tests_ran():
    with open(os.path.dirname(RPMS["windsock"]) + "/windsock.build") as log:
        found = re.findall(r"^(\d+) passed, 0 failed(?:, \d+ skipped)?$", log.read(), re.M)
    assert len(found) == 1 and int(found[0]) > 400, found


def test_rpmlint_has_nothing_to_say():
    """And each filter is needed."""
    with open(LINT) as file:
        filters = re.findall(r'^\t"(.*)",$', file.read(), re.M)
    subjects = [*RPMS.values(), os.path.join(ROOT, "packaging/rpm/windsock.spec")]
    said = subprocess.run(["rpmlint", "-c", LINT, *subjects], capture_output=True, text=True)
    assert said.returncode == 0 and " 0 errors, 0 warnings," in said.stdout, said.stdout
    bare = HOME + "/bare.toml"
    with open(LINT) as file, open(bare, "w") as out:
        out.write(re.sub(r"^Filters = \[.*?^\]", "", file.read(), flags=re.M | re.S))
    said = subprocess.run(["rpmlint", "-c", bare, *subjects], capture_output=True,
                          text=True).stdout
    assert filters
    for one in filters:
        assert re.search(one, said), "nothing left to filter: " + one


def test_the_files_are_those_of_the_list():
    found = files("windsock")
    inside = {p for p in found for at in TREES["windsock"] if p.startswith(at + "/")}
    version = query("windsock", "%{VERSION}")
    wanted = {}
    for line in FILES.strip().replace("%v", version).split("\n"):
        mode, kind, path = line.split(" ", 2)
        wanted[path] = mode, kind
    got = {p: v for p, v in found.items() if p not in inside}
    # Fedora's rpm puts no version behind the directory of licences, and a 0 before modes.
    got = {re.sub(r"(licenses/windsock)(?=/|$)", r"\1-" + version, p): (m.lstrip("0"), k)
           for p, (m, k) in got.items()}
    assert got == wanted, sorted(set(got.items()) ^ set(wanted.items()))


def test_the_trees_are_those_of_the_source():
    for package, trees in TREES.items():
        found = files(package)
        for at, source in trees.items():
            inside = {p[len(at) + 1:]: v for p, v in found.items() if p.startswith(at + "/")}
            assert inside, at
            for path, (mode, kind) in inside.items():
                if mode.lstrip("0") == "40755":
                    continue
                if package == "windsock-doc":
                    assert kind == "d", (path, kind)
                own = os.path.join(ROOT, source, path)  # the manual's HTML is made
                runs = source == "packaging/tools" or os.access(own, os.X_OK)
                assert mode.lstrip("0") == ("100755" if runs else "100644"), (path, mode)
            wanted = {f[len(source) + 1:] for f in ask("git", "ls-files", source).split("\n")
                      if not NOT_INSTALLED.search(f)}
            missing = wanted - set(inside)
            assert not missing, (package, missing)
    assert "/usr/share/doc/windsock/windsock.8.html" in files("windsock-doc")
    for package in ("windsock-doc", "windsock-monitoring"):
        owners = query(package, "[%{FILEUSERNAME}:%{FILEGROUPNAME}\n]").split("\n")
        assert set(owners) == {"root:root"}, (package, set(owners))
        assert any(kind == "l" for _, kind in files(package).values()), package


def test_it_needs_the_libraries_and_no_more():
    needs = query("windsock", "[%{REQUIRENAME}\n]").split("\n")
    libraries = {re.sub(r"\.so.*", "", n) for n in needs if ".so." in n}
    assert libraries == LIBRARIES, libraries
    assert not [n for n in needs if n.startswith("/") and n != "/bin/sh"], needs
    needs = query("windsock-monitoring", "[%{REQUIRENAME}\n]").split("\n")
    assert {n for n in needs if n.startswith("/")} <= {"/bin/sh", "/bin/bash", "/usr/bin/python3"}
    assert "/usr/bin/python3" in needs


def test_scripts_call_systemctl():
    """The real scripts, with a systemctl that writes down what it is asked, and a directory
    for the one that says that systemd runs."""
    home = HOME + "/scripts"
    os.makedirs(home + "/bin")
    with open(home + "/bin/systemctl", "w") as stub:
        stub.write(f'#!/bin/sh\necho "$*" >>{home}/calls\nexit 1\n')
    os.chmod(home + "/bin/systemctl", 0o755)
    tags = {"post": "POSTIN", "preun": "PREUN", "postun": "POSTUN"}
    for systemd in (home, "/nonexistent"):
        for (name, left), wanted in CALLS.items():
            script = query("windsock", "%%{%s}" % tags[name])
            assert "/run/systemd/system" in script, script
            open(home + "/calls", "w").close()
            ask("sh", "-e", "-c", script.replace("/run/systemd/system", systemd), "sh", str(left),
                cwd="/", PATH=home + "/bin:" + os.environ["PATH"])
            with open(home + "/calls") as calls:
                got = calls.read().splitlines()
            assert got == (wanted if systemd == home else []), (name, left, got)
    for package in set(RPMS) - {"windsock"}:
        assert ask("rpm", "-qp", "--scripts", RPMS[package]) == "", package


def test_a_life_in_a_directory(monkeypatch):
    root = HOME + "/root"
    rpm = ("rpm", "--root", root, "--dbpath", "/rpmdb")
    mine = [RPMS[p] for p in TREES]
    os.mkdir(root)
    ask(*rpm, "-i", "--nodeps", "--noscripts", *mine)
    assert ask(*rpm, "-qa").count("windsock-") == 3
    ask(*rpm, "-V", "--nodeps", "windsock", "windsock-doc", "windsock-monitoring")
    said = ask(root + "/usr/bin/windsock", "--version")
    assert f"(revision {COMMIT[:12]})" in said, (COMMIT, said)
    monkeypatch.setattr(harness, "PROGRAM", root + "/usr/bin/windsock")
    with Windsock("--statsd.mapping-config=" + root + "/etc/windsock/windsock.ini",
                  "--statsd.mapping-config=builtin:airflow") as w:
        w.send("airflow.scheduler_heartbeat:1|c")
        assert w.value("airflow_scheduler_heartbeat") == 1
    own = root + "/etc/windsock/windsock.ini"
    with open(own, "a") as ini:
        ini.write("; mine\n")
    with open(root + "/etc/windsock/team.ini", "w") as ini:
        ini.write("; mine, too\n")
    ask(*rpm, "-U", "--force", "--nodeps", "--noscripts", *mine)
    with open(own) as ini:
        assert ini.read().endswith("; mine\n")
    ask(*rpm, "-e", "--nodeps", "--noscripts", "windsock", "windsock-doc", "windsock-monitoring")
    left = {os.path.relpath(os.path.join(at, name), root) for at, _, names in os.walk(root)
            for name in names if not at.startswith(root + "/rpmdb")}
    assert left == {"etc/windsock/windsock.ini.rpmsave", "etc/windsock/team.ini"}, left


def bash(script):
    return ["bash", "-euc", script]


def metrics(machine, port):
    return machine.run(*bash("exec 3<>/dev/tcp/127.0.0.1/%d; printf 'GET /metrics HTTP/1.0\r\n\r\n' "
                             ">&3; cat <&3" % port))


def state(machine, unit, name):
    return machine.run("systemctl", "show", "--property=" + name, "--value", unit).strip()


def test_a_life_with_systemd():
    """Debian's: its presets enable what is installed, Fedora's do not."""
    needs()
    tar = base(MACHINE)
    rpm = ("rpm", "--force-debian", "--nodeps")
    with Machine(tar) as m:
        for package in TREES:
            shutil.copy(RPMS[package], m.root + "/srv/" + package + ".rpm")
        mine = ["/srv/" + package + ".rpm" for package in TREES]
        m.run(*rpm, "-i", *mine)
        assert m.run("systemctl", "is-enabled", *UNITS).split() == ["enabled"] * 2
        m.run("systemctl", "daemon-reload")
        m.run("systemctl", "start", "windsock.socket")
        m.run("systemctl", "enable", "--now", INSTANCE + ".socket")
        for port, http in ((8125, 9092), (8126, 18126)):
            m.run(*bash("printf airflow.scheduler_heartbeat:1\\|c >/dev/udp/127.0.0.1/%d" % port))
            wait_for(lambda http=http: "\nairflow_scheduler_heartbeat 1\n" in metrics(m, http),
                     "the sample")
        services = ("windsock.service", INSTANCE + ".service")
        before = {s: state(m, s, "MainPID") for s in services}
        since = state(m, "windsock.socket", "ActiveEnterTimestampMonotonic")
        m.run(*rpm, "-U", "--force", *mine)
        for service in services:
            assert state(m, service, "ActiveState") == "active"
            assert state(m, service, "MainPID") not in (before[service], "0"), service
        assert state(m, "windsock.socket", "ActiveEnterTimestampMonotonic") == since
        m.run(*rpm, "-e", *TREES)
        left = m.run("systemctl", "list-units", "--all", "--plain", "--no-legend", "windsock*")
        assert "active running" not in left and "listening" not in left, left
        assert m.run("find", "/etc/systemd", "/usr/lib/systemd", "-name", "windsock*") == ""
        ports = m.read_proc("net/udp") + m.read_proc("net/tcp") + m.read_proc("net/tcp6")
        for port in (8125, 8126, 9092, 18126):
            assert not re.search(":%04X [0-9A-F]+:0000 " % port, ports), (port, ports)


def test_the_same_bytes_each_time(monkeypatch):
    """Another umask, time zone, language and name, in the same directory, as mock has it: rpm
    writes the directory into the source package.  The tests need not run again."""
    for name, value in dict(TZ="Asia/Kathmandu", LC_ALL="C", USER="other", LOGNAME="other").items():
        monkeypatch.setenv(name, value)
    before = os.umask(0o077)
    try:
        again = make_rpms("second", "--nocheck")
    finally:
        os.umask(before)
    assert set(again) == set(RPMS)
    for package, name in RPMS.items():
        with open(name, "rb") as one, open(again[package], "rb") as other:
            assert one.read() == other.read(), package
