# SPDX-License-Identifier: Apache-2.0
"""StatsD clients of other people, in seven languages: what each sends is recorded, and read
here a second time.  Windsock must have come to the same, and have refused only what it should."""
import collections
import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading

import pytest

import exposition
import pypi
from harness import TESTS, Windsock, wait_for

CLIENTS = os.path.join(TESTS, "clients")
EVENTS = {"dogstatsd_event": 1, "dogstatsd_service_check": 1}
# What all of them say.
JOBS = {"jobs": 7, "slots": 5, "load_count": 2}
TAGS = r"\|#.*dag:a"


def old_cargo():
    """Whether it would clone the whole index of crates.io."""
    done = subprocess.run(["cargo", "--version"], capture_output=True, text=True)
    return tuple(map(int, re.findall(r"\d+", done.stdout)[:2])) < (1, 68)


def quietly(*words, why, cwd=None, seconds=300, **env):
    if not shutil.which(words[0]):
        pytest.skip("no " + words[0])
    done = subprocess.run(words, cwd=cwd, env=dict(os.environ, **env), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=seconds)
    if done.returncode:
        print(done.stdout.strip()[-1000:])
        pytest.skip(why)


def debian(name, *command):
    """Of Debian: there (packaging/deps.sh), or an error."""
    def prepare(_):
        is_debian()
        return [*command, os.path.join(CLIENTS, name)], {"NODE_PATH": "/usr/share/nodejs"}
    return prepare


def is_debian():
    if not os.path.exists("/etc/debian_version"):
        pytest.skip("this is no Debian")


def debian_go(home):
    is_debian()
    subprocess.run(["go", "build", "-o", home + "/client", "main.go"],
                   cwd=os.path.join(CLIENTS, "go_cactus"), check=True,
                   env=dict(os.environ, GO111MODULE="off", GOPATH="/usr/share/gocode"))
    return [home + "/client"], {}


def of_pypi(name, *packages):
    def prepare(home):
        return [pypi.environment(home, *packages) + "/python", os.path.join(CLIENTS, name)], {}
    return prepare


def npm(name, package):
    def prepare(home):
        quietly("npm", "install", "--silent", "--no-audit", "--no-fund", "--omit=optional",
                "--fetch-retries=1", "--prefix", home, package, why="not from npm")
        return ["node", os.path.join(CLIENTS, name)], {"NODE_PATH": home + "/node_modules"}
    return prepare


def go(name, module):
    def prepare(home):
        with open(home + "/go.mod", "w") as out:
            out.write("module client\n\ngo 1.19\n")
        shutil.copy(os.path.join(CLIENTS, name, "main.go"), home)
        for words in (["get", module], ["mod", "tidy"]):
            quietly("go", *words, why="not from the Go proxy", cwd=home)
        subprocess.run(["go", "build", "-o", "client", "."], cwd=home, check=True)
        return [home + "/client"], {}
    return prepare


def crate(name):
    def prepare(home):
        if not shutil.which("cargo") or old_cargo():
            pytest.skip("no cargo of 1.68 or newer")
        shutil.copytree(os.path.join(CLIENTS, name), home, dirs_exist_ok=True)
        quietly("cargo", "fetch", "-q", why="not from crates.io", cwd=home)
        subprocess.run(["cargo", "build", "-q", "--offline"], cwd=home, check=True)
        return [home + "/target/debug/client"], {}
    return prepare


def maven(name):
    def prepare(home):
        shutil.copytree(os.path.join(CLIENTS, name), home, dirs_exist_ok=True)
        quietly("mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=lib",
                why="not from Maven Central", cwd=home)
        return ["java", "-cp", home + "/lib/*", home + "/Client.java"], {}
    return prepare


