# SPDX-License-Identifier: Apache-2.0
"""The life of the Debian package on a machine of its own with a real systemd: installed, sent to,
scraped, reloaded, killed, rebooted, upgraded under load, removed, purged."""
import glob
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import urllib.parse

import pytest

from harness import DATA, ROOT, TESTS, wait_for
from machine import Machine, base, needs
import exposition

CLIENTS = os.path.join(TESTS, "clients")
PACKAGES = ("prometheus", "python3-statsd", "libnet-statsd-perl", "node-lynx", "nodejs",
            "ruby-statsd")
# The clients of Debian, in five languages.
COMMANDS = {
    "python": ["python3", "python_statsd.py"],
    "perl": ["perl", "perl_net_statsd.pl"],
    "ruby": ["ruby", "ruby_statsd.rb"],
    "node": ["node", "node_lynx.js"],
    "go": ["./go_cactus.bin"],
}
# What each of them has said then; some have no sets, cannot pack, or round.
SAID = {"jobs": 7, "slots": 5, "load_count": 2, "load_sum": 1.0005, "users": 2,
        "packed": 11, "level": 1.5}
OTHERWISE = {
    "python": {"negative": -4},
    "perl": {"load_sum": 1.0, "users": None, "packed": None},
    "go": {"packed": None, "level": None},
}
OWN_RULE = """[windsock]
prefix = airflow

[rows]
match  = etl.<table>.<step>.rows
type   = c
metric = %s
labels = table, step
help   = Rows that a step of the pipeline wrote.
"""
GET = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1], timeout=20).read().decode())"
SEND = """
import socket, sys
out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for line in sys.argv[2:]:
    for _ in range(int(sys.argv[1])):
        out.sendto(line.encode(), ("127.0.0.1", 8125))
"""
PROMETHEUS = """
global: {scrape_interval: 5s, scrape_timeout: 5s}
scrape_configs:
  - job_name: windsock
    static_configs: [{targets: ['127.0.0.1:9092']}]
"""
MODES = ("-rw-r--r--", "-rwxr-xr-x", "drwxr-xr-x", "lrwxrwxrwx")
# Libraries that come with it.
LIBRARIES = re.compile(r"/usr/lib/[^/]*-linux-gnu[^/]*/lib|/usr/share/(doc|lintian/overrides)/lib"
                       r"|/var/lib/dpkg/info/lib")
# Everything there is, and what is in the files of /etc.
LIST = """
find / -xdev ! -path '/var/cache/*' ! -path '/var/lib/apt/*' ! -path '/var/log/*' \
    ! -path '/var/lib/prometheus/*' ! -path '/var/tmp/systemd-private-*' \
    ! -path '/var/lib/dpkg/*-old' ! -path '/srv/*' -printf '%M %u:%g %p %l\\n'
find /etc -type f ! -name ld.so.cache -exec sha256sum {} +
"""


SEEN = {}  # by one test, for another: they are one life, in this order


@pytest.fixture(scope="module", autouse=True)
def life():
    global M
    needs()
    with Machine(base(PACKAGES)) as M:
        prepare()
        yield


