# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus scrapes windsock: the monitoring guide's expressions give what they promise,
everything exposed arrives, and promtool has nothing new to say."""
import contextlib
import glob
import math
import os
import re
import subprocess

import exposition
from harness import DATA, Windsock, capture, read, wait_for
from prometheus import Prometheus

RECORDING = "airflow-2.11-plain"
OF_A_SCRAPE = ("__name__", "job", "instance")
EXPECTED = re.compile(r"# labels (.*)\bvalues (\S+) (\S+)( NaN)?$")


@contextlib.contextmanager
def scraped():
    """Windsock with the recording replayed, then seen, then replayed again: counters that move."""
    datagrams = capture(RECORDING)
    with Windsock() as w:
        w.send(*datagrams)
        with Prometheus({"windsock": w.http}) as p:
            w.send(*datagrams)
            yield w, p


def asked(p, expression):
    """Labels without those of the scrape, and values."""
    return [({k: v for k, v in labels.items() if k not in OF_A_SCRAPE}, value)
            for labels, value in p.query(expression)]


def guide():
    """(expression, labels, least, most, NaN allowed) of tests/data/guide.promql"""
    for block in read("tests", "data", "guide.promql").split("\n\n")[1:]:
        head, expression = block.strip().split("\n", 1)
        names, least, most, nan = EXPECTED.match(head).groups()
        yield expression, set(names.split()), float(least), float(most), nan is not None


def test_expressions_of_the_guide():
    expressions = list(guide())
    assert len(expressions) == 9, expressions
    with scraped() as (_, p):
        for expression, names, least, most, nan in expressions:
            def data():
                return [r for r in asked(p, expression) if not math.isnan(r[1])]
            wait_for(data, "data for " + expression)
            for labels, value in asked(p, expression):
                assert labels.keys() == names, (expression, labels)
                assert least <= value <= most or nan and math.isnan(value), \
                    (expression, labels, value)
        # The recording came twice: what counts has moved by one recording since the first scrape.
        with_dags = [v for labels, v in p.query("airflow_dag_status_count")
                     if labels["status"] == "success"]
        assert with_dags and all(v % 2 == 0 for v in with_dags) and any(with_dags), with_dags
        wait_for(lambda: p.query("sum(increase(airflow_dag_status_count[5m]))")[0][1] > 0,
                 "an increase")


def test_every_series_arrives():
    with scraped() as (w, p):
        # A label that is empty is none to Prometheus.
        want = {(name, frozenset((k, v) for k, v in labels if v))
                for name, labels in exposition.samples(w.get()[1])}

        def arrived():
            return {(r["__name__"], frozenset((k, v) for k, v in r.items() if k not in OF_A_SCRAPE))
                    for r in p.api("series", **{"match[]": '{job="windsock"}'})}
        wait_for(lambda: want <= arrived(), "all series to arrive")
        more = {name for name, _ in arrived() - want}
        assert all(re.match(r"up$|scrape_", name) for name in more), more
        target = p.api("targets")["activeTargets"][0]
        assert target["health"] == "up" and target["lastError"] == "", target
        assert not re.search(r"level=(warn|error)|level=(WARN|ERROR)", p.logged()), p.logged()


def test_promtool_says_nothing_new():
    allowed = {line for line in read("tests", "data", "promlint.allow").splitlines()
               if line and line[0] != "#"}
    said = set()
    for path in sorted(glob.glob(os.path.join(DATA, "*.capture"))):
        with Windsock() as w:
            w.send(*capture(os.path.basename(path)[:-len(".capture")]))
            done = subprocess.run(["promtool", "check", "metrics"], input=w.get()[1],
                                  capture_output=True, text=True, timeout=60)
            assert done.returncode in (0, 3), done
            said.update(done.stderr.splitlines())
    assert said - allowed == set(), said - allowed
    assert allowed - said == set(), ("no longer said", allowed - said)
