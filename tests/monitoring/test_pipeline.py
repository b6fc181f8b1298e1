# SPDX-License-Identifier: Apache-2.0
"""The pipeline of the guide, for real: trades go through a Kafka into a PostgreSQL, the stack of
deploy-monitoring.sh watches, and each of them goes away and comes back.

kafka_exporter is taken from KAFKA_EXPORTER or the PATH; where there is none, kafka_lag.py says the
same under the same names.  Where Kafka is not to be had, all is skipped."""
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

import pytest

from dashboards import filled
import exposition
from harness import PROGRAM, ROOT, free_ports, wait_for
from pipeline_servers import Kafka, Postgres, Program, listens

MONITORING = os.path.join(ROOT, "packaging", "monitoring")
PIPELINE = os.path.join(MONITORING, "pipeline")
# Debian's, for it has the modules.
PYTHON = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable
NAMES = ("WINDSOCK", "STATSD", "PROMETHEUS", "ALERTMANAGER", "GRAFANA", "POSTGRES_EXPORTER",
         "KAFKA_EXPORTER", "PRODUCER", "CONSUMER", "AIRFLOW", "POSTGRES", "KAFKA", "CONTROLLER",
         "SECOND")
JOBS = ("producer", "consumer", "postgres-exporter", "kafka-exporter")
GUIDE = ("rate(producer_messages_total[5m])", "rate(consumer_messages_total[5m])", "postgres_up",
         "postgres_exporter_scrapes_total", "kafka_brokers", "kafka_consumer_lag")
EXPORTER = os.environ.get("KAFKA_EXPORTER") or shutil.which("kafka_exporter") or \
    os.path.join(PIPELINE, "kafka_lag.py")
RATE = 400
GROUP = "trades-to-postgres"
LAG = "sum(kafka_consumergroup_lag)"

PORT = dict(zip(NAMES, free_ports(len(NAMES))))


@pytest.fixture(scope="module", autouse=True)
def pipeline():
    """One life, test by test."""
    global HOME, STATE, STACK, KAFKA, POSTGRES, PRODUCER, CONSUMER, SECOND
    with tempfile.TemporaryDirectory(prefix="pipeline") as HOME, contextlib.ExitStack() as ends:
        os.chmod(HOME, 0o755)  # the user postgres goes through it
        STATE, STACK = os.path.join(HOME, "state"), os.path.join(HOME, "monitoring")
        KAFKA = Kafka(HOME, PORT["KAFKA"], PORT["CONTROLLER"])
        POSTGRES = Postgres(HOME, PORT["POSTGRES"])
        PRODUCER = python("producer", f"--rate={RATE}", "--seed=7", listen="PRODUCER")
        CONSUMER = python("consumer", listen="CONSUMER", DATABASE_URL=POSTGRES.url)
        SECOND = python("consumer", listen="SECOND", DATABASE_URL=POSTGRES.url)
        for one in (POSTGRES.program, KAFKA.program, SECOND, CONSUMER, PRODUCER):
            ends.callback(one.end)
        print("lag comes from " + EXPORTER)
        short_rules()
        for one in (KAFKA, POSTGRES, PRODUCER, CONSUMER):
            one.start()
        ends.callback(script, "stop", "--purge")
        code, said = script("start")
        assert code == 0, said
        yield


