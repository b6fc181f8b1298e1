# SPDX-License-Identifier: Apache-2.0
"""deploy-monitoring.sh with containers: the engine is a script that writes down what it is told,
and where the containers would be, web servers answer.  podman-compose is the real one too, with a
podman that does nothing."""
import http.server
import os
import re
import subprocess
import tempfile

import pytest
import yaml

from harness import ROOT, free_ports
from sinks import programs_without, serve

SCRIPT = os.path.join(ROOT, "packaging/monitoring/deploy-monitoring.sh")
# Which commands are there, and what start then runs.
ENGINES = (
    (("docker",), "docker compose", "docker"),
    (("docker", "docker-compose"), "docker-compose", "docker"),
    (("podman", "podman-compose"), "podman-compose", "podman"),
)
SERVICES = {"WINDSOCK": "airflow-exporter", "PROMETHEUS": "prometheus",
            "ALERTMANAGER": "alertmanager", "POSTGRES_EXPORTER": "postgres-exporter",
            "GRAFANA": "grafana"}
OURS = ("airflow-exporter", "prometheus", "alertmanager", "postgres-exporter", "grafana",
        "kafka-exporter")
CLOSED = ("KAFKA_EXPORTER", "PRODUCER", "CONSUMER", "AIRFLOW", "STATSD")

# Containers run from "up" to "down"; the network is there once it was made.
FAKE = """#!/bin/sh
say() {{ printf '%s\\n' "$*" >>{home}/told; }}
say "${{0##*/}} $*"
case "${{0##*/}} $*" in
"docker compose version") [ ! -x {home}/bin/docker-compose ] ;;
*"image inspect"*) [ -f {home}/image ] ;;
*"network inspect"*) [ -f {home}/network ] ;;
*"network create"*) touch {home}/network ;;
*" up -d "*) env | grep '^MONITORING_\\|^WINDSOCK_' >{home}/env; pwd >{home}/where; touch {home}/up ;;
*" down"*) rm -f {home}/up ;;
*" ps -q "*"service=kafka-exporter"*) ;;
*" ps -q "*) [ ! -f {home}/up ] || echo 0123456789ab ;;
*" logs "*) echo "logs of them" ;;
esac
"""


@pytest.fixture(scope="module", autouse=True)
def home():
    global HOME, PLAIN
    with tempfile.TemporaryDirectory(prefix="engine") as HOME:
        PLAIN = programs_without(HOME, "docker", "docker-compose", "podman", "podman-compose")
        yield


class Container(http.server.BaseHTTPRequestHandler):
    """Healthy, whatever it is; and Prometheus has scraped it."""
    asked = []

    def do_GET(self):
        self.asked.append(self.path)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"data":{"result":[{"metric":{},"value":[1.5,"1"]}]}}')

    def log_message(self, *_):
        pass


class Machine:
    """One with these engines, and none other."""

    def __init__(self, *engines):
        self.home = tempfile.mkdtemp(dir=HOME)
        self.state = os.path.join(self.home, "state")
        fakes = os.path.join(self.home, "bin")
        os.mkdir(fakes)
        for name in engines:
            with open(os.path.join(fakes, name), "w", encoding="utf-8") as out:
                out.write(FAKE.format(home=self.home))
            os.chmod(out.name, 0o755)
        ports = {name: serve(http.server.ThreadingHTTPServer, Container, None) for name in SERVICES}
        ports.update(zip(CLOSED, free_ports(len(CLOSED))))
        self.env = dict(os.environ, PATH=fakes + ":" + PLAIN, START_TIMEOUT="5",
                        **{name + "_PORT": str(port) for name, port in ports.items()})

    def run(self, *words, **env):
        done = subprocess.run([SCRIPT, "--state", self.state, *words], env=dict(self.env, **env),
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=100)
        return done.returncode, done.stdout + done.stderr

    def read(self, name):
        with open(os.path.join(self.home, name), encoding="utf-8") as text:
            return text.read()

    def told(self):
        """What the engine was told since the last question."""
        lines = self.read("told").splitlines()
        os.unlink(os.path.join(self.home, "told"))
        return lines


