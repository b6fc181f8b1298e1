# SPDX-License-Identifier: Apache-2.0
"""The units of packaging/systemd: rated by systemd-analyze, and used by a real systemd in a
machine of their own, with each restriction in force."""
import os
import re
import subprocess
import sys
import tempfile

import pytest

import exposition
import machine
from harness import PROGRAM, ROOT, read, wait_for

UNITS = os.path.join(ROOT, "packaging", "systemd")
NAMES = ("windsock.socket", "windsock.service", "windsock@8126.socket", "windsock@8126.service")
THRESHOLD = 6  # tenths
# SUITE=trixie for another systemd; the libraries have the same interface there.
SUITE = os.environ.get("SUITE", "bookworm")
T64 = "" if SUITE == "bookworm" else "t64"
LIBRARIES = ["libevent-core-2.1-7" + T64, "libmicrohttpd12" + T64, "libinih1", "libpcre2-8-0",
             "zlib1g", "iproute2"]
CONFIGURATION = ("/etc/windsock/windsock.ini", "/etc/default/windsock")
BEAT = "airflow.scheduler_heartbeat:1|c"

# In the network of the machine: N datagrams, or what a GET answers.
SEND = """
import socket, sys
out = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(int(sys.argv[3])):
    out.sendto(sys.argv[4].encode(), (sys.argv[1], int(sys.argv[2])))
"""
GET = """
import gzip, sys, urllib.request
request = urllib.request.Request(sys.argv[1], headers={"Accept": sys.argv[2]})
request.add_header("Accept-Encoding", "gzip")
body = urllib.request.urlopen(request, timeout=20).read()
print((gzip.decompress(body) if body[0] == 31 else body).decode())
"""


def settings(name):
    """The lines of a unit that are no comments."""
    return [line for line in read(UNITS, name).split("\n") if line and line[0] != "#"]


# --- what can be said of the files ---------------------------------------------------------


def test_systemd_finds_no_fault():
    """In a directory of their own, with a program that exists; man pages are not installed."""
    with tempfile.TemporaryDirectory() as home:
        for name in NAMES:
            text = re.sub("/usr/bin/windsock", PROGRAM, read(UNITS, name.replace("8126", "")))
            with open(os.path.join(home, name), "w", encoding="utf-8") as out:
                out.write(text)
        done = subprocess.run(["systemd-analyze", "verify", "--man=no",
                               *(os.path.join(home, name) for name in NAMES)],
                              capture_output=True, text=True, timeout=60)
        said = [line for line in (done.stdout + done.stderr).splitlines() if "windsock" in line]
        assert done.returncode == 0 and not said, said or done


def test_exposure_is_low():
    for name in ("windsock.service", "windsock@.service"):
        done = subprocess.run(["systemd-analyze", "security", "--offline=true",
                               f"--threshold={THRESHOLD}", os.path.join(UNITS, name)],
                              capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout[-2000:]
        # Other versions weigh otherwise.
        if subprocess.check_output(["systemctl", "--version"], text=True).startswith("systemd 252 "):
            said = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)[1]
            assert f"says {said}, where" in read("docs", "systemd.md"), said


def test_the_template_is_the_unit():
    """But for its name, its sockets and its file of settings."""
    for kind in ("service", "socket"):
        one = "\n".join(settings("windsock." + kind))
        many = "\n".join(settings(f"windsock@.{kind}"))
        many = many.replace("windsock@%i", "windsock").replace("windsock-%i", "windsock")
        many = many.replace("Airflow as Prometheus metrics (%i)", "Airflow as Prometheus metrics")
        many = many.replace("windsock: StatsD in by port %i, metrics", "windsock: StatsD in, metrics")
        many = many.replace(":%i", ":8125").replace("=1%i", "=9092")
        assert one == many, (one, many)


def test_each_restriction_has_its_reason():
    """Not more than a handful of lines under one comment."""
    lines = read(UNITS, "windsock.service").split("[Service]\n")[1].split("\n\n[Install]")[0]
    run = 0
    for line in lines.split("\n"):
        run = 0 if not line or line[0] == "#" else run + 1
        assert run <= 9, line


# --- what a systemd makes of them ----------------------------------------------------------