def script(*words):
    done = subprocess.run(
        [os.path.join(STACK, "deploy-monitoring.sh"), "--native", "--state", STATE, *words],
        # postgres_exporter takes a second to say that its database is not there.
        env=dict(os.environ, SCRAPE_INTERVAL="2s", AIRFLOW_SCRAPE_INTERVAL="2s",
                 WINDSOCK=PROGRAM,
                 DATA_SOURCE_NAME=POSTGRES.url, KAFKA_BROKERS=KAFKA.brokers, KAFKA_EXPORTER=EXPORTER,
                 **{name + "_PORT": str(port) for name, port in PORT.items()}),
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


def python(name, *flags, listen, **env):
    return Program(HOME, name, [
        PYTHON, os.path.join(PIPELINE, name + ".py"), f"--brokers={KAFKA.brokers}",
        f"--listen=127.0.0.1:{PORT[listen]}", *flags],
        env=dict(os.environ, PYTHONDONTWRITEBYTECODE="1", **env))


def page(name, path="/metrics"):
    with urllib.request.urlopen(f"http://127.0.0.1:{PORT[name]}{path}", timeout=20) as answer:
        return answer.read().decode()


def value(name, series):
    return exposition.value(page(name), series)


def query(text):
    """Values that are numbers."""
    found = json.loads(page("PROMETHEUS", "/api/v1/query?" + urllib.parse.urlencode(
        {"query": text})))["data"]["result"]
    return [v for v in (float(r["value"][1]) for r in found) if v == v]


def firing(alert):
    return bool(query(f'ALERTS{{alertname="{alert}", alertstate="firing"}}'))


def fires(alert):
    wait_for(lambda: firing(alert), alert, 40)


def recovers(alert):
    wait_for(lambda: not firing(alert), alert + " to end", 60)


def stored(name="CONSUMER"):
    return value(name, "consumer_messages_total") or 0


def rows():
    """{producer: (rows, different trades, last sequence)}"""
    return {r[0]: tuple(map(int, r[1:])) for r in POSTGRES.ask(
        "SELECT producer, count(*), count(DISTINCT sequence), max(sequence) FROM trades GROUP BY 1")}


def caught_up():
    """The consumer stores again, and nothing waits."""
    before = stored()
    wait_for(lambda: stored() > before, "rows", 40)
    wait_for(lambda: query(LAG + f" < {RATE}"), "the lag to be gone", 40)


def kafka_client(text):
    subprocess.run([PYTHON, "-c", "import time\n" + text], check=True, timeout=60)


def stops(program):
    assert program.stop() == 0, program.logged()[-2000:]


def test_all_is_scraped():
    for job in JOBS:
        wait_for(lambda: query(f'up{{job="{job}"}} == 1'), "a scrape of " + job, 60)
    lines = script("status")[1].splitlines()
    status = {line.split()[0]: line.split()[1:4] for line in lines if line.split()}
    for job, runs in zip(JOBS, ("external", "external", "yes", "yes")):
        assert status[job] == [runs, "yes", "yes"], status


def test_queries_of_the_guide_have_data():
    for text in GUIDE:
        wait_for(lambda: query(text), "data for " + text, 30)
    assert query("postgres_up") == [1] and query("kafka_brokers") == [1]
    for name, port in (("pg_up", "POSTGRES_EXPORTER"), ("kafka_consumergroup_lag", "KAFKA_EXPORTER"),
                       ("pg_exporter_scrapes_total", "POSTGRES_EXPORTER")):
        assert re.search(rf"^{name}[ {{]", page(port), re.M), name


def test_rules_ask_for_what_is_sent():
    with open(os.path.join(MONITORING, "prometheus", "rules", "pipeline.yml")) as text:
        expressions = " ".join(re.findall(r"expr: \|\n((?: {10}.*\n)+)", text.read()))
    names = set(re.findall(r"\b(?:[\w]+:)?(?:producer|consumer|pipeline|kafka|pg)_\w+(?::\w+)?",
                           expressions))
    assert len(names) > 6, names
    for name in names:
        wait_for(lambda: query(f"count({name})"), "a series of " + name, 20)


def test_names_pass_the_lint():
    for name in ("PRODUCER", "CONSUMER"):
        done = subprocess.run(["promtool", "check", "metrics"], input=page(name), timeout=20,
                              capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def test_dashboard_has_data():
    with open(os.path.join(MONITORING, "grafana/dashboards/crypto-pipeline.json")) as text:
        dashboard = json.load(text)
    asked = [filled(t["expr"], p, 300, 5) for p in dashboard["panels"] for t in p.get("targets", [])]
    for text in asked:
        wait_for(lambda: query(text), "data for " + text, 40)
    for v in dashboard["templating"]["list"]:
        if v["type"] == "query":
            selector, label = re.fullmatch(r"label_values\((.*), (\w+)\)", filled(v["query"])).groups()
            where = f"/api/v1/label/{label}/values?" + urllib.parse.urlencode({"match[]": selector})
            assert json.loads(page("PROMETHEUS", where))["data"], v["name"]
            asked.append(selector)
    print(f"# {len(asked)} queries have data")


def test_end_to_end_is_that_of_each_row():
    def counts():
        found = exposition.values(page("CONSUMER"))
        return [found[name] for name in ("pipeline_end_to_end_seconds_count", "consumer_messages_total")]
    wait_for(lambda: len(set(counts())) == 1, "as many delays as rows")
    [slow] = query("histogram_quantile(0.5, sum by (le) (rate(pipeline_end_to_end_seconds_bucket[20s])))")
    assert 0 < slow < 5, slow


def test_what_is_no_trade_is_passed_over():
    before = stored()
    bad = [b"", b"[]", b"{", b"\\xff", b'{"pair": 1}', b"[" * 100000]
    kafka_client(f"""from confluent_kafka import Producer
p = Producer({{"bootstrap.servers": "{KAFKA.brokers}"}})
for text in {bad!r}:
    p.produce("trades", text)
assert p.flush(20) == 0""")
    wait_for(lambda: value("CONSUMER", 'consumer_failures_total{reason="undecodable"}') == len(bad),
             "the count of undecodable messages")
    wait_for(lambda: stored() > before, "rows after them")
    fires("PipelineLosesTrades")


def test_consumer_stops_and_lag_grows():
    stops(CONSUMER)
    fires("KafkaConsumerLag")
    wait_for(lambda: query(f"delta({LAG[4:-1]}[10s:1s]) > 0"), "lag that grows")
    CONSUMER.start()
    recovers("KafkaConsumerLag")


def test_two_consumers_share_the_topic():
    SECOND.start()
    wait_for(lambda: listens(PORT["SECOND"]) and stored("SECOND") > 0, "rows of the second", 40)
    before = stored()
    wait_for(lambda: stored() > before, "rows of the first", 40)
    stops(SECOND)
    caught_up()


def test_what_is_read_again_is_stored_once():
    CONSUMER.stop(signal.SIGKILL)
    before = sum(r[0] for r in rows().values())
    # The group still waits for the one that was killed.
    kafka_client(f"""from confluent_kafka import Consumer, TopicPartition
c = Consumer({{"bootstrap.servers": "{KAFKA.brokers}", "group.id": "{GROUP}"}})
for _ in range(40):
    try:
        c.commit(offsets=[TopicPartition("trades", p, 0) for p in range(3)], asynchronous=False)
        break
    except Exception:
        time.sleep(0.5)
else:
    raise SystemExit("the group does not let its offsets be set")""")
    CONSUMER.start()
    wait_for(lambda: listens(PORT["CONSUMER"]), "the consumer")
    caught_up()
    assert value("CONSUMER", "consumer_duplicates_total") >= before


def test_postgres_goes_and_comes():
    pid = CONSUMER.process.pid
    POSTGRES.stop()
    fires("PostgresDown")
    assert query("postgres_up") == [0]
    wait_for(lambda: value("CONSUMER", 'consumer_failures_total{reason="database_away"}') > 2, "tries")
    POSTGRES.start()
    recovers("PostgresDown")
    caught_up()
    assert CONSUMER.runs() and CONSUMER.process.pid == pid


def test_kafka_goes_and_comes():
    KAFKA.stop()
    fires("KafkaUnreachable")
    wait_for(lambda: value("PRODUCER", "producer_waiting_messages") > RATE, "trades that wait")
    KAFKA.start()
    recovers("KafkaUnreachable")
    caught_up()
    assert PRODUCER.runs() and CONSUMER.runs()
    assert value("PRODUCER", 'producer_failures_total{reason="timed_out"}') == 0


def test_each_trade_is_stored_once():
    counted = value("PRODUCER", "producer_messages_total")
    stops(PRODUCER)
    sent, failed = map(int, re.search(r"ended: (\d+) trades sent, (\d+) failed",
                                      PRODUCER.logged()).groups())
    assert sent >= counted and failed == 0, (sent, counted, failed)
    wait_for(lambda: sum(r[0] for r in rows().values()) >= sent, "all rows")
    wait_for(lambda: query(LAG + " == 0"), "no lag")
    [(name, row)] = rows().items()
    assert row == (sent, sent, sent - 1), (name, row, sent)
    print(f"# {sent} trades, each stored once")


def test_same_seed_same_trades():
    PRODUCER.start()
    wait_for(lambda: len(rows()) == 2 and min(r[0] for r in rows().values()) > 100, "another run")
    different = POSTGRES.ask("SELECT count(DISTINCT (pair, side, price, amount)), count(DISTINCT "
                             "producer) FROM trades WHERE sequence < 50 GROUP BY sequence")
    assert len(different) == 50 and {tuple(d) for d in different} == {("1", "2")}, different


def test_ends_without_broker_and_database():
    KAFKA.stop()
    POSTGRES.stop()
    wait_for(lambda: value("PRODUCER", "producer_waiting_messages") > 0, "trades that wait")
    began = time.monotonic()
    for program in (PRODUCER, CONSUMER):
        program.process.terminate()
    for program in (PRODUCER, CONSUMER):
        assert program.process.wait(30) == 0, program.logged()[-2000:]
    assert time.monotonic() - began < 20
    lost = int(re.findall(r"sent, (\d+) failed", PRODUCER.logged())[-1])
    assert lost > 0, "what could not be sent is counted"


def test_starts_without_broker_and_database():
    CONSUMER.start()
    PRODUCER.start()
    wait_for(lambda: listens(PORT["PRODUCER"]) and listens(PORT["CONSUMER"]), "both to serve")
    KAFKA.start()
    POSTGRES.start()
    wait_for(lambda: stored() > 0, "rows", 60)


def test_nothing_is_left():
    for program in (PRODUCER, CONSUMER):
        stops(program)
    assert script("stop", "--purge")[0] == 0
    KAFKA.stop()
    POSTGRES.stop()
    assert not any(map(listens, PORT.values()))


def short_rules():
    """The stack as it is, but its alerts do not wait for minutes."""
    shutil.copytree(MONITORING, STACK, ignore=shutil.ignore_patterns("node_modules"))
    path = os.path.join(STACK, "prometheus", "rules", "pipeline.yml")
    with open(path) as rules:
        text = re.sub(r"for: \d+m", "for: 2s", rules.read())
    with open(path, "w") as rules:
        rules.write(text)