def life(engines, compose, engine):
    machine = Machine(*engines)
    files = " -p crypto-monitoring -f docker-compose.monitoring.yml"
    assert machine.run("status")[0] == 3
    machine.told()
    code, text = machine.run("start", WINDSOCK_FLAGS="--airflow.version=2.11 --log.level=debug",
                             SMTP_PASSWORD="secret")
    assert code == 0, text
    for name in SERVICES.values():
        assert name + ": healthy" in text and name + ": scraped" in text, (name, text)
    told = machine.told()
    assert engine + " network create crypto-network" in told, told
    assert compose + files + " up -d " + " ".join(OURS) in told, told
    assert machine.read("where").strip() == os.path.realpath(machine.state)
    assert "WINDSOCK_FLAGS=--airflow.version=2.11 --log.level=debug" in machine.read("env")
    assert "MONITORING_STATE=" + machine.state in machine.read("env")
    for name in ("prometheus/prometheus.yml", "alertmanager/alertmanager.yml"):
        assert os.stat(os.path.join(machine.state, name)).st_mode & 0o044 == 0o044, name
    code, text = machine.run("start", COMPOSE_PROFILES="other,pipeline")
    told = machine.told()
    assert code == 0 and not any("network create" in line for line in told), told
    assert compose + files + " up -d " + " ".join(OURS) + " producer consumer" in told, told

    code, text = machine.run("status")
    rows = {line.split()[0]: line.split()[1:4] for line in text.splitlines()}
    assert code == 1 and rows["prometheus"] == ["yes", "yes", "yes"], text
    assert rows["kafka-exporter"][:2] == ["no", "no"], text
    assert any(line.startswith(engine + " ps -q --filter") for line in machine.told())

    assert machine.run("logs") == (0, "logs of them\n")
    assert machine.told()[-1] == compose + files + " logs --tail=100"
    machine.run("logs", "-f", "grafana")
    assert machine.told()[-1] == compose + files + " logs --tail=100 -f grafana"

    assert machine.run("stop")[0] == 0
    assert machine.told()[-1] == compose + files + " down"
    assert machine.run("stop") == (0, "nothing was running\n")
    assert machine.run("start")[0] == 0
    assert machine.run("stop", "--purge")[0] == 0
    assert machine.told()[-1] == compose + files + " down -v"
    assert not os.path.exists(machine.state), os.listdir(machine.state)


def test_lives_with_each_engine():
    for engines in ENGINES:
        life(*engines)


def test_goes_without_an_engine():
    machine = Machine()
    code, text = machine.run("--compose", "start")
    assert code == 4 and "podman-compose" in text, text
    code, text = machine.run("status")
    assert code == 3 and "(native)" in text, text


def test_source_or_image_is_wanted():
    machine = Machine("docker")
    code, text = machine.run("start", WINDSOCK_SOURCE="/nowhere", WINDSOCK_IMAGE="w:1")
    assert code == 4 and "WINDSOCK_SOURCE=" in text and "no image w:1" in text, text
    open(os.path.join(machine.home, "image"), "w").close()
    assert machine.run("start", WINDSOCK_SOURCE="/nowhere", WINDSOCK_IMAGE="w:1")[0] == 0


def test_one_that_is_not_healthy_is_named():
    machine = Machine("docker")
    port, = free_ports(1)
    code, text = machine.run("start", GRAFANA_PORT=str(port), START_TIMEOUT="1")
    assert code == 1 and "grafana is not healthy" in text, text


