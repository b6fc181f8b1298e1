# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus scrapes windsock with a profile of mappings/ and recordings of Airflow: every
query of the dashboards and alerts that the profile is for (data/profile-*.promql) has data."""
import collections
import concurrent.futures as futures
import contextlib
import fnmatch
import math
import os
import re
import time

import pytest

from harness import DATA, ROOT, Windsock, capture, truth, wait_for
from prometheus import Prometheus
from truth import flags_for

MAPPINGS = os.path.join(ROOT, "mappings")
PROFILES = {
    "airflow-helm": ("airflow-helm.ini",),
    "airflow-mixin": ("airflow-mixin.ini",),
    "databand": ("airflow.ini", "databand.ini"),
    "astronomer": ("astronomer.ini",),
}
RECORDINGS = ("airflow-2.11-plain", "airflow-2.11-influxdb", "airflow-2.11-dogstatsd",
              "airflow-3.3-plain", "airflow-3.3-influxdb", "airflow-3.3-dogstatsd")
INTERVAL = 60
# Grafana's, and the dashboards' own with what is chosen.
VARIABLES = {"$__interval": f"{INTERVAL}s", "$__rate_interval": f"{INTERVAL}s",
             "$instance": ".*", "$task_id": ".*", "$state": ".*", "$pool_name": ".*",
             "$airflow_id": "airflow", "$namespace": "", "$failed_dag_id": "always_fails"}
Query = collections.namedtuple("Query", "kind text none_in")


def queries(profile):
    """kind: "", variable, alert, alert fires."""
    none_in = ()
    with open(os.path.join(DATA, f"profile-{profile}.promql")) as lines:
        for line in map(str.strip, lines):
            absent = re.match(r"# none in ([^:]+): .", line)
            if absent:
                none_in = tuple(absent[1].split())
            elif line and line[0] != "#":
                kind, _, text = line.rpartition(": ") if re.match(r"[a-z ]+: ", line) \
                    else ("", "", line)
                yield Query(kind, text, none_in)
                none_in = ()
    assert none_in == (), none_in


def filled(text, job):
    """With variables replaced, and asked of one recording only."""
    text = text.replace('=~"$dag_id"', '=~".*"').replace("$dag_id", "nested_groups")
    for name in sorted(VARIABLES, key=len, reverse=True):
        text = text.replace(name, VARIABLES[name])
    text = text.replace('job=~"$job"', "").replace("{, ", "{")
    text = re.sub(r"\b((?:airflow|af_agg)_(?!id\b)\w+)(\{)?",
                  lambda m: m[1] + f'{{job="{job}"' + (", " if m[2] else "}"), text)
    assert "$" not in text, text
    return text


def values(prometheus, query, job):
    """Of an alert 0 or 1; of a variable 1 for each of its values."""
    text = filled(query.text, job)
    if query.kind == "variable":
        selector, label = re.fullmatch(r"label_values\((.*), (\w+)\)", text).groups()
        return [1 for _ in prometheus.api(f"label/{label}/values", **{"match[]": selector})]
    if query.kind:
        text = re.sub(r"(==|[<>]=?) (?=[\d.]+)", r"\1 bool ", text)
    # Such a query looks ahead, from where a panel begins.
    now = time.time() - INTERVAL * (" offset -" in text)
    found = prometheus.api("query", query=text, time=now)["result"]
    numbers = [float(one["value"][1]) for one in found]
    return [n for n in numbers if not math.isnan(n)]


def one_query(prometheus, query, job):
    if any(fnmatch.fnmatch(job, pattern) for pattern in query.none_in):
        assert values(prometheus, query, job) == [], ("has data after all", job, query.text)
        return
    wait_for(lambda: values(prometheus, query, job), f"{job}: {filled(query.text, job)}", 60)
    if query.kind == "alert fires":
        wait_for(lambda: max(values(prometheus, query, job)) == 1,
                 f"{job}: {query.text} to fire", 60)


def windsock(profile, recording):
    return Windsock(*("--statsd.mapping-config=" + os.path.join(MAPPINGS, file)
                      for file in PROFILES[profile]), *flags_for(truth(recording)["airflow"]))


def send_all(daemons):
    for recording, w in daemons.items():
        w.send_at_once(*capture(recording))
    for w in daemons.values():
        w.settle()


def profile_has_data(profile):
    asked = list(queries(profile))
    assert len(asked) > 15
    with contextlib.ExitStack() as stack:
        daemons = {r: stack.enter_context(windsock(profile, r)) for r in RECORDINGS}
        send_all(daemons)
        prometheus = stack.enter_context(Prometheus({r: w.http for r, w in daemons.items()}))
        # Once more, after the first scrape: what is counted has moved.
        send_all(daemons)
        for recording, w in daemons.items():
            seen = f'windsock_datagrams_total{{job="{recording}"}} == {w.sent}'
            wait_for(lambda: prometheus.query(seen), "the scrape of all", 60)
        for recording in daemons:
            for query in asked:
                one_query(prometheus, query, recording)
    absent = sum(bool(q.none_in) for q in asked)
    return f"{profile}: {len(asked)} queries of {len(RECORDINGS)} recordings; {absent} of them " \
        "have no data in some recording, and the file says why"


@pytest.fixture(scope="module")
def answers():
    """Of each profile; all at once, for they mostly wait."""
    with futures.ThreadPoolExecutor(len(PROFILES)) as pool:
        yield {profile: pool.submit(profile_has_data, profile) for profile in PROFILES}


@pytest.mark.parametrize("profile", PROFILES)
def test_every_query_has_data(answers, profile):
    print(answers[profile].result())
