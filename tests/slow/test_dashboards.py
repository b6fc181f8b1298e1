# SPDX-License-Identifier: Apache-2.0
"""Grafana's dashboards: made from their sources, kept to rules, with data for every query of a
real Prometheus that scrapes windsock, and with the numbers of Airflow's own database.  The queries
of the pipeline are parsed here; tests/monitoring/test_pipeline.py asks them."""
import contextlib
import copy
import functools
import glob
import json
import os
import re
import subprocess
import tempfile

import pytest

from dashboards import GRAFANA, NAMES, dashboard, filled, panels, targets, variables
from harness import Windsock, capture, recording, truth, wait_for
from history import START, History
from prometheus import Prometheus
from truth import SLEEPERS, UNITS, Told, flags_for, grouped, ran

UIDS = {"airflow": "windsock-airflow", "crypto-pipeline": "windsock-crypto-pipeline",
        "windsock": "windsock-itself"}
GUIDE = ["DAG Status Count", "Task Status Count", "Task Duration", "DAG Processing Duration",
         "Scheduler Heartbeat", "Pool Open Slots"]
UNREACHABLE = "ENOTFOUND|ETIMEDOUT|ECONNREFUSED|ECONNRESET|EAI_AGAIN|ENETUNREACH"


def test_made_from_their_sources():
    src = os.path.join(GRAFANA, "src")
    done = subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=src, timeout=300,
                          capture_output=True, text=True)
    if done.returncode and re.search(UNREACHABLE, done.stderr):
        pytest.skip("the npm registry could not be reached")
    assert done.returncode == 0, done.stderr
    with tempfile.TemporaryDirectory() as home:
        subprocess.run(["node", "generate.js", home], cwd=src, check=True, timeout=60)
        assert sorted(os.listdir(home)) == sorted(map(os.path.basename, glob.glob(
            os.path.join(GRAFANA, "dashboards", "*")))) == sorted(n + ".json" for n in NAMES)
        for name in NAMES:
            with open(os.path.join(home, name + ".json")) as made:
                assert json.load(made) == dashboard(name), name + ": run make dashboards"


# The rules.  Each takes a dashboard and says what is against it.

def shown(d):
    return [p for p in d["panels"] if p["type"] != "row"]


def queries(d):
    return [(p["title"], t) for p in shown(d) for t in p.get("targets", [])]


def overlap(a, b):
    return a["x"] < b["x"] + b["w"] and b["x"] < a["x"] + a["w"] and \
        a["y"] < b["y"] + b["h"] and b["y"] < a["y"] + a["h"]


def stable_uid(d):
    if d.get("uid") not in UIDS.values():
        yield "uid"


def refresh_of_5s(d):
    if d.get("refresh") != "5s":
        yield "refresh"


def not_editable(d):
    if d.get("editable") is not False:
        yield "editable"


def variables_for_the_source_job_and_instance(d):
    found = d["templating"]["list"]
    if [(v["name"], v["type"]) for v in found[:3]] != \
            [("datasource", "datasource"), ("job", "query"), ("instance", "query")]:
        yield "the first three variables"


def variables_follow_the_time(d):
    yield from (v["name"] for v in d["templating"]["list"][1:] if v.get("refresh") != 2)


def variables_have_all(d):
    yield from (v["name"] for v in d["templating"]["list"][1:]
                if not (v.get("multi") and v.get("includeAll") and v.get("allValue") == ".*"))


def own_ids(d):
    ids = [p["id"] for p in d["panels"]]
    yield from {i for i in ids if ids.count(i) > 1}


def no_overlap(d):
    grid = [(p["title"], p["gridPos"]) for p in d["panels"]]
    yield from (a for i, (a, one) in enumerate(grid) for _, two in grid[:i] if overlap(one, two))


def within_the_grid(d):
    yield from (p["title"] for p in d["panels"] if p["gridPos"]["x"] + p["gridPos"]["w"] > 24)


def titles_and_descriptions(d):
    yield from (f"panel {p['id']}" for p in shown(d)
                if not p.get("title") or not p.get("description"))


def own_titles(d):
    titles = [p["title"] for p in shown(d)]
    yield from {t for t in titles if titles.count(t) > 1}


def units(d):
    yield from (p["title"] for p in shown(d) if not p["fieldConfig"]["defaults"].get("unit"))


def panels_ask(d):
    yield from (p["title"] for p in shown(d) if not p.get("targets"))