# name: how it is had, what windsock must have then, what has to have been among the datagrams,
# what windsock must have refused.
TABLE = {
    "python3_statsd": (debian("python_statsd.py", "/usr/bin/python3"),
                       {**JOBS, "packed": 11, "negative": -4, "users": 2},
                       [r"\|@0\.5", r"\n", r":\+3\|g", r":-5\|g", r":0\|g\n.*:-4\|g"], {}),
    "perl": (debian("perl_net_statsd.pl", "perl"), JOBS, [r"\|@0\.5", r"\n", r":\+3\|g"], {}),
    "ruby": (debian("ruby_statsd.rb", "ruby"), {**JOBS, "packed": 11, "users": 2},
             [r"\|@0\.5", r"\n", r":\+3\|g"], {}),
    "node_lynx": (debian("node_lynx.js", "node"), {**JOBS, "packed": 11, "users": 2},
                  [r"\|@0\.5", r"\n", r":\+3\|g"], {}),
    "go_cactus": (debian_go, {**JOBS, "users": 2}, [r"\|@0\.5", r"\n", r":\+3\|g"], {}),
    "aiodogstatsd": (debian("debian_aiodogstatsd.py", "/usr/bin/python3"),
                     {'jobs{dag="a",env="prod"}': 7}, [TAGS, r"\|@0\.5", r"\|h", r"\|d"], {}),
    "pypi_statsd": (of_pypi("python_statsd.py", "statsd==4.0.1"), {**JOBS, "users": 2},
                    [r"\|@0\.5"], {}),
    "pypi_datadog": (of_pypi("pypi_datadog.py", "datadog==0.52.1"),
                     {'jobs{dag="a",env="prod"}': 7, 'past_jobs{env="prod"}': 6},
                     [TAGS, r"\n", r"\|T1656581400", r"\|c:83c0a99c", r"\|e:it-false", r"\|card:low",
                      r"\|#.*when:12:30", r"\|@0\.5", r"^_e\{", r"^_sc\|"], EVENTS),
    "pypi_datadog_aggregated": (of_pypi("pypi_datadog_aggregated.py", "datadog==0.52.1"),
                                {**JOBS, 'size_count{dag="a"}': 10, "users": 2},
                                [r"jobs:7\|c", r"\n", r"\|h\|#dag:a"], {}),
    "pypi_markus": (of_pypi("pypi_markus.py", "markus==5.1.0", "statsd==4.0.1", "datadog==0.52.1"),
                    {**JOBS, "dd_jobs": 7}, [r"\|h"], {}),
    "npm_hot_shots": (npm("npm_hot_shots.js", "hot-shots@10.2.1"),
                      {'jobs{dag="a",env="prod"}': 7, 'slots{env="prod"}': 5,
                       'telegraf_jobs{dag="a",env="prod"}': 7},
                      [TAGS, r"\n", r"\|@0\.5", r":\+3\|g", r",dag=a,?.*:7\|c", r"^_e\{", r"^_sc\|"],
                      EVENTS),
    "npm_node_statsd": (npm("npm_node_statsd.js", "node-statsd@0.1.1"),
                        {'jobs{dag="a",env="prod"}': 7}, [TAGS, r"\|@0\.5"], {}),
    "go_datadog": (go("go_datadog", "github.com/DataDog/datadog-go/v5@v5.5.0"),
                   {'jobs{dag="a",env="prod"}': 7, 'size_count{env="prod"}': 10},
                   [TAGS, r"\n", r"\|T1656581400", r"\|c:83c0a99c", r"size:\d(:\d)+\|h", r"^_e\{",
                    r"^_sc\|"], EVENTS),
    "rust_cadence": (crate("rust_cadence"), {'jobs{dag="a",env="prod"}': 7, 'load_count{env="prod"}': 2},
                     [TAGS, r"\n", r"spread:1:2:3\|d"], {}),
    "java_datadog": (maven("java_datadog"), {'jobs{dag="a",env="prod"}': 7, 'past_jobs{env="prod"}': 6},
                     [TAGS, r"\n", r"\|T1656581400", r"\|c:83c0a99c", r"^_e\{", r"^_sc\|"], EVENTS),
}


class Recorder:
    """Between a client and windsock."""

    def __init__(self, windsock):
        self.windsock, self.datagrams = windsock, []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.record, daemon=True)
        self.thread.start()

    def record(self):
        while datagram := self.socket.recv(65536):
            self.datagrams.append(datagram)

    def stop(self):
        """An empty datagram is the last one."""
        self.socket.sendto(b"", ("127.0.0.1", self.port))
        self.thread.join()
        self.socket.close()
        self.windsock.send(*self.datagrams)


