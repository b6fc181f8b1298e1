#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""deploy-monitoring.sh with the programs of this machine, on free ports: from start to stop."""
import json
import os
import socket
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)
from harness import capture, tap, wait_for  # noqa: E402
from monitoring.sinks import Mail, Web, free_ports  # noqa: E402

ROOT = os.path.dirname(TESTS)
SCRIPT = os.path.join(ROOT, "packaging/monitoring/deploy-monitoring.sh")
OURS = ("airflow-exporter", "prometheus", "alertmanager", "postgres-exporter")
PORTS = ("WINDSOCK", "PROMETHEUS", "ALERTMANAGER", "POSTGRES_EXPORTER", "GRAFANA", "PRODUCER",
         "CONSUMER", "KAFKA_EXPORTER", "AIRFLOW", "STATSD")
RULE = """groups:
  - name: stack
    rules:
      - alert: StackTest
        expr: up{job="airflow-exporter"} == 1
        labels: {severity: critical}
        annotations: {summary: the stack delivers}
"""


HOME = tempfile.TemporaryDirectory(prefix="monitoring")
STATE = os.path.join(HOME.name, "state")
RULES = os.path.join(HOME.name, "rules")
WEB, MAIL = Web(), Mail()
PORT = dict(zip(PORTS, free_ports(len(PORTS))))
ENV = dict(os.environ, WINDSOCK=os.path.abspath(os.environ.get("WINDSOCK", "build/windsock")),
           WINDSOCK_FLAGS="--airflow.version=2.11", SCRAPE_INTERVAL="4s",  # the exporter waits for its database
           AIRFLOW_SCRAPE_INTERVAL="1s", EXTRA_RULES=RULES, SMTP_TLS="false",
           DATA_SOURCE_NAME="postgresql://nobody@127.0.0.1:9/none?sslmode=disable",
           WEBHOOK_URL=WEB.url + "/", SMTP_HOST=MAIL.host,
           **{name + "_PORT": str(port) for name, port in PORT.items()})


def script(*words, **env):
    done = subprocess.run([SCRIPT, "--native", "--state", STATE, *words], env=dict(ENV, **env),
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


def pids():
    found = {}
    for name in OURS:
        with open(os.path.join(STATE, "run", name + ".pid")) as file:
            found[name] = int(file.read().split()[0])
    return found


def alive(pid):
    """A process that has ended, and was not yet reaped by init, is not alive."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(") ", 1)[1][0] != "Z"
    except FileNotFoundError:
        return False


def query(text):
    url = f"http://127.0.0.1:{PORT['PROMETHEUS']}/api/v1/query?" + \
        urllib.parse.urlencode({"query": text})
    with urllib.request.urlopen(url, timeout=20) as answer:
        return json.load(answer)["data"]["result"]


def wrong_use_has_its_exit_codes():
    assert script("dance")[0] == 2
    assert script()[0] == 2
    assert script("status")[0] == 3
    code, text = script("start", WINDSOCK="/nowhere/windsock")
    assert code == 4 and "not installed: windsock" in text, text
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", PORT["PROMETHEUS"]))
        taken.listen()
        code, text = script("start")
    assert code == 4 and "PROMETHEUS_PORT=" in text, text


def starts_and_status_says_all_is_well():
    code, text = script("start")
    assert code == 0, text
    mode = os.stat(os.path.join(STATE, ".env")).st_mode
    assert mode & 0o777 == 0o600, oct(mode)
    wait_for(lambda: script("status")[0] == 0, "all to be scraped", 60)
    rows = {line.split()[0]: line.split()[1:4] for line in script("status")[1].splitlines()}
    for name in OURS:
        assert rows[name] == ["yes", "yes", "yes"], (name, rows[name])
    assert rows["producer"] == ["external", "no", "no"], rows["producer"]


def start_again_changes_nothing():
    before = pids()
    code, text = script("start")
    assert code == 0 and text.count("runs already") == len(OURS), text
    assert pids() == before


def expressions_of_the_guide_answer():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for d in capture("airflow-2.11-plain.capture"):
            s.sendto(d, ("127.0.0.1", PORT["STATSD"]))
    with open(os.path.join(TESTS, "data", "guide.promql")) as text:
        blocks = [b.strip().split("\n", 1)[1] for b in text.read().split("\n\n")[1:]]
    assert blocks
    for expression in blocks:
        wait_for(lambda: query(expression), "data for " + expression, 30)


def alert_reaches_webhook_and_mailbox():
    wait_for(lambda: WEB.told("/", "StackTest"), "the webhook", 60)
    wait_for(lambda: MAIL.told("StackTest"), "the mail", 60)


def restart_gives_new_processes():
    before = pids()
    code, text = script("restart")
    assert code == 0, text
    assert not set(before.values()) & set(pids().values())


def stop_leaves_nothing():
    running = pids()
    assert script("stop")[0] == 0
    for name, pid in running.items():
        assert not alive(pid), name
    assert script("stop") == (0, "nothing was running\n")
    assert script("status")[0] == 3
    assert script("stop", "--purge")[0] == 0
    assert not os.path.exists(STATE), os.listdir(STATE)


os.mkdir(RULES)
with open(os.path.join(RULES, "stack-test.yml"), "w") as out:
    out.write(RULE)
try:
    tap([wrong_use_has_its_exit_codes, starts_and_status_says_all_is_well,
         start_again_changes_nothing, expressions_of_the_guide_answer,
         alert_reaches_webhook_and_mailbox, restart_gives_new_processes, stop_leaves_nothing])
finally:
    script("stop", "--purge")
    HOME.cleanup()