def source_is_the_variable(d):
    asked = [(p["title"], p) for p in shown(d)] + queries(d)
    asked += [(v["name"], v) for v in d["templating"]["list"] if v["type"] == "query"]
    yield from (name for name, part in asked
                if part.get("datasource", {}).get("uid") != "${datasource}")


def rates_of_grafanas_interval(d):
    """An average over a fixed time is wrong at another zoom."""
    for title, t in queries(d):
        functions = re.findall(r"(\w+)\([^()]*?\[(.*?)\]", t["expr"])
        if any(time not in ("$__rate_interval", "$__range") or
               (function == "rate" and time != "$__rate_interval")
               for function, time in functions) or \
                len(functions) != t["expr"].count("["):
            yield title


def offsets_of_grafanas_interval(d):
    yield from (title for title, t in queries(d)
                if re.search(r"\boffset (?!\$__(interval|rate_interval|range)\b)", t["expr"]))


COUNTERS = ("_total", "_count", "_sum", "_bucket", "_heartbeat", "_offset", "_xact_commit",
            "_xact_rollback")


def rates_of_counters_only(d):
    for title, t in queries(d):
        for metric in re.findall(r"\b(?:rate|increase)\((\w+)", t["expr"]):
            if not metric.endswith(COUNTERS):
                yield f"{title}: {metric}"


def counters_by_their_rate_only(d):
    """A bare counter shows how long windsock has run.  Beside its increase it may stand, for the
    series that have just begun."""
    for title, t in queries(d):
        grown = set(re.findall(r"\b(?:rate|increase)\((\w+)", t["expr"]))
        for metric in re.findall(r"\b(\w+_(?:total|count|sum|heartbeat))\{", t["expr"]):
            if metric not in grown:
                yield f"{title}: {metric}"


def of_the_job_and_the_instance(d):
    if d["uid"] == UIDS["crypto-pipeline"]:
        return  # its exporters are jobs of their own
    for title, t in queries(d):
        if t["expr"].count("{") != t["expr"].count('{job=~"$job", instance=~"$instance"'):
            yield title


def series_have_names(d):
    yield from (title for title, t in queries(d)
                if not t.get("legendFormat") and t.get("format") != "table")


def the_guides_panels_first(d):
    if d["uid"] == UIDS["airflow"] and [p["title"] for p in shown(d)][:6] != GUIDE:
        yield "the first six panels"


def put(*path):
    """A change of a dashboard: the last of path put at the place that the others name."""
    *steps, last, value = path

    def change(d):
        place = functools.reduce(lambda part, step: part[step], steps, d)
        place[last] = value
    return change


EXPR = ("panels", 1, "targets", 0, "expr")
MINE = 'm_total{job=~"$job", instance=~"$instance"}'
# Each rule, and changes that break it.
RULES = {
    stable_uid: [put("uid", "abcdef")],
    refresh_of_5s: [put("refresh", "1m")],
    not_editable: [put("editable", True)],
    variables_for_the_source_job_and_instance: [put("templating", "list", 1, "name", "jobs")],
    variables_follow_the_time: [put("templating", "list", 2, "refresh", 1)],
    variables_have_all: [put("templating", "list", 2, "multi", False)],
    own_ids: [put("panels", 2, "id", 1)],
    no_overlap: [put("panels", 2, "gridPos", "x", 1)],
    within_the_grid: [put("panels", 3, "gridPos", "w", 20)],
    titles_and_descriptions: [put("panels", 1, "description", ""), put("panels", 1, "title", "")],
    own_titles: [put("panels", 2, "title", "DAG Status Count")],
    units: [put("panels", 1, "fieldConfig", "defaults", "unit", "")],
    panels_ask: [put("panels", 1, "targets", [])],
    source_is_the_variable: [put("panels", 1, "datasource", "uid", "prometheus"),
                             put("panels", 1, "targets", 0, "datasource", "uid", "prometheus"),
                             put("templating", "list", 1, "datasource", "uid", "prometheus")],
    rates_of_grafanas_interval: [put(*EXPR, f"rate({MINE}[5m])"),
                                 put(*EXPR, f"rate({MINE}[$__range])"),
                                 put(*EXPR, f"rate({MINE}[$__interval])")],
    offsets_of_grafanas_interval: [put(*EXPR, f"up unless {MINE} offset 1h")],
    rates_of_counters_only: [put(*EXPR, 'rate(up{job=~"$job", instance=~"$instance"}'
                                        "[$__rate_interval])")],
    counters_by_their_rate_only: [put(*EXPR, f"sum({MINE})")],
    of_the_job_and_the_instance: [put(*EXPR, "rate(m_total{}[$__rate_interval])")],
    series_have_names: [put("panels", 1, "targets", 0, "legendFormat", "")],
    the_guides_panels_first: [put("panels", 1, "title", "DAG status count")],
}