class Host(machine.Machine):
    """A machine with windsock in it, as make install puts it."""

    def install(self, target="install"):
        subprocess.run(["make", "-s", "-C", ROOT, target, "DESTDIR=" + self.root, "PREFIX=/usr",
                        "BUILD=" + os.path.dirname(PROGRAM), "-o", PROGRAM],
                       check=True, stdout=subprocess.DEVNULL)
        self.run("systemctl", "daemon-reload")

    def near(self, script, *args):
        done = subprocess.run(["nsenter", f"--target={self.init}", "--net", sys.executable, "-c",
                               script, *map(str, args)], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, (args, done.stderr)
        return done.stdout

    def send(self, n=1, text=BEAT, port=8125, to="127.0.0.1"):
        self.near(SEND, to, port, n, text)

    def get(self, path="/metrics", port=9092, accept="*/*", at="127.0.0.1"):
        return self.near(GET, f"http://{at}:{port}{path}", accept)

    def value(self, series, port=9092):
        return exposition.value(self.get(port=port), series)

    def waits(self, series, value, port=9092):
        try:
            wait_for(lambda: self.value(series, port) == value, f"{series} {value}")
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.value(series, port)}\n{self.journal()}") from error

    def show(self, what, unit="windsock.service"):
        return self.run("systemctl", "show", "--value", "-p", what, unit).strip()

    def journal(self, unit="windsock.service"):
        self.run("journalctl", "--sync")
        return self.run("journalctl", "--no-pager", "-o", "cat", "-u", unit)

    def settle(self):
        wait_for(lambda: self.show("ActiveState") == "active", "an active windsock")

    def drop_in(self, unit, text):
        self.run("mkdir", "-p", f"/etc/systemd/system/{unit}.d")
        self.write(f"/etc/systemd/system/{unit}.d/test.conf", text)
        self.run("systemctl", "daemon-reload")

    def drop_out(self):
        self.sh("rm -rf /etc/systemd/system/windsock*.d; systemctl daemon-reload")

    def plain(self):
        """Anew, without what a test before has changed."""
        self.drop_out()
        for path in CONFIGURATION:
            self.sh(f"cp /root{path} {path}")
        self.run("systemctl", "stop", "windsock.service", "windsock.socket")
        self.run("systemctl", "start", "windsock.service")
        self.settle()

    def files(self):
        """What there is to remove; not the logs of the system and its caches."""
        return self.run("find", "/etc", "/usr", "/var/lib", "/opt", "/srv", "-xdev",
                        "-not", "-path", "/var/lib/systemd/*", "-not", "-name", "__pycache__",
                        "-not", "-name", "passwd*", "-not", "-name", "group*",
                        "-not", "-name", "shadow*", "-not", "-name", "gshadow*").split("\n")


@pytest.fixture(scope="module")
def machine_with_windsock():
    machine.needs()
    with Host(machine.base(LIBRARIES, SUITE)) as host:
        host.before = set(host.files())
        host.install()
        for path in CONFIGURATION:
            host.sh(f"mkdir -p /root{os.path.dirname(path)}; cp {path} /root{path}")
        host.run("systemctl", "enable", "--now", "windsock")
        yield host


@pytest.fixture
def host(machine_with_windsock):
    """As it was at first."""
    machine_with_windsock.plain()
    return machine_with_windsock


def fields(host, pid, *names):
    text = host.run("cat", f"/proc/{pid}/status")
    return [re.search(rf"^{name}:\s+(\S+)", text, re.M)[1] for name in names]


def test_it_is_confined(host):
    """What the kernel says of the process, whatever the unit says."""
    pid = host.show("MainPID")
    uid, rights, bounds, no_new, seccomp = fields(host, pid, "Uid", "CapEff", "CapBnd",
                                                  "NoNewPrivs", "Seccomp")
    assert int(uid) >= 61184, uid  # of those that systemd gives for a time
    assert (int(rights, 16), int(bounds, 16), no_new, seccomp) == (0, 0, "1", "2")
    for space in ("net", "mnt", "ipc", "user"):
        of = [host.run("readlink", f"/proc/{p}/ns/{space}") for p in (1, pid)]
        assert of[0] != of[1], space
    inside = ["nsenter", f"--target={pid}", "--mount", "--root"]
    for path in ("/usr", "/etc", "/var", "/"):
        assert "failed" not in host.run(*inside, "test", "-d", path, check=False)
        assert "Read-only" in host.run(*inside, "touch", path + "/x", check=False), path
    assert host.run(*inside, "ls", "/home", "/root", check=False).count("x") == 0
    assert not host.run(*inside, "sh", "-c", "ls /dev | grep -E 'sd|vd|kmsg|mem$' || :").strip()
    said = host.run("journalctl", "--no-pager", "-o", "cat", "-b")
    assert "windsock" not in "".join(re.findall(
        ".*(?:does not support|not supported|Unknown|Failed to parse|ignoring).*", said)), said


