# SPDX-License-Identifier: Apache-2.0
"""make install puts what the list says, where the directories say; make uninstall takes all of
it away, and nothing else."""
import os
import re
import shutil
import subprocess
import tempfile

import pytest

from harness import PROGRAM, ROOT, ini, read, run

BUILD = os.path.dirname(PROGRAM)
# Reviewed: each file with PREFIX=/usr but for the trees below.
FILES = """
644 etc/apparmor.d/windsock
644 etc/default/windsock
644 etc/windsock/windsock.ini
755 usr/bin/windsock
644 usr/lib/systemd/system/windsock.service
644 usr/lib/systemd/system/windsock.socket
644 usr/lib/systemd/system/windsock@.service
644 usr/lib/systemd/system/windsock@.socket
644 usr/share/bash-completion/completions/windsock
644 usr/share/fish/vendor_completions.d/windsock.fish
644 usr/share/zsh/site-functions/_windsock
644 usr/share/man/man5/windsock-mapping.5
644 usr/share/man/man8/windsock.8
644 usr/share/windsock/mappings/airflow-helm.ini
644 usr/share/windsock/mappings/airflow-mixin.ini
644 usr/share/windsock/mappings/airflow.ini
644 usr/share/windsock/mappings/astronomer.ini
644 usr/share/windsock/mappings/databand.ini
755 usr/share/windsock/tools/tee.py
"""
TREES = {"usr/share/windsock/kubernetes": "packaging/kubernetes",
         "usr/share/windsock/monitoring": "packaging/monitoring"}
DOCS = "usr/share/doc/windsock"
CONFIGURATION = ("etc/default/windsock", "etc/windsock/windsock.ini")


def make(target, at, *variables):
    # As built: this test says nothing about the compiler, and others run beside it.
    done = subprocess.run(["make", "-s", "-C", ROOT, "BUILD=" + BUILD, "-o", BUILD + "/windsock",
                           target, "DESTDIR=" + at, *variables],
                          env={"PATH": os.environ["PATH"], "HOME": at}, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout
    return done.stdout


def found(at):
    """path -> mode of all files below."""
    return {os.path.relpath(os.path.join(home, name), at):
            f"{os.stat(os.path.join(home, name)).st_mode & 0o7777:o}"
            for home, _, names in os.walk(at) for name in names}


def write(text, *path):
    with open(os.path.join(*path), "w", encoding="utf-8") as file:
        file.write(text)


def wanted():
    if shutil.which("git") is None or not os.path.exists(os.path.join(ROOT, ".git")):
        pytest.skip("the list of files is git's")
    files = {path: mode for mode, path in (line.split() for line in FILES.split("\n") if line)}
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-s"], check=True, text=True,
                            capture_output=True).stdout
    for mode, path in re.findall(r"^100(\d+) \S+ \d+\t(.+)$", listed, re.M):
        for target, source in TREES.items():
            if path.startswith(source + "/") and "/grafana/src/" not in path:
                files[target + path[len(source):]] = mode
        if re.match(r"docs/[^/]+\.(md|png|svg)$|(README|CHANGELOG)\.md$|LICENSE$", path):
            files[DOCS + "/" + os.path.basename(path)] = "644"
        if re.match(r"docs/[^/]+\.[58]$", path) and shutil.which("mandoc"):
            files[f"{DOCS}/{os.path.basename(path)}.html"] = "644"
    return files


def test_each_file_is_where_it_belongs():
    with tempfile.TemporaryDirectory() as at:
        os.umask(0o077)  # modes are the list's, not those of who installs
        make("install", at, "PREFIX=/usr")
        os.umask(0o022)
        got, want = found(at), wanted()
        assert got == want, sorted(set(got.items()) ^ set(want.items()))
        for home, names, _ in os.walk(at):
            for name in names:
                mode = os.stat(os.path.join(home, name)).st_mode & 0o7777
                assert mode == 0o755, (home, name, oct(mode))


def test_uninstall_leaves_nothing_and_takes_nothing_else():
    with tempfile.TemporaryDirectory() as at:
        make("install", at)
        assert "usr/local/bin/windsock" in found(at)
        others = ("usr/local/bin/other", "etc/windsock/mine.ini",
                  "usr/local/share/windsock/mappings/mine.ini", "etc/default/other")
        for path in others:
            write("", at, path)
        make("uninstall", at)
        assert sorted(found(at)) == sorted(others), found(at)
        for path in others:
            os.remove(os.path.join(at, path))
        make("install", at)
        make("uninstall", at)
        assert found(at) == {}, found(at)
        left = {name for _, names, _ in os.walk(at) for name in names}
        assert "windsock" not in left and "monitoring" not in left, left