def test_rules_are_kept():
    assert [dashboard(name)["uid"] for name in NAMES] == [UIDS[name] for name in NAMES]
    broken = {(name, rule.__name__): list(rule(dashboard(name)))
              for name in NAMES for rule in RULES}
    assert not any(broken.values()), {key: what for key, what in broken.items() if what}


def test_each_rule_can_be_broken():
    whole = dashboard("airflow")
    for rule, changes in RULES.items():
        for change in changes:
            broken = copy.deepcopy(whole)
            change(broken)
            assert list(rule(broken)), rule.__name__


def test_queries_parse():
    rules = [{"record": f"x:y{i}:z", "expr": text}
             for i, (_, text) in enumerate(t for name in NAMES for t in targets(name))]
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as out:
        json.dump({"groups": [{"name": "all", "rules": rules}]}, out)
        out.flush()
        done = subprocess.run(["promtool", "check", "rules", out.name], timeout=60,
                              capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


SCRAPED = ("airflow-2.11-plain", "airflow-2.11-influxdb", "airflow-3.3-plain")
# What happened in no recording, and what makes windsock reject and refuse.
BESIDES = ("airflow.triggers.failed:1|c", "airflow.triggers.blocked_main_thread:1|c",
           "airflow.zombies_killed:1|c", "airflow.scheduler.tasks.killed_externally:1|c",
           "no_value", "of_two_types:1|c", "of_two_types:1|g")


def test_every_query_has_data():
    with contextlib.ExitStack() as stack:
        daemons = {r: stack.enter_context(Windsock()) for r in SCRAPED}
        prometheus = stack.enter_context(Prometheus({r: w.http for r, w in daemons.items()}))
        for _ in range(2):
            for name, w in daemons.items():
                w.send_at_once(*capture(name), *BESIDES)
            for name, w in daemons.items():
                w.settle()
                seen = f'windsock_datagrams_total{{job="{name}"}} == {w.sent}'
                wait_for(lambda: prometheus.query(seen), "the scrape of all")
        asked = 0
        for name in ("airflow", "windsock"):
            for title, text in targets(name, seconds=60, scrape=15):
                wait_for(lambda: [v for _, v in prometheus.query(text) if v == v],
                         f"data for {title}: {text}")
                asked += 1
            for selector, label in variables(name):
                assert prometheus.api(f"label/{label}/values", **{"match[]": selector}), label
                asked += 1
        print(f"{asked} queries have data")


# The panels against Airflow's own database.  windsock is scraped for a while before anything is
# sent, then each recording is played twice: in the first play all series begin, in the second
# they grow.

RECORDINGS = ("airflow-2.7-plain", "airflow-2.7-influxdb",
              "airflow-2.11-plain", "airflow-2.11-influxdb", "airflow-2.11-dogstatsd",
              "airflow-3.3-plain", "airflow-3.3-influxdb", "airflow-3.3-dogstatsd")
SCRAPE, FIRST, SECOND = 15, 315, 465
END_OF_FIRST, END_OF_SECOND = 450, 600


RESTARTED = "airflow-3.3-plain"  # its windsock is away for ten minutes, and comes back
AWAY, BACK, END_OF_RESTARTED = END_OF_SECOND, END_OF_SECOND + 600, END_OF_SECOND + 750


def play(history, name, starts, until, started=0):
    with Windsock(*flags_for(truth(name)["airflow"])) as w:
        history.play(w, name, [(at + seconds, w.socket, datagram) for at in starts
                               for seconds, datagram in recording(name)], SCRAPE, until, started)


@pytest.fixture(scope="module")
def prometheus():
    """A Prometheus with all recordings, each a job."""
    with History() as history:
        for name in RECORDINGS:
            play(history, name, (FIRST, SECOND), END_OF_SECOND)
        play(history, RESTARTED, (BACK + 5,), END_OF_RESTARTED, BACK)
        with history.prometheus() as server:
            yield server


class Panels:
    """The answers of the panels for one recording at a time."""

    def __init__(self, prometheus, recording, end, seconds, **how):
        self.prometheus, self.end = prometheus, START + end + 8  # between two scrapes
        self.how = dict(how, seconds=seconds, job=recording)
        self.panels = {p["title"]: p for p in panels("airflow")}

    def query(self, title, i=0):
        p = self.panels[title]
        return filled(p["targets"][i]["expr"], p, **self.how)

    def by(self, *labels, title, i=0):
        """{labels: value} of a panel."""
        return {tuple(found[label] for label in labels): value for found, value in
                self.prometheus.query(self.query(title, i), time=self.end) if value == value}

    def bars(self, title):
        """{status: sum of the bars}"""
        p = self.panels[title]
        step = int(filled("$__interval", p, **self.how)[:-1])
        found = self.prometheus.api("query_range", query=self.query(title), step=step,
                                    start=self.end - self.how["seconds"] + step, end=self.end)
        return {r["metric"]["status"]: sum(float(v) for _, v in r["values"])
                for r in found["result"]}


def known(name):
    """What the panels are to show of a recording."""
    told = Told(truth(name), {})
    runs, _ = grouped(told.truth["dag_runs"], "dag_id", "state")
    tasks, _ = grouped(ran(told), "state")
    counts, seconds = grouped(ran(told), "dag_id", "task_id")
    dags = {told.id(dag): (runs[dag, "success"], runs[dag, "failed"]) for dag, _ in runs}
    pieces = {(t["dag_id"], t["task_id"]) for t in told.truth["reschedules"]}
    pieces |= {(t["dag_id"], t["task_id"]) for t in told.truth["earlier_tries"]}
    pieces.add(("deferred_wait", "wait"))
    durations = {(told.id(dag), told.id(task)):
                 (SLEEPERS.get((dag, task), 0), seconds[dag, task] / n)
                 for (dag, task), n in counts.items() if (dag, task) not in pieces}
    retries = sum(t["tries"] - t["count"] for t in ran(told))  # 2.7 keeps no earlier tries
    return dags, {"success": tasks["success",], "failed": tasks["failed",],
                  "up_for_retry": retries}, durations


def near(got, want):
    """Prometheus extrapolates an increase to the ends of its time."""
    return abs(got - want) <= 0.12 * want + 1e-9


def same(got, want):
    return got == want


def counts_are_airflows(shows, dags, tasks, equal):
    good, bad = (sum(d[i] for d in dags.values()) for i in (0, 1))
    assert good > 8 and bad > 0 and tasks["failed"] > 0 and tasks["up_for_retry"] > 0
    assert equal(shows.by(title="Failed DAG runs")[()], bad)
    assert equal(shows.by(title="Failed tasks")[()], tasks["failed"])
    assert near(shows.by(title="DAG run success rate")[()], good / (good + bad))
    runs, failed = (shows.by("dag_id", title="DAGs in the selected time range", i=i) for i in (0, 1))
    rates = shows.by("dag_id", title="Success rate per DAG")
    assert {dag for dag, in runs} == set(dags), (runs, dags)
    for dag, (g, b) in dags.items():
        assert equal(runs[dag,], g + b) and equal(failed[dag,], b), (dag, runs, failed)
        assert near(rates[dag,], g / (g + b)), (dag, rates)
    most = shows.by("dag_id", "task_id", title="Tasks with the most failures")
    assert equal(sum(most.values()), tasks["failed"] + tasks["up_for_retry"]), most


def bars_are_airflows(shows, dags, tasks):
    got = shows.bars("DAG Status Count")
    for i, status in enumerate(("success", "failed")):
        assert near(got[status], sum(d[i] for d in dags.values())), got
    got = shows.bars("Task Status Count")
    for status, want in tasks.items():
        assert near(got[status], want), (status, got, want)


def durations_are_airflows(shows, durations):
    got = shows.by("dag_id", "task_id", title="Task Duration")
    assert len(durations) > 10
    for task, (least, want) in durations.items():
        assert least < got[task] <= 1.1 * want + 0.5, (task, got[task], want)


def slots_are_airflows(shows, name):
    told = Told(truth(name), {})
    got = shows.by("pool", title="Pool Open Slots")
    want = {(told.id(p["pool"]),): p["slots"] for p in told.truth["pools"]
            if p["slots"] > 0 and " " not in p["pool"]}  # Airflow changes the name of the others
    assert len(want) == 2 and want.items() <= got.items() and \
        float("inf") not in got.values(), (got, want)


def heartbeats_are_those_sent(shows, name):
    sent = sum(b"scheduler_heartbeat:1|c" in datagram for _, datagram in recording(name))
    a_minute = shows.by(title="Heartbeats per minute")[()]
    # Of five minutes; the first made the series.
    assert sent > 5 and sent - 2 < 5 * a_minute < 1.12 * sent, (a_minute, sent)
    assert shows.by("instance", title="Scheduler Heartbeat") == {("windsock:9092",): a_minute}


def files_take_what_they_took(shows, name):
    least, most = UNITS["airflow_dag_processing_duration_seconds",]
    got = shows.by("dag_file", title="DAG Processing Duration")
    assert {file for file, in got} == {os.path.splitext(d["file"])[0] for d in truth(name)["dags"]}
    assert all(least < value < most for value in got.values()), got


def test_values_are_airflows(prometheus):
    for name in RECORDINGS:
        dags, tasks, durations = known(name)
        first = Panels(prometheus, name, END_OF_FIRST, 300, scrape=SCRAPE)
        counts_are_airflows(first, dags, tasks, same)
        bars_are_airflows(first, dags, tasks)
        # All that there has been since windsock was started is of the hour, too.
        counts_are_airflows(Panels(prometheus, name, END_OF_FIRST, 3600), dags, tasks, same)
        second = END_OF_SECOND - END_OF_FIRST
        counts_are_airflows(Panels(prometheus, name, END_OF_SECOND, second, scrape=SCRAPE),
                            dags, tasks, near)
        # A scrape of 75 s makes a rate's interval 300 s.
        wide = Panels(prometheus, name, END_OF_FIRST, 300, scrape=75)
        durations_are_airflows(wide, durations)
        files_take_what_they_took(wide, name)
        heartbeats_are_those_sent(wide, name)
        slots_are_airflows(wide, name)


def test_a_restart_hides_nothing(prometheus):
    """The first scrape after it may have what is counted only once."""
    dags, tasks, durations = known(RESTARTED)
    seconds = END_OF_RESTARTED - AWAY - 300  # windsock was away then
    counts_are_airflows(Panels(prometheus, RESTARTED, END_OF_RESTARTED, seconds, scrape=SCRAPE),
                        dags, tasks, same)
    durations_are_airflows(Panels(prometheus, RESTARTED, END_OF_RESTARTED, 300, scrape=75),
                           durations)


CHOICES = (
    ("airflow", {"job": "airflow-3.3-influxdb"}),
    ("airflow", {"instance": "windsock:9092"}),
    ("airflow", {"dag_id": "nested_groups"}),
    ("airflow", {"dag_id": "retry_then_ok", "task_id": "flaky"}),
    ("airflow", {"pool": "etl_pool"}),
    ("windsock", {"job": "airflow-2.11-plain"}),
    ("windsock", {"instance": "windsock:9092"}),
)
# What a choice has nothing of.
NOTHING = {
    "nested_groups": {"Tasks with the most failures"},
    "retry_then_ok": {"Scheduling delay", "First task delay"},
    "airflow-3.3-influxdb": {"Task waiting time"},
}
# What happened in no recording: every_query_has_data makes it up.
NEVER = re.compile("killed_total|killed_externally|triggers_failed|blocked_main_thread|"
                   "windsock_(rejected|series_refused)_total.* > 0", re.S)


def test_variables_narrow(prometheus):
    """One value of a variable, and Grafana escapes it for a regular expression."""
    end, seconds = START + END_OF_SECOND, 300
    for name, chosen in CHOICES:
        escaped = {key: re.escape(value).replace("\\", "\\\\") for key, value in chosen.items()}
        nothing = set().union(*(NOTHING.get(value, ()) for value in chosen.values()))
        for p in panels(name):
            for t in p["targets"]:
                text = filled(t["expr"], p, seconds=seconds, scrape=75, **escaped)
                found = prometheus.query(text, time=end)
                assert found or p["title"] in nothing or NEVER.search(text), \
                    (chosen, p["title"], text)
                assert all(labels.get(key, value) == value for labels, _ in found
                           for key, value in chosen.items()), (chosen, p["title"], found)


def test_variables_offer_what_there_is(prometheus):
    offered = {}
    for selector, label in variables("airflow", job="airflow-2.11-plain"):
        offered[label] = prometheus.api(f"label/{label}/values", **{"match[]": selector})
    dags, _, durations = known("airflow-2.11-plain")
    assert set(offered["job"]) == set(RECORDINGS), offered
    assert offered["instance"] == ["windsock:9092"]
    assert set(offered["dag_id"]) == set(dags), offered
    assert set(offered["task_id"]) >= {task for _, task in durations}, offered
    assert set(offered["pool"]) >= {"default_pool", "etl_pool", "big.batch"}, offered
