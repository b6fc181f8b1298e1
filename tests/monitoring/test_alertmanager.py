# SPDX-License-Identifier: Apache-2.0
"""alertmanager.yml as deploy-monitoring.sh fills it in: who is told, what silences what, and a
real Alertmanager that delivers."""
import glob
import itertools
import json
import os
import re
import subprocess
import tempfile
import urllib.request

import pytest
import yaml

from harness import ROOT, free_ports, wait_for
from sinks import Mail, Web, certificate

STACK = os.path.join(ROOT, "packaging/monitoring")
RULES = sorted(glob.glob(os.path.join(STACK, "prometheus/rules/*.yml")))
LOGIN = ("windsock", 'of "course" & more|\\')

# Labels, and the receiver.
ROUTES = (
    ({"alertname": "Watchdog", "severity": "none"}, "watchdog"),
    ({"alertname": "Watchdog"}, "watchdog"),
    ({"alertname": "WindsockDown", "severity": "critical", "job": "airflow-exporter"}, "critical"),
    ({"alertname": "DagFailsConsecutively", "severity": "critical", "dag_id": "etl"}, "critical"),
    ({"alertname": "DagFailed", "severity": "warning", "dag_id": "etl"}, "warning"),
    ({"alertname": "TargetMissing", "severity": "warning", "job": "consumer"}, "warning"),
    ({"alertname": "OfYourOwn", "severity": "info"}, "none"),
    ({"alertname": "OfYourOwn", "severity": "none"}, "none"),
    ({"alertname": "OfYourOwn", "severity": "urgent"}, "warning"),
    ({"alertname": "OfYourOwn"}, "warning"),
)
# Settings that switch a kind on; a login without e-mail is none.
SLACK = {"SLACK_URL": "http://localhost:9/slack", "SLACK_CHANNEL": "#night & day"}
EMAIL = {"SMTP_HOST": "localhost:25", "SMTP_TO": "a@b.example", "SMTP_TLS": "false"}
WITH_LOGIN = dict(EMAIL, SMTP_USER=LOGIN[0], SMTP_PASSWORD=LOGIN[1])
SWITCHES = (({}, SLACK), ({}, EMAIL, WITH_LOGIN), ({}, {"WEBHOOK_URL": "http://localhost:9/hook"}),
            ({}, {"WATCHDOG_URL": "http://localhost:9/dog?a=1&b=2"}))

# What fires, what fires too, and whether the second is told.  Each line has a job of its own
# where none is said.
SILENCES = (
    ("WindsockDown instance=w", "AirflowSilent instance=w", False),
    ("WindsockDown instance=w", "AirflowSilent instance=other", True),
    ("WindsockDown instance=w", "AirflowSilent instance=w job=other", True),
    ("WindsockDown instance=w", "SchedulerHeartbeatStopped", False),
    ("WindsockDown", "SchedulerHeartbeatStopped", False),
    ("WindsockDown", "TriggererDown", False),
    ("WindsockDown", "TargetMissing", False),
    ("WindsockDown", "TargetMissing job=producer", True),
    ("WindsockDown", "DagImportErrors", False),
    ("WindsockDown", "DagFailed dag_id=etl", False),
    ("WindsockDown", "TaskRunsLong dag_id=etl task_id=load", False),
    ("WindsockDown", "TasksWithoutHeartbeat", False),
    ("WindsockDown", "PoolExhausted pool=p", False),
    ("WindsockDown", "QueueGrowing", False),
    ("WindsockDown", "ExecutorFull", False),
    ("WindsockDown", "PostgresDown", True),
    ("WindsockDown", "Watchdog", True),
    ("WindsockDown instance=w", "WindsockReloadFailed instance=w", False),
    ("WindsockDown instance=w", "WindsockReloadFailed instance=other", True),
    ("AirflowSilent instance=w", "SchedulerHeartbeatStopped", False),
    ("AirflowSilent instance=w", "TriggererDown", False),
    ("AirflowSilent instance=w", "PoolExhausted pool=p", False),
    ("AirflowSilent instance=w", "WindsockLosesDatagrams instance=w", True),
    ("SchedulerHeartbeatStopped", "DagScheduleDelayed dag_id=etl", False),
    ("SchedulerHeartbeatStopped", "QueueGrowing", False),
    ("SchedulerHeartbeatStopped", "QueueGrowing job=elsewhere", True),
    ("SchedulerHeartbeatStopped", "DagFailed dag_id=etl", True),
    ("SchedulerHeartbeatStopped", "TriggererDown", True),
    ("DagFailsConsecutively dag_id=etl", "DagFailed dag_id=etl", False),
    ("DagFailsConsecutively dag_id=etl", "DagFailed dag_id=other", True),
    ("DagFailed dag_id=etl", "DagFailsConsecutively dag_id=etl", True),
    ("PostgresDown instance=d", "PostgresNearConnectionLimit instance=d", False),
    ("PostgresDown instance=d", "PostgresNearConnectionLimit instance=e", True),
    ("OfYourOwn severity=critical instance=i", "OfYourOwn severity=warning instance=i", False),
    ("OfYourOwn severity=critical instance=i", "OfYourOwn severity=warning instance=j", True),
)

