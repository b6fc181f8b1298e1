# SPDX-License-Identifier: Apache-2.0
"""The dashboards as Grafana reads them: their panels, queries and variables."""
import json
import os
import re

from harness import ROOT

GRAFANA = os.path.join(ROOT, "packaging", "monitoring", "grafana")
NAMES = ("airflow", "crypto-pipeline", "windsock")
ALL = {"$job": ".*", "$instance": ".*", "$dag_id": ".*", "$task_id": ".*", "$pool": ".*"}
# Grafana's steps, and the interval of provisioning/datasources/prometheus.yml.
STEPS = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600)
SCRAPE = 30


def dashboard(name):
    with open(os.path.join(GRAFANA, "dashboards", name + ".json")) as text:
        return json.load(text)


def panels(name):
    return [p for p in dashboard(name)["panels"] if p["type"] != "row"]


def step(panel, seconds, scrape=SCRAPE):
    """What Grafana makes $__interval: as many points as the panel has room for."""
    wanted = seconds / panel.get("maxDataPoints", 900)
    return max(scrape, next(s for s in STEPS if s >= wanted))


def filled(text, panel=(), seconds=3600, scrape=SCRAPE, **chosen):
    """An expression as Grafana would send it, of a time of so many seconds."""
    interval = step(dict(panel), seconds, scrape)
    values = {"$__rate_interval": f"{max(interval + scrape, 4 * scrape)}s",
              "$__interval_ms": str(interval * 1000), "$__interval": f"{interval}s",
              "$__range_s": str(seconds), "$__range": f"{seconds}s", **ALL,
              **{"$" + name: value for name, value in chosen.items()}}
    for name in sorted(values, key=len, reverse=True):
        text = text.replace(name, values[name])
    assert "$" not in text, text
    return text


def targets(name, **how):
    return [(p["title"], filled(t["expr"], p, **how)) for p in panels(name) for t in p["targets"]]


def variables(name, **how):
    for v in dashboard(name)["templating"]["list"]:
        if v["type"] == "query":
            yield re.fullmatch(r"label_values\((.*), (\w+)\)", filled(v["query"], **how)).groups()