def test_sockets_are_those_of_the_unit(host):
    log = host.journal()
    assert "listening on 127.0.0.1:8125 (UDP)" in log and ":9092 (HTTP)" in log, log
    series = 'windsock_socket_receive_buffer_bytes{listener="127.0.0.1:8125",worker="0"}'
    assert host.value(series) == 16 << 20, host.value(series)  # twice, as the kernel counts


def test_what_it_does_is_not_refused(host):
    """Every system call that is refused kills it here, in place of an error it could hide."""
    host.drop_in("windsock.service", "[Service]\nSystemCallErrorNumber=kill\n")
    host.write("/etc/windsock/windsock.ini",
               "[windsock]\nprefix = airflow\n"
               "[a]\nregex = ^own\\.(?<x>[a-z]+)$\nmetric = own\nas = histogram\n"
               "[b]\nmatch = times\nmetric = times\nas = summary\n[c]\nmatch = people\nmetric = people\n")
    host.run("systemctl", "restart", "windsock")
    pid = host.show("MainPID")
    for text in (BEAT, "own.abc:3|ms", "airflow.times:3|ms", "airflow.people:x|s", "none:1|c", "=broken",
                 "airflow.ti.finish.a.b.success:1|c|#x:y"):
        host.send(3, text)
    host.waits("airflow_scheduler_heartbeat", 3)
    for accept in ("*/*", "application/openmetrics-text"):
        assert "own_count{x=\"abc\"} 3" in host.get(accept=accept)
    for path in ("/", "/unmatched", "/-/ready"):
        host.get(path)
    host.run("systemctl", "reload", "windsock")
    host.send()
    host.waits("airflow_scheduler_heartbeat", 4)
    assert host.show("MainPID") == pid
    host.run("systemctl", "restart", "windsock")
    assert host.show("NRestarts") == "0" and "SYS" not in host.journal().split("Starting ")[-1]


def test_reload_takes_own_rules(host):
    pid = host.show("MainPID")
    host.write("/etc/windsock/windsock.ini",
               "[windsock]\nprefix = airflow\n[mine]\nmatch = mine.<x>\nmetric = mine\n")
    host.run("systemctl", "reload", "windsock")
    host.send(2, "airflow.mine.a:1|c")
    host.waits('mine{x="a"}', 2)
    host.write("/etc/windsock/windsock.ini", "[mine]\nmatch = <<\n")
    assert "failed" in host.run("systemctl", "reload", "windsock", check=False)
    assert "\n/etc/windsock/windsock.ini:1: " in host.journal()
    host.settle()
    host.send(1, "airflow.mine.a:1|c")
    host.waits('mine{x="a"}', 3)
    assert host.show("MainPID") == pid


def received(host):
    """Of all windsocks there were: what each said when it ended."""
    return sum(map(int, re.findall(r"stopped; received (\d+) datagrams", host.journal())))


def test_no_datagram_is_lost_over_restarts(host):
    before = received(host) + host.value("windsock_datagrams_total")
    for _ in range(3):
        host.send(500)
        host.run("systemctl", "restart", "windsock")
        host.send(500)
    host.run("systemctl", "stop", "windsock.service")
    host.send(500)  # nobody is there: the first of them starts it again
    host.settle()
    wait_for(lambda: received(host) + host.value("windsock_datagrams_total") == before + 3500,
             "3500 datagrams")


def test_what_dies_comes_again(host):
    pid = host.show("MainPID")
    host.sh("kill -KILL " + pid)
    host.send(7)
    wait_for(lambda: host.show("MainPID") not in ("0", pid), "another windsock")
    host.waits("airflow_scheduler_heartbeat", 7)


def test_what_hangs_is_killed(host):
    host.drop_in("windsock.service", "[Service]\nWatchdogSec=1s\nTimeoutAbortSec=1s\n")
    host.run("systemctl", "restart", "windsock")
    pid = host.show("MainPID")
    host.sh("kill -STOP " + pid)
    wait_for(lambda: host.show("MainPID") not in ("0", pid), "another windsock", 40)
    host.settle()
    assert "Watchdog timeout" in host.run("journalctl", "--no-pager", "-u", "windsock")


def test_a_wrong_file_is_waited_out(host):
    """Sockets stay open, and what comes meanwhile is counted once the file is mended."""
    host.write("/etc/windsock/windsock.ini", "[x]\n")
    host.run("systemctl", "restart", "windsock", check=False)
    host.send(5)
    wait_for(lambda: int(host.show("NRestarts")) >= 2, "attempts")
    host.send(5)
    assert host.show("ActiveState", "windsock.socket") == "active"
    host.sh("cp /root/etc/windsock/windsock.ini /etc/windsock/windsock.ini")
    host.settle()
    host.waits("airflow_scheduler_heartbeat", 10)


