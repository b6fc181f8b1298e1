# SPDX-License-Identifier: Apache-2.0
"""Completions know every flag, and work in the shells that are here."""
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time

import pytest

from harness import PATIENCE, PROGRAM, ROOT, read

COMPLETION = os.path.join(ROOT, "packaging", "completion")


def needs(shell):
    if shutil.which(shell) is None:
        pytest.skip("no " + shell)


def test_they_are_made_from_the_help():
    """`packaging/completion/generate.py build/windsock packaging/completion` after a new flag."""
    with tempfile.TemporaryDirectory() as at:
        subprocess.run([sys.executable, os.path.join(COMPLETION, "generate.py"), PROGRAM, at],
                       check=True)
        for name in ("windsock.bash", "_windsock", "windsock.fish"):
            assert read(at, name) == read(COMPLETION, name), name
    said = subprocess.run([PROGRAM, "--help"], check=True, capture_output=True, text=True).stdout
    flags = re.findall(r"^  --(?:\[no-\])?([a-z.-]+[a-z])", said, re.M)
    assert len(flags) > 20, said
    for flag in flags:
        assert f"--{flag}" in read(COMPLETION, "windsock.bash"), flag
        assert f"--{flag}" in read(COMPLETION, "_windsock"), flag
        assert f"-l {flag} " in read(COMPLETION, "windsock.fish"), flag


class Terminal:
    """A shell that believes that somebody types."""

    def __init__(self, *command, **env):
        self.home = tempfile.mkdtemp()
        for name in ("one.ini", "two words.ini"):
            with open(os.path.join(self.home, name), "w"):
                pass
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(self.home)
            os.execvpe(command[0], command, dict(PATH=os.environ["PATH"], HOME=self.home, TERM="dumb",
                                                 PS1="", **env))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.fd)
        os.kill(self.pid, 9)
        os.waitpid(self.pid, 0)
        shutil.rmtree(self.home)

    def until(self, *words):
        """What it shows, up to the first that has all of the words."""
        text, end = "", time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if select.select([self.fd], [], [], 0.1)[0]:
                text += os.read(self.fd, 65536).decode(errors="replace")
            if all(word in text for word in words):
                return text
        raise AssertionError(f"{words} are not all in what it shows: {text!r}")

    def type(self, text):
        os.write(self.fd, text.encode())

    def completes(self, typed, *shown):
        """The keys, then a tab or two; the line is thrown away after it."""
        self.type(typed)
        got = self.until(*shown)
        self.type("\x15\x0b\n")
        return got


def test_in_bash():
    needs("bash")
    with Terminal("bash", "--norc", "--noprofile", "-i") as t:
        t.type("bind 'set bell-style none'; bind 'set enable-bracketed-paste off'; "
               f". {COMPLETION}/windsock.bash && echo so''urced\n")
        t.until("sourced")
        t.completes("windsock --log.l\t", "windsock --log.level=")
        t.completes("windsock --log.level=d\t", "windsock --log.level=debug ")
        t.completes("windsock --log.level=\t\t", "debug", "error", "info", "warn")
        t.completes("windsock --log.format j\t", "windsock --log.format json ")
        t.completes("windsock hea\t", "windsock healthcheck ")
        t.completes("windsock check o\t", "windsock check one.ini ")
        t.completes("windsock check t\t", "windsock check two\\ words.ini ")
        t.completes("windsock --check-config --log.f\t", "--log.format=")
        t.completes("windsock --statsd.mapping-config=b\t", "--statsd.mapping-config=builtin\\:airflow ")
        t.completes("windsock --statsd.mapping-config=o\t", "--statsd.mapping-config=one.ini ")
        t.completes("windsock --no-w\t", "windsock --no-web.enable-lifecycle ")
        t.completes("windsock explain --stat\t\t\t", "--statsd.cache-size=", "--statsd.workers=")


def test_in_zsh():
    needs("zsh")
    with Terminal("zsh", "-f", "-i") as t:
        t.type(f"unsetopt zle_bracketed_paste; fpath=({COMPLETION} $fpath); autoload -U compinit; "
               "compinit -u -D; zstyle ':completion:*' verbose no; PS1=; echo so''urced\n")
        t.until("sourced")
        t.completes("windsock --log.l\t", "evel=")
        t.completes("windsock --log.level=d\t", "debug")
        t.completes("windsock hea\t", "healthcheck")
        t.completes("windsock check on\t", "one.ini")
        t.completes("windsock --statsd.mapping-config=b\t", "builtin:airflow")


def test_in_fish():
    needs("fish")
    def said(line):
        return subprocess.run(["fish", "--no-config", "-c",
                               f"source {COMPLETION}/windsock.fish; complete -C {line!r}"],
                              capture_output=True, text=True, check=True, cwd=home).stdout
    with tempfile.TemporaryDirectory() as home:
        with open(os.path.join(home, "one.ini"), "w"):
            pass
        assert "--log.level=\tMinimum log level" in said("windsock --log.l") or \
            "--log.level\tMinimum log level" in said("windsock --log.l"), said("windsock --log.l")
        assert "--log.level=debug" in said("windsock --log.level=d"), said("windsock --log.level=d")
        assert "healthcheck\t" in said("windsock hea")
        assert "one.ini" in said("windsock check o") and "one.ini" not in said("windsock explain o")
        assert "builtin:airflow" in said("windsock --statsd.mapping-config b")
