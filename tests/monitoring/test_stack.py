# SPDX-License-Identifier: Apache-2.0
"""deploy-monitoring.sh with the programs of this machine, on free ports: from start to stop."""
import glob
import http.server
import json
import os
import re
import socket
import subprocess
import tempfile
import threading
import urllib.parse
import urllib.request

import pytest
import yaml

from harness import PROGRAM, ROOT, capture, free_ports, read, wait_for
from pipeline_servers import Postgres
from sinks import Mail, Web, programs_without

SCRIPT = os.path.join(ROOT, "packaging/monitoring/deploy-monitoring.sh")
OURS = ("airflow-exporter", "prometheus", "alertmanager", "postgres-exporter")
OTHERS = ("producer", "consumer", "kafka-exporter", "grafana")
PACKAGES = {"windsock": "WINDSOCK", "prometheus": "prometheus",
            "prometheus-alertmanager": "prometheus-alertmanager",
            "prometheus-postgres-exporter": "prometheus-postgres-exporter"}
PORTS = ("WINDSOCK", "PROMETHEUS", "ALERTMANAGER", "POSTGRES_EXPORTER", "GRAFANA", "PRODUCER",
         "CONSUMER", "KAFKA_EXPORTER", "AIRFLOW", "STATSD", "POSTGRES")
RULE = """groups:
  - name: stack
    rules:
      - alert: StackTest
        expr: up{job="airflow-exporter"} == 1
        labels: {severity: critical}
        annotations: {summary: the stack delivers}
"""


PORT = dict(zip(PORTS, free_ports(len(PORTS))))


@pytest.fixture(scope="module", autouse=True)
def stack():
    """One life, test by test."""
    global HOME, STATE, WEB, MAIL, ENV
    with tempfile.TemporaryDirectory(prefix="monitoring") as HOME:
        os.chmod(HOME, 0o755)  # PostgreSQL is not run by root
        STATE, rules_of_ours = os.path.join(HOME, "state"), os.path.join(HOME, "rules")
        os.mkdir(rules_of_ours)
        with open(os.path.join(rules_of_ours, "stack-test.yml"), "w") as out:
            out.write(RULE)
        WEB, MAIL = Web(), Mail()
        postgres, scheduler = Postgres(HOME, PORT["POSTGRES"]), Scheduler()
        ENV = dict(os.environ, WINDSOCK=PROGRAM, WINDSOCK_FLAGS="--airflow.version=2.11",
                   SCRAPE_INTERVAL="1s", AIRFLOW_SCRAPE_INTERVAL="1s", EXTRA_RULES=rules_of_ours,
                   SMTP_TLS="false", SMTP_PASSWORD="a secret that is kept",
                   DATA_SOURCE_NAME=postgres.url, WEBHOOK_URL=WEB.url + "/", SMTP_HOST=MAIL.host,
                   **{name + "_PORT": str(port) for name, port in PORT.items()})
        try:
            postgres.start()
            scheduler.start()
            yield
        finally:
            scheduler.gone.set()
            script("stop", "--purge")
            postgres.program.end()