def test_configuration_that_was_changed_is_kept():
    with tempfile.TemporaryDirectory() as at:
        make("install", at)
        for path in CONFIGURATION:
            write("; mine\n", at, path)
        said = make("install", at)
        assert said.count("kept, because it was changed: ") == 2, said
        said = make("uninstall", at)
        assert said.count("kept, because it was changed: ") == 2, said
        assert sorted(found(at)) == sorted(CONFIGURATION)
        assert all(read(at, path) == "; mine\n" for path in CONFIGURATION)


def test_directories_can_be_chosen():
    """The GNU names, in capitals and small; files name each other where they are."""
    with tempfile.TemporaryDirectory() as at:
        make("install", at, "prefix=/opt/w", "bindir=/opt/bin", "sysconfdir=/opt/etc",
             "docdir=/opt/doc", "MANDIR=/opt/man", "UNITDIR=/opt/units", "datadir=/opt/data")
        got = found(at)
        for path in ("opt/bin/windsock", "opt/etc/windsock/windsock.ini", "opt/doc/runbook.md",
                     "opt/man/man8/windsock.8", "opt/units/windsock.socket",
                     "opt/data/windsock/mappings/airflow.ini"):
            assert path in got, (path, sorted(got))
        assert not [path for path in got if not path.startswith("opt/")], got
        unit = read(at, "opt/units/windsock.service")
        for line in ("ExecStart=/opt/bin/windsock $ARGS",
                     "EnvironmentFile=-/opt/etc/default/windsock"):
            assert line in unit.split("\n"), line
        assert "builtin:airflow,/opt/etc/windsock/windsock.ini\n" in unit
        assert "file:///opt/doc/runbook.md#" in read(
            at, "opt/data/windsock/monitoring/prometheus/rules/windsock.yml")
        for path in got:
            if path.endswith((".5", ".8", ".service", ".socket", ".ini", "/windsock")) and \
                    path != "opt/bin/windsock" and "/mappings/" not in path:
                old = re.findall(r"(?<![\w/])/(?:usr|etc)/\S*windsock\S*", read(at, path))
                assert not old, (path, old)


def test_the_files_of_the_manual_are_there():
    with tempfile.TemporaryDirectory() as at:
        make("install", at, "PREFIX=/usr")
        for page in ("windsock.8", "windsock-mapping.5"):
            section = read("docs", page).split(".Sh FILES\n")[1].split("\n.Sh ")[0]
            paths = re.findall(r"^\.It Pa (/\S+)$", section, re.M)
            assert len(paths) >= 2, page
            for path in paths:
                assert os.path.exists(at + path), (page, path)


def test_the_configuration_is_all_comments_and_right():
    """What stands in comments is an example that works."""
    text = read("packaging/config/windsock.ini")
    assert not re.search(r"^[^;\n]", text, re.M), text
    example = re.sub(r"^; ?", "", text[text.index("; [windsock]"):], flags=re.M)
    with ini(example) as mapping:
        code, out, log = run("explain", "--statsd.mapping-config=builtin:airflow", mapping.flag,
                             "airflow.etl.orders.load.rows:3|c")
        assert 'etl_rows_total{step="load",table="orders"} counter' in out, (code, out, log)
    code, _, log = run("check", "builtin:airflow", os.path.join(ROOT, "packaging/config/windsock.ini"))
    assert code == 0, log
    text = read("packaging/config/windsock.default")
    assert not re.search(r"^[^#\n]", text, re.M), text
    settings = dict(line.split("=", 1) for line in re.findall(r'^#([A-Z_]+=.*)$', text, re.M))
    assert set(settings) == {"ARGS", "WINDSOCK_STATSD_MAPPING_CONFIG", "WINDSOCK_STATSD_SENDER_LABEL"}
    settings["WINDSOCK_STATSD_MAPPING_CONFIG"] = settings["WINDSOCK_STATSD_MAPPING_CONFIG"].replace(
        "/etc/windsock/windsock.ini", os.path.join(ROOT, "packaging/config/windsock.ini"))
    code, _, log = run("--check-config", settings.pop("ARGS").strip('"'), **settings)
    assert code == 0, log
