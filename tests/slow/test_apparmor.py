# SPDX-License-Identifier: Apache-2.0
"""The AppArmor profile: the parser takes it, and what windsock opens is allowed by it.  Rules on
files are looked at as the kernel would, since not every kernel has AppArmor."""
import functools
import os
import re
import shutil
import subprocess
import tempfile

import pytest

from harness import ROOT, Windsock, wait_for

PROFILE = os.path.join(ROOT, "packaging", "apparmor", "windsock")
STRACE = ("strace", "-f", "-qq", "-e", "trace=open,openat")


@pytest.fixture(autouse=True)
def needs():
    if not shutil.which("apparmor_parser"):
        pytest.skip("no apparmor_parser")


def parser(*args):
    done = subprocess.run(["apparmor_parser", "-Q", "-K", *args], capture_output=True, text=True,
                          timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def split_names(text):
    """Of {a,{b,c}}: what stands between its outer commas."""
    parts, depth = [""], 0
    for c in text:
        depth += (c == "{") - (c == "}")
        if c == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += c
    return parts


def expression(glob):
    """AppArmor's globs as a regular expression."""
    out, at = "", 0
    while at < len(glob):
        c = glob[at]
        if glob.startswith("**", at):
            out, at = out + ".*", at + 2
        elif c == "{":
            end, depth = at, 0
            while True:
                depth += (glob[end] == "{") - (glob[end] == "}")
                if depth == 0:
                    break
                end += 1
            out += "(?:" + "|".join(map(expression, split_names(glob[at + 1:end]))) + ")"
            at = end + 1
        elif c == "[":
            end = glob.index("]", at)
            out, at = out + glob[at:end + 1], end + 1
        else:
            out += {"*": "[^/]*", "?": "[^/]"}.get(c, re.escape(c))
            at += 1
    return out


@functools.lru_cache(None)
def rules():
    """(expression, rights) of the files of the profile, with all that it includes."""
    text = re.sub(r"^\s*#.*$", "", parser("-p", PROFILE), flags=re.M)
    names = {}
    for name, more, value in re.findall(r"^\s*@\{(\w+)\}\s*(\+?)=\s*(.*?)\s*$", text, re.M):
        names[name] = (names[name] if more else []) + value.split()

    def fill(glob):
        while "@{" in glob:
            glob = re.sub(r"@\{(\w+)\}", lambda m: "{" + ",".join(
                v.rstrip("/") for v in names[m[1]]) + "}", glob)
        return glob
    found = [(expression(fill(path)), rights) for path, rights in
             re.findall(r"^\s+([/@]\S+)\s+([a-z]+),", text, re.M)]
    assert len(found) > 50
    return found


def allows(path, rights):
    return all(any(right in given and re.fullmatch(glob, path) for glob, given in rules())
               for right in rights)


def test_the_parser_takes_it():
    assert parser("-N", PROFILE).split() == ["windsock"]
    unit = os.path.join(ROOT, "packaging", "systemd", "windsock.service")
    with open(unit, encoding="utf-8") as text:
        assert "\nAppArmorProfile=-windsock\n" in text.read()
    with tempfile.TemporaryDirectory() as at:
        local = os.path.join(at, "windsock")
        with open(PROFILE, encoding="utf-8") as text, open(local, "w", encoding="utf-8") as out:
            out.write(text.read().replace("/usr/bin/windsock", "/opt/bin/windsock"))
        parser(local)


def test_what_is_its_own_is_allowed_and_no_more():
    for path, rights in (("/etc/windsock/windsock.ini", "r"), ("/etc/windsock/more/a.ini", "r"),
                         ("/usr/share/windsock/mappings/airflow.ini", "r"), ("/usr/bin/windsock", "mr"),
                         ("/run/systemd/notify", "w"), ("/proc/123/stat", "r"), ("/bin/sh", "mr"),
                         ("/usr/bin/dash", "mr")):
        assert allows(path, rights), (path, rights)
    for path, rights in (("/etc/windsock/windsock.ini", "w"), ("/etc/shadow", "r"), ("/bin/cat", "r"),
                         ("/home/u/my.ini", "r"), ("/proc/1/environ", "r"), ("/usr/bin/windsock", "w"),
                         ("/etc/systemd/system/x.service", "r"), ("/var/lib/x", "r")):
        assert not allows(path, rights), (path, rights)


def test_what_it_opens_is_allowed():
    """A life: start, datagrams, a scrape, a reload, the end."""
    with tempfile.NamedTemporaryFile("r", suffix=".strace") as log:
        with Windsock(wrapper=(*STRACE, "-o", log.name)) as w:
            w.send("airflow.scheduler_heartbeat:1|c")
            assert "process_open_fds" in w.get()[1]
            with open(f"/proc/{w.process.pid}/task/{w.process.pid}/children") as children:
                pid = int(children.read())
            os.kill(pid, 1)
            wait_for(lambda: "reloaded" in w.logged(), "the reload")
            os.kill(pid, 15)
            assert w.process.wait(60) == 0
        opened = re.findall(r'(?:open|openat)\((?:AT_FDCWD, )?"([^"]+)", (\w+)', log.read())
    assert len(opened) > 10, opened
    for path, how in opened:
        path = re.sub("^/proc/self/", f"/proc/{pid}/", os.path.join("/", path))
        # The dynamic loader looks in places of this machine, too.
        if os.path.exists(path) or path.startswith("/proc"):
            real = re.sub(r"^/usr/local/lib/", "/usr/lib/", os.path.realpath(path))
            slash = "/" if path.endswith("/fd") else ""
            assert allows(real + slash, {"O_RDONLY": "r", "O_RDWR": "rw"}[how]), (path, how)
