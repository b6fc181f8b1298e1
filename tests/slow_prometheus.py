#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus scrapes windsock: the monitoring guide's expressions give what they promise,
everything exposed arrives, and promtool has nothing new to say."""
import contextlib
import glob
import json
import math
import os
import re
import socket
import subprocess
import tempfile
import urllib.parse
import urllib.request

from harness import HERE, Windsock, capture, tap, wait_for

RECORDING = "airflow-2.11-plain.capture"
CONFIG = """
global: {{ scrape_interval: 1s, scrape_timeout: 1s }}
scrape_configs:
  - job_name: windsock
    static_configs: [{{ targets: ['127.0.0.1:{}'] }}]
"""
EXPECTED = re.compile(r"# labels (.*)\bvalues (\S+) (\S+)( NaN)?$")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Prometheus:
    def __init__(self, directory, target):
        self.port = free_port()
        self.log = os.path.join(directory, "log")
        config = os.path.join(directory, "prometheus.yml")
        with open(config, "w") as out:
            out.write(CONFIG.format(target))
        self.process = subprocess.Popen(
            ["prometheus", "--config.file=" + config, "--log.level=warn",
             "--storage.tsdb.path=" + os.path.join(directory, "data"),
             f"--web.listen-address=127.0.0.1:{self.port}"],
            stdout=subprocess.DEVNULL, stderr=open(self.log, "w"))

    def logged(self):
        with open(self.log) as log:
            return log.read()

    def ask(self, path, **query):
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        assert self.process.poll() is None, self.logged()
        try:
            with urllib.request.urlopen(url, timeout=20) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            if error.code == 503:
                return None  # not yet ready
            raise AssertionError(error.read().decode()) from error
        except (OSError, ConnectionError):
            return None  # not yet listening

    def query(self, expression):
        """Labels without those of the scrape, and values, of an instant query."""
        data = self.ask("query", query=expression) or {"result": []}
        strip = ("__name__", "job", "instance")
        return [({k: v for k, v in r["metric"].items() if k not in strip}, float(r["value"][1]))
                for r in data["result"]]

    def up(self):
        return [value for _, value in self.query('up{job="windsock"}')] == [1]

    def stop(self):
        self.process.terminate()
        self.process.wait(30)


@contextlib.contextmanager
def scraped():
    """Windsock with the recording replayed, then seen, then replayed again: counters that move."""
    with Windsock() as w, tempfile.TemporaryDirectory() as directory:
        datagrams = list(capture(RECORDING))
        w.send(*datagrams)
        p = Prometheus(directory, w.http)
        try:
            wait_for(p.up, "Prometheus to scrape", 60)
            w.send(*datagrams)
            yield w, p
        finally:
            p.stop()


def guide():
    """(expression, labels, least, most, NaN allowed) of tests/data/guide.promql"""
    with open(os.path.join(HERE, "data", "guide.promql")) as text:
        for block in text.read().split("\n\n")[1:]:
            head, expression = block.strip().split("\n", 1)
            names, least, most, nan = EXPECTED.match(head).groups()
            yield expression, set(names.split()), float(least), float(most), nan is not None


def expressions_of_the_guide():
    expressions = list(guide())
    assert len(expressions) == 9, expressions
    with scraped() as (_, p):
        for expression, names, least, most, nan in expressions:
            def data():
                return [r for r in p.query(expression) if not math.isnan(r[1])]
            wait_for(data, "data for " + expression, 30)
            for labels, value in p.query(expression):
                assert labels.keys() == names, (expression, labels)
                assert least <= value <= most or nan and math.isnan(value), \
                    (expression, labels, value)
        # The recording came twice: what counts has moved by one recording since the first scrape.
        with_dags = [v for labels, v in p.query("airflow_dag_status_count")
                     if labels["status"] == "success"]
        assert with_dags and all(v % 2 == 0 for v in with_dags) and any(with_dags), with_dags
        wait_for(lambda: p.query("sum(increase(airflow_dag_status_count[5m]))")[0][1] > 0,
                 "an increase", 30)


def exposed_series(text):
    found = set()
    for line in text.splitlines():
        if not line.startswith("#"):
            name, _, labels = line.rsplit(" ", 1)[0].partition("{")
            pairs = re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels)
            found.add((name, frozenset((k, v) for k, v in pairs if v)))
    return found


def every_series_arrives():
    with scraped() as (w, p):
        want = exposed_series(w.get()[1])

        def arrived():
            rows = p.ask("series", **{"match[]": '{job="windsock"}'}) or []
            return {(r.pop("__name__"), frozenset((k, v) for k, v in r.items()
                                                  if k not in ("job", "instance")))
                    for r in rows}
        wait_for(lambda: want <= arrived(), "all series to arrive", 30)
        more = {name for name, _ in arrived() - want}
        assert all(re.match(r"up$|scrape_", name) for name in more), more
        target = p.ask("targets")["activeTargets"][0]
        assert target["health"] == "up" and target["lastError"] == "", target
        assert p.logged() == "", p.logged()


def promtool_says_nothing_new():
    with open(os.path.join(HERE, "data", "promlint.allow")) as text:
        allowed = {line for line in text.read().splitlines() if line and line[0] != "#"}
    said = set()
    for recording in sorted(glob.glob(os.path.join(HERE, "data", "*.capture"))):
        with Windsock() as w:
            w.send(*capture(recording))
            done = subprocess.run(["promtool", "check", "metrics"], input=w.get()[1],
                                  capture_output=True, text=True, timeout=60)
            assert done.returncode in (0, 3), done
            said.update(done.stderr.splitlines())
    assert said - allowed == set(), said - allowed
    assert allowed - said == set(), ("no longer said", allowed - said)


tap([expressions_of_the_guide, every_series_arrives, promtool_says_nothing_new])