def test_the_file_of_flags_is_read(host):
    host.write("/etc/default/windsock", "ARGS=\"--web.telemetry-path=/m --log.format=json\"\n"
                                        "WINDSOCK_STATSD_SENDER_LABEL=sender\n")
    host.run("systemctl", "restart", "windsock")
    host.send()
    wait_for(lambda: 'airflow_scheduler_heartbeat{sender="127.0.0.1"} 1\n' in host.get("/m"),
             "the label of the sender")
    assert '"msg":"ready"' in host.journal().split("Starting ")[-1]


def test_instances_are_apart(host):
    host.write("/etc/default/windsock-8126", 'ARGS="--statsd.prefix=staging"\n')
    host.run("systemctl", "enable", "--now", "windsock@8126.service")
    host.send(2, "staging.scheduler_heartbeat:1|c", 8126)
    host.send()
    host.waits("airflow_scheduler_heartbeat", 2, 18126)
    host.waits("airflow_scheduler_heartbeat", 1)
    assert host.show("ActiveState", "windsock@8126.socket") == "active"
    host.run("systemctl", "disable", "--now", "windsock@8126.service", "windsock@8126.socket")


def nobody_else_gets_in(host):
    """From an address that is not on the list, but does reach the machine."""
    host.run("ip", "address", "replace", "198.51.100.1/24", "dev", "lo")
    assert host.near("""
import socket
out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
out.bind(("198.51.100.1", 0))
try:
    out.sendto(b"airflow.stranger:1|c", ("192.0.2.7", 8125))
except OSError:
    pass
try:
    socket.create_connection(("192.0.2.7", 9092), 2, ("198.51.100.1", 0))
    print("came in")
except OSError:
    print("kept out")
""") == "kept out\n"
    host.send(1, "airflow.last:1|c", to="192.0.2.7")
    wait_for(lambda: "airflow_last" in host.get(at="192.0.2.7"), "the last datagram")
    assert "stranger" not in host.get(at="192.0.2.7")


def test_addresses_of_the_page(host):
    """Each drop-in that the page shows, taken at its word."""
    page = read("docs", "systemd.md")
    others, ipv6, only_here = re.findall(r"```ini\n# systemctl edit windsock.socket\n(.*?)```",
                                         page, re.S)
    host.run("ip", "address", "replace", "192.0.2.7/24", "dev", "lo")
    for text, sends, at in ((others, ["127.0.0.1", "192.0.2.7"], "192.0.2.7"),
                            (ipv6, ["127.0.0.1", "::1"], "[::1]"),
                            (only_here, ["127.0.0.1"], "127.0.0.1")):
        host.drop_in("windsock.socket", text)
        host.run("systemctl", "stop", "windsock.service")
        host.run("systemctl", "restart", "windsock.socket", "windsock.service")
        host.settle()
        for to in sends:
            host.send(1, BEAT, to=to)
        wait_for(lambda: re.search(r"^airflow_scheduler_heartbeat %d$" % len(sends),
                                   host.get(at=at), re.M), (text, sends))
        if text == others:
            nobody_else_gets_in(host)
    assert "refused" in host.near("""
import urllib.request
try:
    urllib.request.urlopen("http://192.0.2.7:9092/", timeout=5)
except OSError as error:
    print(error)
""")


def test_a_group_of_the_page_reads(host):
    text, = re.findall(r"```ini\n# systemctl edit windsock\n(.*?)```",
                       read("docs", "systemd.md"), re.S)
    host.sh("groupadd metrics; cd /etc/windsock; chgrp metrics windsock.ini; chmod 640 windsock.ini")
    try:
        host.run("systemctl", "restart", "windsock", check=False)
        wait_for(lambda: "cannot be read: Permission denied" in host.journal(), "a refusal")
        host.drop_in("windsock.service", text)
        host.run("systemctl", "restart", "windsock")
    finally:
        host.sh("cd /etc/windsock; chgrp root windsock.ini; chmod 644 windsock.ini; groupdel metrics")


def test_it_goes_without_a_trace(host):
    host.run("systemctl", "disable", "--now", "windsock.service", "windsock.socket")
    host.drop_out()
    host.install("uninstall")
    host.sh("rm -f /etc/default/windsock-8126 /root/etc -r")
    after = [path for path in host.files() if path not in host.before]
    # Directories that others use too.
    assert not [path for path in after if "windsock" in path], after
    assert "_windsock" not in host.run("getent", "passwd", "_windsock", check=False)
