# SPDX-License-Identifier: Apache-2.0
"""A real Airflow sends to windsock, a real Prometheus scrapes it, and both must say what Airflow's
own database says.  AIRFLOW is the versions, MODES the modes: `make e2e`.

Airflow comes from PyPI, into an environment that is removed afterwards; `newest` is the newest
release."""
import json
import os
import re
import subprocess
import sys
import tempfile
import time

import pytest

import exposition
from harness import TESTS, Windsock, wait_for
from prometheus import Prometheus
from truth import CHECKS, Told, flags_for

UNREACHABLE = 75  # what capture.sh says then
VERSIONS = os.environ.get("AIRFLOW", "2.11.0 newest").replace(",", " ").split()
MODES = os.environ.get("MODES", "plain influxdb dogstatsd").replace(",", " ").split()


def unreachable():
    pytest.skip("PyPI could not be reached")


def newest(venv):
    """The newest release of Airflow, as pip sees it."""
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    asked = subprocess.run([os.path.join(venv, "bin", "python"), "-m", "pip", "index",
                            "versions", "apache-airflow", "--retries", "2", "--timeout", "30"],
                           capture_output=True, text=True, timeout=150)
    match = re.match(r"apache-airflow \((\S+)\)", asked.stdout)
    if not match:
        unreachable()
    return match[1]


def value(prometheus, query):
    """Of a query that gives one series."""
    (_, number), = prometheus.query(query)
    return number


class Run:
    """One Airflow in one mode, from its first to its last datagram."""

    def __init__(self, version, mode, folder):
        env = dict(os.environ, AIRFLOW_VERSION=version, MODE=mode, NAME="run", OUT=folder,
                   VENV=os.path.join(folder, "venv"))
        with Windsock(*flags_for(version)) as w, Prometheus({"windsock": w.http}) as prometheus:
            done = subprocess.run([os.path.join(TESTS, "capture", "capture.sh")],
                                  env=dict(env, PORT=str(w.udp)), stdin=subprocess.DEVNULL)
            if done.returncode == UNREACHABLE:
                unreachable()
            self.ended = done.returncode
            if self.ended == 0:
                self.ask(w, prometheus, os.path.join(folder, "run.truth.json"))

    def ask(self, w, prometheus, truth):
        with open(truth) as file:
            self.truth = json.load(file)
        wait_for(lambda: w.value("windsock_waiting_samples") == 0, "samples that wait")
        now = time.time()
        wait_for(lambda: value(prometheus, "timestamp(windsock_lines_total)") > now,
                 "one more scrape", 60)
        self.page = w.get("/")[1]
        self.windsock = exposition.samples(w.get()[1])
        self.prometheus = {(labels.pop("__name__"), frozenset(labels.items())): value
                           for labels, value in prometheus.query('{job="windsock"}')}
        self.failures = prometheus.query(
            'increase(airflow_dag_status_count{status="failed"}[1h]) > 0')
        self.success_rate = value(prometheus,
                                  'sum(rate(airflow_dag_status_count{status="success"}[1h]))'
                                  ' / sum(rate(airflow_dag_status_count[1h]))')
        self.task_seconds = value(prometheus, "avg(airflow_task_duration_seconds)")
        self.lost_scrapes = value(prometheus, "count_over_time(up[1h]) - sum_over_time(up[1h])")
        # One by one: the result has no names.
        counters = {name for name, _ in self.prometheus
                    if name.endswith(("_count", "_total", "_sum"))}
        self.resets = {name: resets for name in counters
                       if (resets := prometheus.query(f"resets({name}[1h]) > 0"))}


@pytest.fixture(scope="module", params=VERSIONS)
def version(request):
    """(version, where its environment is kept from mode to mode)"""
    with tempfile.TemporaryDirectory(prefix="windsock-e2e-") as folder:
        found = newest(os.path.join(folder, "venv")) if request.param == "newest" else request.param
        yield found, folder


@pytest.fixture(scope="module", params=MODES)
def run(version, request):
    one = Run(version[0], request.param, version[1])
    assert one.ended == 0, one.ended
    return one


def test_no_scrape_was_lost(run):
    assert run.lost_scrapes == 0, run.lost_scrapes


def test_counters_only_grow(run):
    assert run.resets == {}, run.resets


def test_the_first_failure_is_an_increase(run):
    dags = sorted(labels["dag_id"] for labels, _ in run.failures)
    failed = {r["dag_id"] for r in run.truth["dag_runs"] if r["state"] == "failed"}
    assert dags == sorted(failed), dags


def test_the_guides_queries_have_answers(run):
    runs = run.truth["dag_runs"]
    good = sum(r["count"] for r in runs if r["state"] == "success")
    share = good / sum(r["count"] for r in runs)
    assert abs(run.success_rate - share) < 0.05, (run.success_rate, share)
    assert run.task_seconds > 0, run.task_seconds


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("teller", ("windsock", "prometheus"))
def test_truth(run, teller, check):
    check(Told(run.truth, getattr(run, teller), run.page))
