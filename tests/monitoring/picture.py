#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""picture.py [NAME ...]: docs/dashboard-NAME.png, drawn in a headless browser by Grafana's own
components (npm) from what a real Prometheus answers to each query of the dashboard.  The
Prometheus has an hour of scrapes of a windsock to which recordings of Airflow were played."""
import json
import os
import random
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, ".."))

from dashboards import dashboard, filled, panels, step  # noqa: E402
from harness import Windsock  # noqa: E402
from history import START, History, timed  # noqa: E402

DOCS = os.path.join(HERE, "..", "..", "docs")
BUILD = os.path.join(HERE, "..", "..", "build", "picture")
HOUR, WIDTH = 3600, 1600
RECORDING = "airflow-3.3-influxdb"


def an_hour_and_more(w):
    """The recording again and again, sometimes slower: its waits are a little different then."""
    dice, at, events = random.Random(1), 0, []
    while at < 2 * HOUR:
        slower = dice.uniform(1, 2)
        events += [(at + seconds * slower, w.socket, datagram)
                   for seconds, datagram in timed(RECORDING)]
        at = events[-1][0]
    return events


def results(prometheus, name, end):
    """{panel id: the answers to its queries}, at end and the hour before it."""
    found = {}
    for p in panels(name):
        every = step(p, HOUR)
        answers = []
        for t in p["targets"]:
            query = filled(t["expr"], p, HOUR)
            data = prometheus.api("query", query=query, time=end) if t.get("instant") else \
                prometheus.api("query_range", query=query, start=end - HOUR, end=end, step=every)
            answers.append({"refId": t["refId"], "legend": t.get("legendFormat", ""),
                            "result": data["result"]})
        found[p["id"]] = {"step": every, "answers": answers}
        if not any(a["result"] for a in answers):
            print(f"{name}: {p['title']}: no data")
    return found


def bundle():
    os.makedirs(BUILD, exist_ok=True)
    for name in ("package.json", "picture.jsx"):
        shutil.copy(os.path.join(HERE, "picture", name), BUILD)
    if not os.path.isdir(os.path.join(BUILD, "node_modules", "@grafana", "ui")):
        subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--no-package-lock",
                        "--legacy-peer-deps", "--silent"], cwd=BUILD, check=True, timeout=600)
    subprocess.run(["npx", "esbuild", "picture.jsx", "--bundle", "--format=esm", "--jsx=automatic",
                    "--outfile=picture.js", "--loader:.svg=dataurl", "--loader:.ttf=empty", "--minify", "--log-level=error",
                    '--define:process.env.NODE_ENV="production"'], cwd=BUILD, check=True,
                   timeout=120)


PAGE = """<!doctype html><meta charset="utf-8"><style>
body {{ font: 14px/1.5 Inter, "DejaVu Sans", sans-serif; margin: 0 }}</style><link rel="stylesheet" href="picture.css">
<link rel="stylesheet" href="picture.css">
<div id="root"></div><script>window.picture = {picture};</script>
<script type="module" src="picture.js"></script>"""


def shoot(name, picture):
    page = os.path.join(BUILD, name + ".html")
    with open(page, "w") as out:
        out.write(PAGE.format(picture=json.dumps(picture)))
    rows = max(p["gridPos"]["y"] + p["gridPos"]["h"] for p in picture["dashboard"]["panels"])
    png = os.path.join(DOCS, f"dashboard-{name}.png")
    done = subprocess.run(
        ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--no-first-run", "--allow-file-access-from-files", "--virtual-time-budget=10000",
         f"--user-data-dir={BUILD}/profile", f"--window-size={WIDTH},{76 + 8 + rows * 38}",
         "--enable-logging=stderr", f"--screenshot={png}", "file://" + os.path.abspath(page)],
        timeout=120, env=dict(os.environ, TZ="UTC"), capture_output=True, text=True)
    said = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    assert done.returncode == 0 and not any("Uncaught" in line for line in said), said
    # Few colours: a third of the size.
    subprocess.run(["pngquant", "--force", "--speed=1", "--output", png, "128", png],
                   check=True, timeout=120)
    return os.path.relpath(png)


def main(names):
    bundle()
    with History() as history:
        with Windsock() as w:
            history.play(w, "airflow-exporter", an_hour_and_more(w), 30, 2 * HOUR)
        with history.prometheus() as prometheus:
            end = (START + 2 * HOUR) // HOUR * HOUR - 60  # no label at the edge
            for name in names:
                print(shoot(name, {"dashboard": dashboard(name), "from": end - HOUR, "to": end,
                                   "results": results(prometheus, name, end)}))


main(sys.argv[1:] or ("airflow", "windsock"))
