#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Grafana's dashboards: made from their sources, kept to rules, and with data for every query of
a real Prometheus that scrapes windsock while recordings of Airflow are replayed.  The queries of
the pipeline are only parsed: nothing here exports what they ask for."""
import contextlib
import glob
import json
import os
import re
import subprocess
import tempfile

from harness import HERE, Windsock, capture, tap, wait_for
from prometheus import Prometheus

GRAFANA = os.path.join(HERE, "..", "packaging", "monitoring", "grafana")
NAMES = ("airflow", "crypto-pipeline", "windsock")
RECORDINGS = ("airflow-2.11-plain", "airflow-2.11-influxdb", "airflow-3.3-plain")
VARIABLES = {"$__rate_interval": "60s", "$__range": "60s", "$job": ".*", "$instance": ".*",
             "$dag_id": ".*", "$task_id": ".*", "$pool": ".*"}


def dashboard(name):
    with open(os.path.join(GRAFANA, "dashboards", name + ".json")) as text:
        return json.load(text)


def panels(name):
    return [p for p in dashboard(name)["panels"] if p["type"] != "row"]


def filled(text):
    for name in sorted(VARIABLES, key=len, reverse=True):
        text = text.replace(name, VARIABLES[name])
    assert "$" not in text, text
    return text


def targets(name):
    return [(p["title"], filled(t["expr"])) for p in panels(name) for t in p["targets"]]


def variables(name):
    for v in dashboard(name)["templating"]["list"]:
        if v["type"] == "query":
            yield re.fullmatch(r"label_values\((.*), (\w+)\)", filled(v["query"])).groups()


def made_from_their_sources():
    src = os.path.join(GRAFANA, "src")
    done = subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=src, timeout=300,
                          capture_output=True, text=True)
    if done.returncode and re.search("ENOTFOUND|ETIMEDOUT|ECONNREFUSED|EAI_AGAIN", done.stderr):
        print("# NOT COMPARED: the npm registry could not be reached")
        return
    assert done.returncode == 0, done.stderr
    with tempfile.TemporaryDirectory() as home:
        subprocess.run(["node", "generate.js", home], cwd=src, check=True, timeout=60)
        assert sorted(os.listdir(home)) == sorted(map(os.path.basename, glob.glob(
            os.path.join(GRAFANA, "dashboards", "*")))) == sorted(n + ".json" for n in NAMES)
        for name in NAMES:
            with open(os.path.join(home, name + ".json")) as made:
                assert json.load(made) == dashboard(name), name + ": run make dashboards"


def overlap(a, b):
    return a["x"] < b["x"] + b["w"] and b["x"] < a["x"] + a["w"] and \
        a["y"] < b["y"] + b["h"] and b["y"] < a["y"] + a["h"]


def rules_are_kept():
    uids = [dashboard(name)["uid"] for name in NAMES]
    assert uids == ["windsock-airflow", "windsock-crypto-pipeline", "windsock-itself"]
    for name in NAMES:
        d = dashboard(name)
        assert d["refresh"] == "5s" and d["editable"] is False
        lists = d["templating"]["list"]
        assert [v["name"] for v in lists[:3]] == ["datasource", "job", "instance"]
        assert all(v["refresh"] == 2 for v in lists[1:])
        ids = [p["id"] for p in d["panels"]]
        assert len(set(ids)) == len(ids)
        grid = [p["gridPos"] for p in d["panels"]]
        assert all(g["x"] + g["w"] <= 24 for g in grid)
        assert not any(overlap(a, b) for i, a in enumerate(grid) for b in grid[:i]), name
        for p in panels(name):
            assert p["title"] and p["description"], p
            assert p["fieldConfig"]["defaults"]["unit"] and p["targets"], p["title"]
            assert p["datasource"]["uid"] == "${datasource}"
            for t in p["targets"]:
                assert t["datasource"]["uid"] == "${datasource}"
                assert not re.search(r"\[(?!\$__rate_interval|\$__range)", t["expr"]), t
                if name != "crypto-pipeline":
                    assert 'job=~"$job", instance=~"$instance"' in t["expr"], t


def queries_parse():
    rules = [{"record": "x:y:z", "expr": text} for name in NAMES for _, text in targets(name)]
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as out:
        # The same rule twice is an error for promtool: give each a name of its own.
        for i, rule in enumerate(rules):
            rule["record"] = f"x:y{i}:z"
        json.dump({"groups": [{"name": "all", "rules": rules}]}, out)
        out.flush()
        done = subprocess.run(["promtool", "check", "rules", out.name], timeout=60,
                              capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def every_query_has_data():
    with contextlib.ExitStack() as stack:
        daemons = {r: stack.enter_context(Windsock()) for r in RECORDINGS}
        prometheus = stack.enter_context(Prometheus({r: w.http for r, w in daemons.items()}))
        for _ in range(2):
            for recording, w in daemons.items():
                w.send_at_once(*capture(recording + ".capture"))
            for recording, w in daemons.items():
                w.settle()
                seen = f'windsock_datagrams_total{{job="{recording}"}} == {w.sent}'
                wait_for(lambda: prometheus.query(seen), "the scrape of all", 60)
        asked = 0
        for name in ("airflow", "windsock"):
            for title, text in targets(name):
                wait_for(lambda: [v for _, v in prometheus.query(text) if v == v],
                         f"data for {title}: {text}", 20)
                asked += 1
            for selector, label in variables(name):
                assert prometheus.api(f"label/{label}/values", **{"match[]": selector}), label
                asked += 1
        print(f"# {asked} queries have data")
        golden(prometheus, daemons)


def golden(prometheus, daemons):
    """Key panels show what windsock itself says."""
    shown = dict(targets("airflow"))
    got = {labels["status"]: v for labels, v in prometheus.query(shown["DAG status count"])}
    want = {}
    for w in daemons.values():
        for status, v in re.findall(r'^airflow_dag_status_count\{.*status="(\w+)".*\} (\S+)$',
                                    w.get()[-1], re.M):
            want[status] = want.get(status, 0) + float(v)
    assert got == want and want["failed"] > 0 and want["success"] > 0, (got, want)


tap([made_from_their_sources, rules_are_kept, queries_parse, every_query_has_data])