def script(*words, backend="--native", **env):
    done = subprocess.run([SCRIPT, backend, "--state", STATE, *words], env=dict(ENV, **env),
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


def api(path, **parameters):
    url = f"http://127.0.0.1:{PORT['PROMETHEUS']}/api/v1/{path}?" + \
        urllib.parse.urlencode(parameters)
    with urllib.request.urlopen(url, timeout=20) as answer:
        return json.load(answer)["data"]


def query(text):
    return api("query", query=text)["result"]


def alerts():
    """Which are pending or firing, with what tells them apart."""
    told = ("job", "instance", "dag_id", "task_id", "pool")
    return {(a["labels"]["alertname"], *(a["labels"][k] for k in told if k in a["labels"])): a["state"]
            for a in api("alerts")["alerts"]}


class Scheduler(threading.Thread):
    """What an Airflow with nothing to do sends."""
    LINES = (b"airflow.scheduler_heartbeat:1|c", b"airflow.pool.open_slots.default_pool:128|g",
             b"airflow.dag_processing.import_errors:0|g")

    def __init__(self):
        super().__init__(daemon=True)
        self.gone = threading.Event()

    def run(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            while not self.gone.wait(0.2):
                for line in self.LINES:
                    s.sendto(line, ("127.0.0.1", PORT["STATSD"]))


class Exporter(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"producer_messages_total 1\n")

    def log_message(self, *_):
        pass


def test_wrong_use_has_its_exit_codes():
    for words in (["dance"], [], ["start", "stop"], ["logs", "nobody"], ["start", "--purge"],
                  ["--nothing"], ["--state"]):
        code, text = script(*words)
        assert code == 2 and text, (words, code, text)
    assert script("status")[0] == 3
    assert script("logs")[0] == 1


def test_what_is_missing_is_named():
    for package, program in PACKAGES.items():
        if program == "WINDSOCK":
            code, text = script("start", WINDSOCK="/nowhere/windsock")
        else:
            code, text = script("start", PATH=programs_without(HOME, program))
        assert code == 4 and "not installed: " + package + "\n" in text, (package, code, text)
    for program in ("curl", "flock", "setsid"):
        code, text = script("status", PATH=programs_without(HOME, program))
        assert code == 4 and "apt-get install" in text, (program, code, text)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", PORT["PROMETHEUS"]))
        taken.listen()
        code, text = script("start")
    assert code == 4 and "PROMETHEUS_PORT=" in text, text
    code, text = script("start", PATH=programs_without(HOME, "docker", "docker-compose", "podman-compose"),
                        backend="--compose")
    assert code == 4 and "podman-compose" in text, text


def test_starts_and_waits_until_all_is_scraped():
    code, text = script("start")
    assert code == 0, text
    mode = os.stat(os.path.join(STATE, ".env")).st_mode
    assert mode & 0o777 == 0o600, oct(mode)
    code, text = script("status")
    assert code == 0, text
    rows = {line.split()[0]: line.split()[1:4] for line in text.splitlines()}
    for name in OURS:
        assert rows[name] == ["yes", "yes", "yes"], (name, rows[name])
    assert rows["producer"] == ["external", "no", "no"], rows["producer"]
    assert rows["kafka-exporter"] == ["absent", "no", "no"], rows["kafka-exporter"]


def test_logs_are_shown_and_followed():
    code, text = script("logs")
    assert code == 0 and "==> prometheus.log" in text and "==> airflow-exporter.log" in text, text
    code, text = script("logs", "prometheus")
    assert code == 0 and "==>" not in text and "Server is ready" in text, text
    with subprocess.Popen([SCRIPT, "--native", "--state", STATE, "logs", "-f", "airflow-exporter"],
                          env=ENV, stdout=subprocess.PIPE, text=True) as following:
        log = os.path.join(STATE, "log/airflow-exporter.log")
        with open(log, "a", encoding="utf-8") as out:
            out.write("a line that comes later\n")
        assert any("comes later" in line for line in iter(following.stdout.readline, ""))
        following.kill()


def rules():
    return [rule for group in api("rules")["groups"] for rule in group["rules"]]


def test_intervals_are_as_told():
    """Those of the guide unless told otherwise, and every component is a target."""
    wanted = {"15s": ["15s", "30s", "15s"], "30s": ["30s", "60s", "30s"]}
    for interval, (most, airflow, evaluation) in wanted.items():
        settings = {} if interval == "15s" else {"SCRAPE_INTERVAL": most,
                                                 "AIRFLOW_SCRAPE_INTERVAL": airflow}
        clean = {"SCRAPE_INTERVAL": "", "AIRFLOW_SCRAPE_INTERVAL": "", **settings}
        state = os.path.join(HOME, "intervals" + interval)
        done = subprocess.run([SCRIPT, "--native", "--state", state, "config"], env=dict(ENV, **clean),
                              capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        with open(os.path.join(state, "prometheus/prometheus.yml"), encoding="utf-8") as text:
            config = yaml.safe_load(text)
        assert config["global"]["scrape_interval"] == most, config["global"]
        assert config["global"]["evaluation_interval"] == evaluation, config["global"]
        own = {job["job_name"]: job.get("scrape_interval") for job in config["scrape_configs"]}
        assert own == {**dict.fromkeys((*OURS, *OTHERS)), "airflow": airflow,
                       "airflow-exporter": airflow}, own
    targets = api("targets")["activeTargets"]
    assert {t["labels"]["job"] for t in targets} == {*OURS, *OTHERS}, targets
    assert api("status/flags")["storage.tsdb.retention.time"] == "15d"


def test_endpoints_of_the_guide_answer():
    for port, name in (("WINDSOCK", "windsock_datagrams_total"), ("POSTGRES_EXPORTER", "pg_up 1")):
        with urllib.request.urlopen(f"http://127.0.0.1:{PORT[port]}/metrics", timeout=20) as answer:
            assert "\n" + name in answer.read().decode(), name


def test_secrets_are_kept():
    """In files that nobody else reads, and in no command line."""
    for path in (STATE, STATE + "/alertmanager/secrets"):
        assert os.stat(path).st_mode & 0o077 == 0, path
    for name in ("smtp_password", "slack_url"):
        assert os.stat(f"{STATE}/alertmanager/secrets/{name}").st_mode & 0o777 == 0o600, name
    with open(STATE + "/.env", encoding="utf-8") as text:
        password = re.search("GRAFANA_ADMIN_PASSWORD=([0-9a-f]{48})\n", text.read())[1]
    for pid in pids().values():
        with open(f"/proc/{pid}/cmdline", encoding="utf-8") as text:
            words = text.read()
        for secret in (password, ENV["SMTP_PASSWORD"], ENV["DATA_SOURCE_NAME"]):
            assert secret not in words, words


def test_start_again_changes_nothing():
    before = pids()
    code, text = script("start")
    assert code == 0 and text.count("already running") == len(OURS), text
    assert pids() == before


def test_rules_are_healthy_and_quiet():
    """Each has been evaluated (those of every five minutes are asked here), none has failed."""
    wait_for(lambda: all(r["health"] == "ok" for g in api("rules")["groups"] for r in g["rules"]
                         if g["interval"] < 60), "rules to be healthy", 60)
    for rule in rules():
        assert not rule.get("lastError"), rule
        query(rule["query"])
    wanted = {("Watchdog",), ("StackTest", "airflow-exporter", f"127.0.0.1:{PORT['WINDSOCK']}")}
    wait_for(lambda: set(alerts()) == wanted, f"no other alert than {wanted}: {alerts()}", 60)


def test_links_lead_to_the_runbook():
    for rule in rules():
        if rule["type"] == "alerting" and rule["name"] != "StackTest":
            page, anchor = rule["annotations"]["runbook_url"].removeprefix("file://").split("#")
            with open(page, encoding="utf-8") as text:
                assert anchor in [line[3:].strip().lower() for line in text if line[:3] == "## "], rule


def texts(*patterns):
    """Of all these files, one after the other."""
    together = ""
    for path in (path for pattern in patterns for path in glob.glob(os.path.join(ROOT, pattern))):
        with open(path, encoding="utf-8") as text:
            together += text.read()
    return together


def test_names_in_rules_are_real():
    """Each metric is scraped here, or windsock (by its page) or the pipeline's programs make it."""
    names = set(api("label/__name__/values"))
    mapping = texts("mappings/airflow.ini", "docs/airflow-metrics.md")
    pipeline = texts("packaging/monitoring/pipeline/*.py")
    asked = set()
    for rule in rules():
        plain = re.sub(r'"[^"]*"|\b(by|on|without|ignoring|group_left|group_right) *\([^)]*\)', "",
                       rule["query"])
        asked.update(re.findall(r"(?<![\w:])[a-z][\w:]*_[\w:]*(?![\w:]| *\()", plain))
    assert len(asked) > 30, asked
    for name in sorted(asked - {r["name"] for r in rules()}):
        base = re.sub("_(total|sum|count|bucket)$", "", name)
        if name.startswith("airflow_"):
            assert re.search(rf"\b({name}|{base})\b", mapping), name
        elif name.startswith(("producer_", "consumer_", "pipeline_", "kafka_")):
            assert base in pipeline, name
        else:
            assert name in names, name


def test_what_ran_once_is_missed():
    """Not what was never there."""
    assert query('up{job=~"producer|consumer"} == 0')
    server = http.server.ThreadingHTTPServer(("127.0.0.1", PORT["PRODUCER"]), Exporter)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    wait_for(lambda: query('up{job="producer"} == 1'), "the producer to be scraped", 30)
    server.shutdown()
    server.server_close()
    missed = ("TargetMissing", "producer", f"127.0.0.1:{PORT['PRODUCER']}")
    wait_for(lambda: missed in alerts(), "the producer to be missed", 60)
    assert {a for a in alerts() if a[0] == "TargetMissing"} == {missed}, alerts()


def replay():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for d in capture("airflow-2.11-plain"):
            s.sendto(d, ("127.0.0.1", PORT["STATSD"]))


def test_expressions_of_the_guide_answer():
    replay()
    blocks = [b.strip().split("\n", 1)[1]
              for b in read("tests", "data", "guide.promql").split("\n\n")[1:]]
    assert blocks
    for expression in blocks:
        wait_for(lambda: query(expression), "data for " + expression, 30)


def test_alerts_tell_what_the_recording_tells():
    """Played again, the recording has failures of some DAGs: those are told, and nothing else."""
    failed = {r["metric"]["dag_id"] for r in query('airflow_dag_status_count{status="failed"} > 0')}
    assert failed
    replay()
    wait_for(lambda: {a[2] if len(a) > 2 else a[1] for a in alerts() if a[0] == "DagFailed"} == failed,
             f"DagFailed for {failed}: {alerts()}", 60)
    firing = {name[0] for name, state in alerts().items() if state == "firing"}
    assert firing == {"Watchdog", "StackTest", "DagFailed"}, alerts()


def test_alert_reaches_webhook_and_mailbox():
    wait_for(lambda: WEB.told("/", "StackTest"), "the webhook", 60)
    wait_for(lambda: MAIL.told("StackTest"), "the mail", 60)


def test_restart_keeps_what_runs_when_the_new_is_wrong():
    before, wrong = pids(), tempfile.mkdtemp(dir=HOME)
    with open(os.path.join(wrong, "wrong.yml"), "w", encoding="utf-8") as out:
        out.write(RULE.replace("== 1", "=="))
    code, text = script("restart", EXTRA_RULES=wrong)
    assert code == 1 and "rejected its configuration" in text, text
    code, text = script("restart", WINDSOCK="/nowhere/windsock")
    assert code == 4, text
    assert pids() == before and all(alive(pid) for pid in before.values())


def test_restart_gives_new_processes():
    before = pids()
    code, text = script("restart")
    assert code == 0, text
    assert not set(before.values()) & set(pids().values())


def test_stop_leaves_nothing():
    running = pids()
    assert script("stop")[0] == 0
    for name, pid in running.items():
        assert not alive(pid), name
    assert script("stop") == (0, "nothing was running\n")
    assert script("status")[0] == 3
    assert script("stop", "--purge")[0] == 0
    assert not os.path.exists(STATE), os.listdir(STATE)