def built():
    """The package of what is committed; built unless it is there."""
    found = glob.glob(os.path.join(ROOT, "build", "deb", "windsock_*.deb"))
    committed = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=ROOT, check=True,
                               capture_output=True, text=True).stdout
    if len(found) != 1 or os.path.getmtime(found[0]) < int(committed):
        subprocess.run(["make", "-s", "deb"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        found = glob.glob(os.path.join(ROOT, "build", "deb", "windsock_*.deb"))
    assert len(found) == 1, found
    return found[0]


def edit(path, *changes):
    with open(path, "rb") as file:
        text = file.read()
    for old, new in changes:
        assert old in text, (path, old)
        text = text.replace(old, new)
    with open(path, "wb") as file:
        file.write(text)


def make_previous(deb, target):
    """An earlier version: the same, but for its number and a line in each conffile."""
    version = subprocess.run(["dpkg-deb", "-f", deb, "Version"], check=True, capture_output=True,
                             text=True).stdout.strip()
    upstream = version.split("-")[0]
    assert len(upstream) == len("0.0.9") and upstream > "0.0.9", version
    with tempfile.TemporaryDirectory() as home:
        tree = home + "/tree"
        subprocess.run(["dpkg-deb", "-R", deb, tree], check=True)
        edit(tree + "/DEBIAN/control", (f"Version: {version}".encode(), b"Version: 0.0.9-1"))
        edit(tree + "/usr/bin/windsock", (upstream.encode(), b"0.0.9"))
        for name, comment in (("etc/default/windsock", "#"), ("etc/windsock/windsock.ini", ";")):
            with open(os.path.join(tree, name), "a") as file:
                file.write(comment + " A line of the version before.\n")
        subprocess.run(["dpkg-deb", "--root-owner-group", "-Znone", "-b", tree, target], check=True,
                       stdout=subprocess.DEVNULL)
    return upstream


def apt(*words):
    """As unattended upgrades do: what the user has edited stays."""
    return M.run("apt-get", "-qq", "-y", "-o", "Dpkg::Options::=--force-confdef",
                 "-o", "Dpkg::Options::=--force-confold", *words, online=True, seconds=300)


def snapshot():
    return set(M.sh(LIST).splitlines())


def get(path="/metrics", port=9092):
    return M.run("python3", "-c", GET, f"http://127.0.0.1:{port}{path}")


def series():
    """{series as it is written: value}"""
    return exposition.values(get())


def send(*lines, times=1):
    M.run("python3", "-c", SEND, str(times), *lines)


def comes_to(wanted, seconds=20):
    """Waits until all series have these values; None: there is no such series."""
    have = {}

    def as_wanted():
        have.update(found=series())
        return all(have["found"].get(name) == value or value is not None and
                   abs(have["found"].get(name, -1e9) - value) < 1e-9
                   for name, value in wanted.items())
    try:
        wait_for(as_wanted, "values", seconds)
    except AssertionError as error:
        have = {name: have["found"].get(name) for name in wanted}
        raise AssertionError(f"{have} instead of {wanted}") from error


def shown(unit, name):
    return M.run("systemctl", "show", "-P", name, unit).strip()


def main_pid():
    return int(shown("windsock", "MainPID"))


def is_up():
    states = M.run("systemctl", "is-active", "windsock.socket", "windsock.service").split()
    assert states == ["active", "active"], states


def cursor():
    return re.search("-- cursor: (.*)", M.run("journalctl", "-n0", "--show-cursor"))[1]


def logged(since):
    M.run("journalctl", "--sync")
    return M.run("journalctl", "-o", "cat", "-u", "windsock", "--after-cursor", since)


def ask(expression):
    data = get("/api/v1/query?query=" + urllib.parse.quote(expression), 9090)
    return [float(row["value"][1]) for row in json.loads(data)["data"]["result"]]


def test_bare_machine_to_a_service():
    SEEN["before"] = snapshot()
    since = cursor()
    apt("install", "/srv/new.deb")
    is_up()
    enabled = M.run("systemctl", "is-enabled", "windsock.socket", "windsock.service").split()
    assert enabled == ["enabled", "enabled"], enabled
    said = logged(since)
    assert "ready" in said and "level=warn" not in said and "level=error" not in said, said
    assert series()["windsock_datagrams_total"] == 0


def test_it_has_no_rights():
    pid = main_pid()
    status = dict(line.split(":\t", 1) for line in M.read_proc(f"{pid}/status").splitlines())
    assert int(status["Uid"].split()[0]) >= 100, status["Uid"]
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0, status
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2", status
    for space in ("net", "mnt", "user", "ipc"):
        ours = M.run("readlink", f"/proc/{pid}/ns/{space}", f"/proc/1/ns/{space}").split()
        assert ours[0] != ours[1], space
    M.run("systemd-analyze", "security", "--threshold=6", "windsock.service")


def test_files_are_the_reviewed_ones():
    of_package = {re.sub("^/lib/", "/usr/lib/", path)
                  for path in M.run("dpkg", "-L", "windsock").split("\n")}
    with open(os.path.join(DATA, "package.disk")) as text:
        allowed = [line for line in text.read().splitlines() if line[:1] not in ("", "#")]
    found = []
    for line in sorted(snapshot() - SEEN["before"]):
        if len(line.split()) < 3:
            continue  # what is in a file of /etc
        mode, owner, path, *_ = line.split()
        if path in of_package:
            assert owner == "root:root" and mode in MODES, line
        elif LIBRARIES.match(path) is None:
            found.append(line.strip())
    assert found == allowed, "\n".join(["not as in tests/data/package.disk:", *found])


def test_own_rule_by_reload():
    pid = main_pid()
    M.write("/etc/windsock/windsock.ini", OWN_RULE % "etl_rows_total")
    M.run("systemctl", "reload", "windsock")
    assert main_pid() == pid
    send("airflow.etl.orders.load.rows:12|c", "airflow.ti_successes:2|c")
    comes_to({'etl_rows_total{step="load",table="orders"}': 12})
    assert series()["windsock_config_last_reload_successful"] == 1


def test_own_flags_by_restart():
    M.write("/etc/default/windsock",
            'ARGS="--airflow.version=2.11"\nWINDSOCK_STATSD_SENDER_LABEL=sender\n')
    M.run("systemctl", "restart", "windsock")
    send("airflow.executor.open_slots:31|g", "airflow.etl.orders.load.rows:5|c")
    comes_to({'airflow_executor_open_slots{sender="127.0.0.1"}': 31,
              'etl_rows_total{sender="127.0.0.1",step="load",table="orders"}': 5})
    M.write("/etc/default/windsock", 'ARGS="--airflow.version=2.11"\n')
    M.run("systemctl", "restart", "windsock")


def test_bad_mapping_changes_nothing():
    pid = main_pid()
    M.write("/etc/windsock/windsock.ini", "[broken\nmatch\n")
    since = cursor()
    assert not M.works("systemctl", "reload", "windsock")
    assert "windsock.ini:1" in logged(since), logged(since)
    M.run("systemctl", "kill", "--signal=HUP", "--kill-whom=main", "windsock")
    comes_to({"windsock_config_last_reload_successful": 0})
    send("airflow.etl.orders.load.rows:7|c")
    comes_to({'etl_rows_total{step="load",table="orders"}': 7})
    assert main_pid() == pid
    M.write("/etc/windsock/windsock.ini", OWN_RULE % "etl_rows_total")
    M.run("systemctl", "reload", "windsock")
    comes_to({"windsock_config_last_reload_successful": 1})


@pytest.mark.parametrize("language", COMMANDS)
def test_client_is_understood(language):
    M.sh('cd /srv/clients; exec "$@"', words=[*COMMANDS[language], "127.0.0.1", "8125", language])
    wanted = {**SAID, **OTHERWISE.get(language, {})}
    comes_to({f"{language}_{name}": value for name, value in wanted.items()})


def test_airflow_client_with_airflow_names():
    M.run("python3", "-c", "import statsd\ns = statsd.StatsClient('localhost', 8125, prefix='airflow')\n"
          "for _ in range(3): s.incr('ti.finish.etl.load.success')\n"
          "s.gauge('pool.open_slots.default_pool', 128)\n"
          "s.timing('dagrun.duration.success.etl', 1500)\n")
    comes_to({'airflow_task_status_count{dag_id="etl",status="success",task_id="load"}': 3,
              'airflow_pool_open_slots{pool="default_pool"}': 128,
              'airflow_dagrun_duration_seconds_sum{dag_id="etl",status="success"}': 1.5})


def test_nothing_was_refused():
    refused = {name: value for name, value in series().items()
               if re.match("windsock_(rejected|series_refused|kernel_drops)_total", name) and value}
    assert not refused, refused


def test_prometheus_scrapes_it():
    M.write("/etc/prometheus/prometheus.yml", PROMETHEUS)
    M.run("systemctl", "restart", "prometheus")
    wait_for(lambda: M.works("python3", "-c", GET, "http://127.0.0.1:9090/-/ready"), "Prometheus",
             60)
    wait_for(lambda: ask('up{job="windsock"}') == [1], "a scrape", 60)
    wait_for(lambda: ask("python_jobs") == [7], "a value", 30)
    assert ask('etl_rows_total{table="orders"}') == [7]
    said = M.run("promtool", "check", "metrics", text=get(), check=False)
    with open(os.path.join(DATA, "promlint.allow")) as text:
        allowed = set(text.read().splitlines())
    more = [line for line in said.splitlines()
            if line not in allowed and not line.startswith(tuple(COMMANDS))]
    assert not more, more


def test_crash_keeps_the_sockets():
    pid = main_pid()
    M.sh(f"kill -9 {pid}")
    wait_for(lambda: shown("windsock", "SubState") == "auto-restart", "the end of it")
    send("after.crash:1|c", times=500)
    wait_for(lambda: shown("windsock", "SubState") == "running", "the restart")
    assert main_pid() not in (0, pid)
    comes_to({"after_crash": 500, "windsock_datagrams_total": 500})


def test_it_is_there_after_a_reboot():
    M.power_off()
    M.boot()
    is_up()
    send("after.boot:1|c")
    comes_to({"after_boot": 1})


def purge_leaves_nothing():
    apt("purge", "--autoremove", "windsock")
    gone()
    changed = {line for line in SEEN["before"] ^ snapshot() if "/etc/prometheus/" not in line}
    assert not changed, sorted(changed)


def test_purge_leaves_nothing():
    purge_leaves_nothing()


def gone():
    assert not M.works("systemctl", "is-active", "windsock.socket")
    # Ports 8125 and 9092: bound (07), listening (0A).
    sockets = M.sh("cat /proc/net/udp /proc/net/udp6 /proc/net/tcp /proc/net/tcp6")
    assert not re.search(r":1FBD \S+ 07|:2384 \S+ 0A", sockets), sockets
    assert "windsock" not in M.sh("cat /proc/[0-9]*/comm")


def test_upgrade_under_load_loses_nothing():
    apt("install", "/srv/previous.deb")
    M.write("/etc/windsock/windsock.ini", OWN_RULE % "mine_total")
    M.run("systemctl", "reload", "windsock")
    assert any('version="0.0.9"' in name for name in series()), series()
    wait_for(lambda: ask('up{job="windsock"}') == [1], "a scrape", 30)
    since, pid, began = cursor(), main_pid(), time.monotonic()
    M.run("rm", "-f", "/run/enough")
    sender = subprocess.Popen(M.command("python3", "/srv/clients/sender.py", "8125", "/run/enough"),
                              stdout=subprocess.PIPE, text=True)
    try:
        wait_for(lambda: series().get("load_sent", 0) > 1000, "traffic")
        apt("install", "/srv/new.deb")
        before = series().get("load_sent", 0)
        wait_for(lambda: series().get("load_sent", 0) > before + 1000, "traffic afterwards")
    finally:
        M.run("touch", "/run/enough")
        sent, refused = map(int, sender.communicate(timeout=60)[0].split())
    assert main_pid() != pid and refused == 0, (pid, refused)
    comes_to({"load_number": sent})
    # The first of them has received nothing before.
    received = [int(n) for n in re.findall(r"stopped; received (\d+) datagrams", logged(since))]
    assert len(received) == 1, received
    assert received[0] + series()["windsock_datagrams_total"] == sent, (received, sent)
    assert series()["load_sent"] < sent, (series()["load_sent"], sent)
    assert any(f'version="{SEEN["version"]}"' in name for name in series()), series()
    ended = time.time()
    wait_for(lambda: ask('timestamp(up{job="windsock"})')[0] > ended, "a scrape afterwards", 30)
    # Not a moment before it began: it was not installed then.
    seconds = int(time.monotonic() - began)
    up = ask(f'min_over_time(up{{job="windsock"}}[{seconds}s])')
    assert up == [1], (up, seconds)


def test_upgrade_keeps_what_was_edited():
    assert M.read("/etc/windsock/windsock.ini") == OWN_RULE % "mine_total"
    assert "of the version before" not in M.read("/etc/default/windsock")
    send("airflow.etl.orders.load.rows:3|c")
    comes_to({'mine_total{step="load",table="orders"}': 3})


def test_remove_keeps_the_configuration():
    apt("remove", "windsock")
    gone()
    assert M.read("/etc/windsock/windsock.ini") == OWN_RULE % "mine_total"
    assert "ARGS" in M.read("/etc/default/windsock")
    assert not os.path.exists(M.root + "/usr/bin/windsock")
    apt("install", "/srv/new.deb")
    is_up()
    send("airflow.etl.orders.load.rows:4|c")
    comes_to({'mine_total{step="load",table="orders"}': 4})
    apt("remove", "windsock")


def test_purge_after_a_removal_leaves_nothing():
    purge_leaves_nothing()


def test_autopkgtest_passes():
    """Debian's way to test a package that is installed; no network but lo while it runs."""
    apt("install", "/srv/new.deb", "autopkgtest", "dpkg-dev")
    shutil.copytree(os.path.join(ROOT, "packaging", "deb"), M.root + "/srv/source/debian")
    said = M.run("autopkgtest", "--no-built-binaries", "/srv/new.deb", "/srv/source//", "--", "null",
                 check=False, seconds=300)
    assert re.search("^service +PASS$", said, re.M), said[-4000:]


def prepare():
    """The packages and clients, on the machine's disk."""
    SEEN["version"] = make_previous(built(), M.root + "/srv/previous.deb")
    shutil.copy(built(), M.root + "/srv/new.deb")
    shutil.copytree(CLIENTS, M.root + "/srv/clients")
    subprocess.run(["go", "build", "-o", M.root + "/srv/clients/go_cactus.bin", "main.go"],
                   cwd=os.path.join(CLIENTS, "go_cactus"), check=True,
                   env=dict(os.environ, GO111MODULE="off", GOPATH="/usr/share/gocode",
                            CGO_ENABLED="0"))