def label_block(pairs):
    return "{%s}" % ",".join(f'{key}="{value}"' for key, value in sorted(pairs)) if pairs else ""


def lines_of(datagrams):
    """(name, labels, values, type, rate) of each line that is a metric.  What DataDog's clients
    say about themselves is dropped by the rules for Airflow."""
    for line in b"\n".join(datagrams).decode().split("\n"):
        if not line or line.startswith(("_e{", "_sc|", "datadog.dogstatsd.client.")):
            continue
        head, _, rest = line.partition(":")
        values, kind, *fields = rest.split("|")
        name, *tags = head.split(",")
        pairs = [tuple(tag.split("=", 1)) for tag in tags]
        rate = 1.0
        for field in fields:
            if field[0] == "#":
                pairs += [tuple(tag.split(":", 1)) for tag in field[1:].split(",")]
            elif field[0] == "@":
                rate = float(field[1:])
            else:
                assert re.match("T|c:|e:|card:", field), line
        yield re.sub(r"\W", "_", name), label_block(pairs), values.split(":"), kind, rate


def totals(datagrams):
    """{series: value} as the protocol says, and not as windsock does it."""
    found, members = collections.defaultdict(float), collections.defaultdict(set)
    for name, labels, values, kind, rate in lines_of(datagrams):
        for value in values:
            if kind == "c":
                found[name + labels] += float(value) / rate
            elif kind == "g":
                found[name + labels] = float(value) + (found[name + labels] if value[0] in "+-" else 0)
            elif kind == "s":
                members[name + labels].add(value)
            else:
                number = float(value) / (1000 if kind == "ms" else 1)
                found[name + "_count" + labels] += 1 / rate
                found[name + "_sum" + labels] += number / rate
    found.update((series, len(all_of)) for series, all_of in members.items())
    return found


def exposed(windsock):
    """The same of windsock; quantiles, and what is about itself, left out."""
    found, refused = {}, {}
    for series, value in exposition.values(windsock.get()[1]).items():
        if series.startswith("windsock_rejected_total") and value:
            refused[re.search('reason="(.*?)"', series)[1]] = value
        elif not series.startswith(exposition.OWN) and 'quantile="' not in series:
            found[series] = value
    return found, refused


def check(prefix, wanted, sends, refusals, datagrams, have, refused):
    for pattern in sends:
        assert any(re.search(pattern, d.decode(), re.M) for d in datagrams), \
            ("never sent", pattern, datagrams[:40])
    want = totals(datagrams)
    for series in want.keys() | have.keys():
        assert series in want and series in have and \
            abs(want[series] - have[series]) <= 1e-9 * abs(want[series]), \
            (series, "sent", want.get(series), "have", have.get(series))
    for series, value in wanted.items():
        assert have.get(f"{prefix}_{series}") == value, (series, have)
    assert refused == refusals, refused


@pytest.mark.parametrize("name", TABLE)
def test_client(name):
    prepare, wanted, sends, refusals = TABLE[name]
    with tempfile.TemporaryDirectory(prefix="client") as home:
        command, env = prepare(home)
        with Windsock() as w:
            recorder = Recorder(w)
            subprocess.run([*command, "127.0.0.1", str(recorder.port), "app", "sampled"],
                           env=dict(os.environ, **env), check=True, timeout=120,
                           stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
            wait_for(lambda: recorder.datagrams, "a datagram")
            recorder.stop()
            check("app", wanted, sends, refusals, recorder.datagrams, *exposed(w))


def test_wrong_sums_are_seen():
    """This test can fail."""
    line = [b"app.jobs:7|c\napp.slots:5|g\napp.load:1|ms\napp.load:3|ms"]
    good = {"app_jobs": 7, "app_slots": 5, "app_load_count": 2, "app_load_sum": 0.004}
    check("app", JOBS, [r"\n"], {}, line, good, {})
    for bad in ((line, {**good, "app_jobs": 8}, {}), (line, {**good, "more": 1}, {}),
                (line, good, {"malformed_line": 1}), ([b"app.jobs:7|c"], {"app_jobs": 7}, {})):
        with pytest.raises(AssertionError):
            check("app", JOBS, [r"\n"], {}, *bad)
