#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""picture.py [NAME ...]: docs/dashboard-NAME.png, drawn in a headless browser by Grafana's own
components (npm) from what a real Prometheus answers to each query of the dashboard.  The
Prometheus has an hour of scrapes of a windsock to which recordings of Airflow were played; for the
pipeline, it scrapes the real one for five minutes."""
import contextlib
import itertools
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))

from dashboards import NAMES, dashboard, filled, panels, step  # noqa: E402
from harness import ROOT, Windsock, free_ports, recording  # noqa: E402
from history import START, History  # noqa: E402
from pipeline_servers import Kafka, Postgres, Program  # noqa: E402
from prometheus import Prometheus  # noqa: E402

PIPELINE = os.path.join(ROOT, "packaging", "monitoring", "pipeline")
# Debian's, for it has the modules.
PYTHON = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable
DOCS = os.path.join(ROOT, "docs")
BUILD = os.path.join(ROOT, "build", "picture")
HOUR, WIDTH = 3600, 1600
RECORDING = "airflow-3.3-influxdb"


def an_hour_and_more(w):
    """The recording again and again, sometimes slower: its waits are a little different then."""
    dice, at, events = random.Random(1), 0, []
    while at < 2 * HOUR:
        slower = dice.uniform(1, 2)
        events += [(at + seconds * slower, w.socket, datagram)
                   for seconds, datagram in recording(RECORDING)]
        at = events[-1][0]
    return events


class Shown:
    """A dashboard at the end of so many seconds."""

    def __init__(self, prometheus, name, end, seconds, scrape):
        self.prometheus, self.name, self.end = prometheus, name, end
        self.seconds, self.scrape = seconds, scrape

    def answer(self, p, t):
        query = filled(t["expr"], p, self.seconds, self.scrape)
        data = self.prometheus.api("query", query=query, time=self.end) if t.get("instant") else \
            self.prometheus.api("query_range", query=query, start=self.end - self.seconds,
                                end=self.end, step=step(p, self.seconds, self.scrape))
        return {"refId": t["refId"], "legend": t.get("legendFormat", ""), "result": data["result"]}

    def picture(self):
        results = {}
        for p in panels(self.name):
            answers = [self.answer(p, t) for t in p["targets"]]
            results[p["id"]] = {"step": step(p, self.seconds, self.scrape), "answers": answers}
            if not any(a["result"] for a in answers):
                print(f"{self.name}: {p['title']}: no data")
        return {"dashboard": dashboard(self.name), "results": results,
                "from": self.end - self.seconds, "to": self.end}


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


def of_recordings(names):
    with History() as history:
        with Windsock() as w:
            history.play(w, "airflow-exporter", an_hour_and_more(w), 30, 2 * HOUR)
        with history.prometheus() as prometheus:
            end = (START + 2 * HOUR) // HOUR * HOUR - 60  # no label at the edge
            for name in names:
                yield name, Shown(prometheus, name, end, HOUR, 30).picture()


def of_the_pipeline(name):
    """Five minutes, in one of which the consumer is away."""
    with tempfile.TemporaryDirectory(prefix="pipeline") as home, contextlib.ExitStack() as stack:
        os.chmod(home, 0o755)  # the user postgres goes through it
        ports = free_ports(7)
        kafka, postgres = Kafka(home, *ports[:2]), Postgres(home, ports[2])
        jobs = dict(zip(("producer", "consumer", "kafka-exporter", "postgres-exporter"), ports[3:]))

        def program(job, *command, **env):
            return Program(home, job, command, env=dict(os.environ, **env))

        def python(job, *flags, script=None, **env):
            return program(job, PYTHON, os.path.join(PIPELINE, (script or job) + ".py"),
                           "--brokers=" + kafka.brokers, f"--listen=127.0.0.1:{jobs[job]}",
                           *flags, PYTHONDONTWRITEBYTECODE="1", **env)

        consumer = python("consumer", DATABASE_URL=postgres.url)
        programs = [kafka, postgres, python("producer", "--rate=100", "--seed=1"), consumer,
                    python("kafka-exporter", script="kafka_lag"),
                    program("postgres-exporter", "prometheus-postgres-exporter",
                            f"--web.listen-address=127.0.0.1:{jobs['postgres-exporter']}",
                            DATA_SOURCE_NAME=postgres.url)]
        for one in programs:
            stack.callback(getattr(one, "program", one).end)
            one.start()
        prometheus = stack.enter_context(Prometheus(jobs, interval="2s"))
        # Five minutes have to pass: that is what the picture shows.
        time.sleep(150)
        consumer.stop()
        time.sleep(40)
        consumer.start()
        time.sleep(120)
        end = int(time.time()) // 10 * 10
        yield name, Shown(prometheus, name, end, 300, 2).picture()


def main(names):
    bundle()
    pipeline = [of_the_pipeline(name) for name in names if name == "crypto-pipeline"]
    others = [name for name in names if name != "crypto-pipeline"]
    for name, picture in itertools.chain(*pipeline, of_recordings(others) if others else ()):
        print(shoot(name, picture))


main(sys.argv[1:] or NAMES)