def test_commands_of_the_guide_work_in_the_state():
    """docker-compose reads file and .env there; nothing is told it but the service."""
    machine = Machine("docker")
    assert machine.run("start")[0] == 0
    clean = {k: v for k, v in os.environ.items() if not re.match("(MONITORING|COMPOSE|WINDSOCK)_", k)}
    done = subprocess.run(["docker-compose", "-f", "docker-compose.monitoring.yml", "config"],
                          cwd=machine.state, env=clean, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert machine.state + "/prometheus:/etc/prometheus:ro" in done.stdout, done.stdout
    assert ROOT + "/packaging/monitoring/grafana/provisioning" in done.stdout, done.stdout


def test_podman_compose_takes_the_file():
    """The real one: what it would have podman do."""
    machine = Machine("podman")
    fake = os.path.join(machine.home, "bin/podman")
    with open(fake, encoding="utf-8") as text:
        rest = text.read()
    with open(fake, "w", encoding="utf-8") as out:
        out.write(rest.replace("case ", '[ "$1" != --version ] || echo podman version 4.3.1\ncase ', 1))
    os.symlink("/usr/bin/podman-compose", os.path.join(machine.home, "bin/podman-compose"))
    open(os.path.join(machine.home, "image"), "w").close()
    code, text = machine.run("start", WINDSOCK_FLAGS="--airflow.version=2.11 --log.level=debug",
                             RETENTION="7d")
    assert code == 0, text
    told = [line for line in machine.told() if re.match("podman (create|run)", line)]
    of = {name: line for line in told for name in [re.search(r"--name=crypto-monitoring_(\S+)_1", line)[1]]}
    assert set(of) == set(OURS), told
    assert of["airflow-exporter"].endswith("--airflow.version=2.11 --log.level=debug"), of
    assert "--storage.tsdb.retention.time=7d" in of["prometheus"], of
    for name, line in of.items():
        assert "crypto-network" in line and "--restart unless-stopped" in line, line
        assert re.search("-m [0-9]+[mg]", line) and "--healthcheck-command" in line, line
        assert "127.0.0.1:" in line and "--cap-drop ALL" in line, line


def test_compose_file_says_what_it_must():
    """As docker-compose understands it."""
    done = subprocess.run(["docker-compose", "-f", "docker-compose.monitoring.yml", "config"],
                          cwd=os.path.dirname(SCRIPT), capture_output=True, text=True,
                          env=dict(os.environ, MONITORING_STATE="/state", GRAFANA_ADMIN_PASSWORD="x"))
    assert done.returncode == 0, done.stderr
    config = yaml.safe_load(done.stdout)
    for name, service in config["services"].items():
        assert re.search(r":v?\d+\.\d+\.\d+$", service["image"]), name
        assert service["restart"] == "unless-stopped", name
        assert service["healthcheck"]["test"][0] == "CMD", name
        assert service["mem_limit"] and service["cpus"] and service["cap_drop"] == ["ALL"], name
        assert list(service["networks"]) == ["crypto-network"], name
        assert all(str(p).startswith("127.0.0.1:") for p in service["ports"]), name
    assert "--storage.tsdb.retention.time=15d" in config["services"]["prometheus"]["command"]
    assert set(config["volumes"]) == {"prometheus-data", "alertmanager-data", "grafana-data"}
    bare = {k: v for k, v in os.environ.items() if k not in ("GRAFANA_ADMIN_PASSWORD", "MONITORING_STATE")}
    done = subprocess.run(["docker-compose", "-f", "docker-compose.monitoring.yml", "config"],
                          cwd=os.path.dirname(SCRIPT), capture_output=True, text=True, env=bare)
    assert done.returncode != 0 and "deploy-monitoring.sh" in done.stderr, done.stderr


def test_settings_are_in_the_example():
    """All, with the value that they have unless told."""
    with open(SCRIPT, encoding="utf-8") as text:
        table = re.search(r"\nsettings='\n(.*?)'", text.read(), re.S)[1]
    with open(os.path.join(os.path.dirname(SCRIPT), ".env.example"), encoding="utf-8") as text:
        example = dict(re.findall(r"^# ([A-Z_]+)=(\S*)", text.read(), re.M))
    for line in table.splitlines():
        name, value = (line + " ").split(" ", 1)
        assert name in example, name
        assert not value.strip() or example[name] in (value.strip(), "alerts@example.org",
                                                      "on-call@example.org"), line