# These rules ask for no label, so that one table is for one Alertmanager.
PIPELINE = (
    (("PipelineSilent job=producer",), {"PipelineDelayed", "KafkaConsumerLag", "PipelineLate"},
     {"PipelineDelayed"}),
    (("KafkaBrokerLost",), {"PipelineDelayed", "KafkaConsumerLag", "PipelineLate", "PipelineSilent"},
     {"PipelineDelayed", "KafkaConsumerLag", "PipelineLate"}),
    (("KafkaUnreachable",), {"KafkaBrokerLost", "PipelineSilent", "PipelineLosesTrades"},
     {"KafkaBrokerLost", "PipelineSilent"}),
    (("PostgresDown",), {"PipelineDelayed", "PipelineLate", "KafkaConsumerLag", "PipelineSilent"},
     {"PipelineDelayed", "PipelineLate", "KafkaConsumerLag"}),
)

SCRIPT = os.path.join(STACK, "deploy-monitoring.sh")


@pytest.fixture(scope="module", autouse=True)
def home():
    global HOME
    with tempfile.TemporaryDirectory(prefix="alertmanager") as HOME:
        yield


def rendered(name, settings):
    """The path of the configuration for these settings."""
    state = os.path.join(HOME, name)
    clean = {k: v for k, v in os.environ.items() if not re.match("(SLACK|SMTP|WEB|WATCH)", k)}
    done = subprocess.run([SCRIPT, "--native", "--state", state, "config"],
                          env=dict(clean, **settings), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return os.path.join(state, "alertmanager/alertmanager.yml")


def amtool(*words):
    done = subprocess.run(["amtool", *words], capture_output=True, text=True)
    assert done.returncode == 0, (words, done.stdout + done.stderr)


def kinds(config):
    """For each receiver the kinds of message that it sends."""
    return {r["name"]: {k.split("_")[0] for k in r if k != "name"} for r in config["receivers"]}


def test_each_combination_routes():
    for number, parts in enumerate(itertools.product(*SWITCHES)):
        settings = {k: v for part in parts for k, v in part.items()}
        path = rendered(str(number), settings)
        with open(path, encoding="utf-8") as text:
            config = yaml.safe_load(text)
        on = {"slack": "SLACK_URL", "email": "SMTP_HOST", "webhook": "WEBHOOK_URL"}
        on = {kind for kind, setting in on.items() if setting in settings}
        assert kinds(config) == {
            "none": set(), "critical": on, "warning": on - {"email"},
            "watchdog": {"webhook"} if "WATCHDOG_URL" in settings else set()}, settings
        assert_values(config, settings, os.path.dirname(path))
        for labels, receiver in ROUTES:
            amtool("config", "routes", "test", "--config.file=" + path,
                   "--verify.receivers=" + receiver, *("%s=%s" % kv for kv in labels.items()))


def assert_values(config, settings, directory):
    receivers = {r["name"]: r for r in config["receivers"]}
    for key, setting in (("smtp_smarthost", "SMTP_HOST"), ("smtp_auth_username", "SMTP_USER")):
        assert config["global"].get(key) == settings.get(setting), settings
    if "SMTP_USER" in settings:
        with open(config["global"]["smtp_auth_password_file"], encoding="utf-8") as secret:
            assert secret.read() == LOGIN[1]
    if "SMTP_HOST" in settings:
        assert receivers["critical"]["email_configs"][0]["to"] == "a@b.example"
        assert config["global"]["smtp_require_tls"] is False
    if "SLACK_URL" in settings:
        assert receivers["warning"]["slack_configs"][0]["channel"] == "#night & day"
        assert config["global"]["slack_api_url_file"] == directory + "/secrets/slack_url"
    if "WATCHDOG_URL" in settings:
        dog = receivers["watchdog"]["webhook_configs"][0]
        assert dog["url"] == "http://localhost:9/dog?a=1&b=2"


def names_of_alerts():
    found = {}
    for path in RULES:
        with open(path, encoding="utf-8") as text:
            for group in yaml.safe_load(text)["groups"]:
                found.update({r["alert"]: r for r in group["rules"] if "alert" in r})
    return found


def test_silences_name_alerts_that_are():
    """Each part of a matcher matches an alert; each alert reaches somebody or is the watchdog."""
    names = names_of_alerts()
    with open(os.path.join(STACK, "alertmanager/alertmanager.yml"), encoding="utf-8") as text:
        rules = yaml.safe_load(text)["inhibit_rules"]
    for rule in rules:
        for matcher in rule["source_matchers"] + rule["target_matchers"]:
            label, pattern = re.match(r'(\w+)=~?"(.*)"$', matcher).groups()
            parts = re.split(r"\|(?![^(]*\))", pattern) if label == "alertname" else []
            for part in parts:
                assert any(re.fullmatch(part, name) for name in names), part
    for name, alert in names.items():
        assert alert["labels"]["severity"] in ("critical", "warning") or name == "Watchdog"


class Alertmanager:
    def __init__(self, config, **env):
        port, = free_ports(1)
        self.url = f"http://127.0.0.1:{port}"
        self.log = open(os.path.join(HOME, "alertmanager.log"), "w+", encoding="utf-8")
        self.process = subprocess.Popen(
            ["prometheus-alertmanager", "--config.file=" + config, "--cluster.listen-address=",
             "--storage.path=" + os.path.dirname(config) + "/data",
             f"--web.listen-address=127.0.0.1:{port}"],
            env=dict(os.environ, **env), stdout=self.log, stderr=self.log)
        wait_for(self.ready, "Alertmanager", 30)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(30)
        self.log.close()

    def ready(self):
        try:
            return urllib.request.urlopen(self.url + "/-/ready", timeout=5).status == 200
        except OSError:
            return False

    def fire(self, *alerts):
        """Each is its labels."""
        body = json.dumps([{"labels": a, "annotations": {"summary": "so it is"}} for a in alerts])
        urllib.request.urlopen(urllib.request.Request(
            self.url + "/api/v2/alerts", body.encode(), {"Content-Type": "application/json"}),
            timeout=10).close()

    def told(self):
        """The labels of all alerts, and whether they are told."""
        with urllib.request.urlopen(self.url + "/api/v2/alerts", timeout=10) as answer:
            return [(a["labels"], not a["status"]["inhibitedBy"]) for a in json.load(answer)]


def labels_of(text, job, names):
    name, *rest = text.split()
    labels = {"alertname": name, "job": job}
    if name in names:
        labels["severity"] = names[name]["labels"]["severity"]
    labels.update(pair.split("=") for pair in rest)
    return {k: v for k, v in labels.items() if v != "none" or k == "severity"}


def test_table_of_silences_holds():
    names = names_of_alerts()
    with Alertmanager(rendered("silences", {})) as manager:
        want = []
        for number, (source, target, told) in enumerate(SILENCES):
            pair = [labels_of(text, "job%d" % number, names) for text in (source, target)]
            # Alerts of other lines may stand with the same labels: each line has its own.
            for labels in pair:
                labels["line"] = str(number)
            manager.fire(*pair)
            want.append((pair[1], told))
        wait_for(lambda: len(manager.told()) == 2 * len(SILENCES), "all alerts")
        wait_for(lambda: all(w in manager.told() for w in want) or None,
                 f"silences as in the table; not so: {[w for w in want if w not in manager.told()]}")


def test_pipeline_is_told_once():
    names = names_of_alerts()
    config = rendered("silences", {})
    for sources, others, silent in PIPELINE:
        with Alertmanager(config) as manager:
            manager.fire(*[labels_of(text, "a", names) for text in (*sources, *others)])
            wait_for(lambda: {labels["alertname"] for labels, told in manager.told() if not told}
                     == silent, f"{sources} to silence {silent}: {manager.told()}")
        subprocess.run(["rm", "-rf", os.path.dirname(config) + "/data"], check=True)


def test_messages_arrive():
    """Slack, webhook and watchdog; mail over TLS with a login."""
    web, files = Web(), certificate(HOME)
    mail = Mail(LOGIN, files)
    path = rendered("messages", {
        "SLACK_URL": web.url + "/slack", "WEBHOOK_URL": web.url + "/hook",
        "WATCHDOG_URL": web.url + "/dog", "SMTP_HOST": mail.host, "SMTP_USER": LOGIN[0],
        "SMTP_PASSWORD": LOGIN[1], "SMTP_TO": "night@b.example", "SMTP_FROM": "am@b.example"})
    with Alertmanager(path, SSL_CERT_FILE=files[0]) as manager:
        manager.fire({"alertname": "WindsockDown", "severity": "critical"},
                     {"alertname": "Watchdog", "severity": "none"})
        wait_for(lambda: web.told("/dog", "Watchdog"), "the watchdog", 30)
        wait_for(lambda: web.told("/slack", "WindsockDown"), "Slack", 30)
        wait_for(lambda: web.told("/hook", "WindsockDown"), "the webhook", 30)
        login, safe, text = wait_for(lambda: mail.told("WindsockDown"), "the mail", 30)
    slack = json.loads(web.got["/slack"][0])
    assert slack["channel"] == "#alerts", slack
    assert slack["attachments"][0]["title"] == "[firing] critical: WindsockDown", slack
    assert "so it is" in slack["attachments"][0]["text"], slack
    assert login == LOGIN and safe, (login, safe)
    assert "To: night@b.example" in text and "From: am@b.example" in text, text
    assert not web.told("/dog", "WindsockDown") and not web.told("/slack", "Watchdog")
