#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""e2e.py [--airflow VERSIONS] [--modes MODES]: a real Airflow sends to windsock, a real
Prometheus scrapes it, and both must say what Airflow's own database says.

Airflow comes from PyPI, into an environment that is removed afterwards; `newest` is the newest
release.  Status 75: PyPI could not be reached."""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time

from harness import HERE, Windsock, tap, wait_for
from prometheus import Prometheus
from truth import Told, exposition, flags_for, tests_of

UNREACHABLE = 75
MODES = ("plain", "influxdb", "dogstatsd")


class Unreachable(Exception):
    pass


def newest(venv):
    """The newest release of Airflow, as pip sees it."""
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    asked = subprocess.run([os.path.join(venv, "bin", "python"), "-m", "pip", "index",
                            "versions", "apache-airflow", "--retries", "2", "--timeout", "30"],
                           capture_output=True, text=True, timeout=150)
    match = re.match(r"apache-airflow \((\S+)\)", asked.stdout)
    if not match:
        raise Unreachable
    return match[1]


def value(prometheus, query):
    """Of a query that gives one series."""
    (_, number), = prometheus.query(query)
    return number


class Run:
    """One Airflow in one mode, from its first to its last datagram."""

    def __init__(self, version, mode, folder):
        self.name = f"{version} {mode}"
        env = dict(os.environ, AIRFLOW_VERSION=version, MODE=mode, NAME="run", OUT=folder,
                   VENV=os.path.join(folder, "venv"))
        with Windsock(*flags_for(version)) as w, Prometheus({"windsock": w.http}) as prometheus:
            done = subprocess.run([os.path.join(HERE, "capture", "capture.sh")],
                                  env=dict(env, PORT=str(w.udp)), stdin=subprocess.DEVNULL)
            if done.returncode == UNREACHABLE:
                raise Unreachable
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
        self.windsock = exposition(w.get()[1])
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


def airflow_ran(run):
    assert run.ended == 0, run.ended


def no_scrape_was_lost(run):
    assert run.lost_scrapes == 0, run.lost_scrapes


def counters_only_grow(run):
    assert run.resets == {}, run.resets


def the_first_failure_is_an_increase(run):
    dags = sorted(labels["dag_id"] for labels, _ in run.failures)
    failed = {r["dag_id"] for r in run.truth["dag_runs"] if r["state"] == "failed"}
    assert dags == sorted(failed), dags


def the_guides_queries_have_answers(run):
    runs = run.truth["dag_runs"]
    good = sum(r["count"] for r in runs if r["state"] == "success")
    share = good / sum(r["count"] for r in runs)
    assert abs(run.success_rate - share) < 0.05, (run.success_rate, share)
    assert run.task_seconds > 0, run.task_seconds


CHECKS = (no_scrape_was_lost, counters_only_grow, the_first_failure_is_an_increase,
          the_guides_queries_have_answers)


def checks_of(run):
    for check in (airflow_ran, *(CHECKS if run.ended == 0 else ())):
        def test(check=check):
            check(run)
        test.__name__ = run.name + " " + check.__name__
        yield test
    if run.ended == 0:
        for teller in ("windsock", "prometheus"):
            told = Told(run.truth, getattr(run, teller), run.page)
            yield from tests_of(f"{run.name} {teller}", lambda told=told: told)


def runs(versions, modes):
    """All checks of all runs; each run is made when its first check is asked for."""
    for version in versions:
        with tempfile.TemporaryDirectory(prefix="windsock-e2e-") as folder:
            if version == "newest":
                version = newest(os.path.join(folder, "venv"))
            for mode in modes:
                yield from checks_of(Run(version, mode, folder))


def words(text):
    return text.replace(",", " ").split()


def main():
    arg = argparse.ArgumentParser(description=__doc__)
    arg.add_argument("--airflow", type=words, default=["2.11.0", "newest"], metavar="VERSIONS")
    arg.add_argument("--modes", type=words, default=MODES)
    opt = arg.parse_args()
    unreachable = []

    def all_checks():
        try:
            yield from runs(opt.airflow, opt.modes)
        except Unreachable:
            unreachable.append(True)

    try:
        tap(all_checks())
    except SystemExit as end:
        if end.code or not unreachable:
            raise
    print("e2e: skipped, PyPI could not be reached")
    sys.exit(UNREACHABLE)


main()
