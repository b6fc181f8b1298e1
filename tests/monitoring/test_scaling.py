# SPDX-License-Identifier: Apache-2.0
"""docs/scaling.md.  What Prometheus needs on disk for windsock's series: two hours of an Airflow that is
busy, scraped at several intervals, as a block of a real Prometheus.  And two servers beside one
another, with the lines of the page."""
import glob
import json
import os
import re
import subprocess
import tempfile
import urllib.parse
import urllib.request

import yaml

import exposition
from harness import ROOT, Windsock, free_ports, read, recording, wait_for
from history import History

STACK = os.path.join(ROOT, "packaging/monitoring")

RECORDING = "airflow-2.11-plain"
INTERVALS = (15, 30, 60)
HOUR = 3600  # to the next full two hours, where a block begins


def played(histories):
    """The recording again and again for two hours; each history is scraped at its interval."""
    events = recording(RECORDING)
    length = events[-1][0] + 1
    with Windsock("--airflow.version=2.11") as w:
        again, ready = 0, iter(events)
        event = next(ready)
        for at in range(0, 2 * HOUR - 15, min(INTERVALS)):
            while again * length + event[0] <= at:
                w.send_at_once(event[1])
                event = next(ready, None)
                if event is None:
                    again, ready = again + 1, iter(events)
                    event = next(ready)
            w.settle()
            for interval, history in histories.items():
                if at % interval == 0:
                    history.scrape(w, "airflow-exporter", HOUR + at)


def block(history):
    """Series, samples, bytes of chunks and of all, of the blocks that promtool makes."""
    history.out.write("# EOF\n")
    history.out.flush()
    data = os.path.join(history.home.name, "data")
    subprocess.run(["promtool", "tsdb", "create-blocks-from", "openmetrics", history.text, data],
                   check=True, capture_output=True, timeout=120)
    metas = [json.load(open(path)) for path in glob.glob(data + "/*/meta.json")]
    assert len(metas) == 1, metas
    stats = metas[0]["stats"]
    chunks = sum(map(os.path.getsize, glob.glob(data + "/*/chunks/*")))
    return stats["numSeries"], stats["numSamples"], chunks, \
        chunks + sum(map(os.path.getsize, glob.glob(data + "/*/index")))


def test_bytes_of_a_sample():
    histories = {interval: History() for interval in INTERVALS}
    played(histories)
    told = {int(i): (float(c), float(a)) for i, c, a in re.findall(
        r"^\| (\d+) s \|.*\| (\d+\.\d+) \| (\d+\.\d+) \|$", read("docs", "scaling.md"), re.M)}
    assert set(told) == set(INTERVALS), told
    for interval, history in histories.items():
        with history:
            series, samples, chunks, whole = block(history)
        got = chunks / samples, whole / samples
        print(f"# {interval} s: {series} series, {samples} samples, "
              f"{got[0]:.2f} bytes each, with the index {got[1]:.2f}")
        for value, want in zip(got, told[interval]):
            assert 0.75 * want <= value <= 1.25 * want, (interval, value, want)


def lines_of_the_page():
    return re.search(r"\n\n((?:    .*\n)+?    remote_write:\n(?:    .*\n)+)",
                     read("docs", "scaling.md"))[1]


class Server:
    """A Prometheus with this configuration."""

    def __init__(self, home, name, config, *flags):
        self.port, = free_ports(1)
        self.url = f"http://127.0.0.1:{self.port}"
        path = os.path.join(home, name + ".yml")
        with open(path, "w", encoding="utf-8") as out:
            yaml.safe_dump(config, out)
        self.process = subprocess.Popen(
            ["prometheus", "--config.file=" + path, f"--storage.tsdb.path={home}/{name}",
             f"--web.listen-address=127.0.0.1:{self.port}", *flags], stderr=subprocess.DEVNULL)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def ask(self, query):
        """{labels: value}, or nothing while it starts."""
        url = f"{self.url}/api/v1/query?" + urllib.parse.urlencode({"query": query})
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return {tuple(sorted(r["metric"].items())): float(r["value"][1])
                        for r in json.load(answer)["data"]["result"]}
        except OSError:
            return {}


def one_of_two(home, replica, windsock, alertmanager, receiver):
    text = lines_of_the_page().replace("replica: a", "replica: " + replica)
    config = yaml.safe_load(text.replace("http://long-term.example:9090", receiver.url))
    rules = os.path.join(home, "rules.yml")
    with open(rules, "w", encoding="utf-8") as out:
        yaml.safe_dump({"groups": [{"name": "two", "rules": [
            {"alert": "Both", "expr": "up == 1", "labels": {"severity": "critical"}}]}]}, out)
    config["global"].update(scrape_interval="1s", evaluation_interval="1s")
    config["alerting"]["alertmanagers"] = [{"static_configs": [{"targets": [alertmanager]}]}]
    config["rule_files"] = [rules]
    config["scrape_configs"] = [{"job_name": "airflow-exporter", "static_configs": [
        {"targets": [f"127.0.0.1:{windsock.http}"]}]}]
    return Server(home, replica, config)


def alerts_at(address):
    try:
        with urllib.request.urlopen(f"http://{address}/api/v2/alerts", timeout=10) as answer:
            return [alert["labels"] for alert in json.load(answer)]
    except OSError:
        return []


def test_two_servers_tell_once():
    """The alert of both is one; the receiver has the series of both, less what is dropped."""
    address = "127.0.0.1:%d" % free_ports(1)[0]
    with tempfile.TemporaryDirectory() as home, Windsock() as w:
        w.send("airflow.scheduler_heartbeat:1|c")
        manager = subprocess.Popen(
            ["prometheus-alertmanager", "--cluster.listen-address=", "--storage.path=" + home,
             "--config.file=" + os.path.join(STACK, "alertmanager/alertmanager.yml"),
             "--web.listen-address=" + address], stderr=subprocess.DEVNULL)
        try:
            with Server(home, "receiver", {}, "--web.enable-remote-write-receiver") as receiver, \
                    one_of_two(home, "a", w, address, receiver) as a, \
                    one_of_two(home, "b", w, address, receiver) as b:
                both = {(("replica", "a"),): 1, (("replica", "b"),): 1}
                wait_for(lambda: receiver.ask("count by (replica) (windsock_datagrams_total)") == both,
                         "the series of both", 60)
                assert a.ask("windsock_rule_hits_total") and b.ask("windsock_rule_hits_total")
                assert not receiver.ask("windsock_rule_hits_total")
                for server in (a, b):
                    wait_for(lambda: sent(server.url), "both to send alerts", 30)
                told = wait_for(lambda: alerts_at(address), "the alert", 30)
                assert len(told) == 1 and "replica" not in told[0], told
        finally:
            manager.kill()
            manager.wait()


def sent(url):
    """How many alerts a Prometheus has sent, by its own page."""
    with urllib.request.urlopen(url + "/metrics", timeout=10) as answer:
        return exposition.total(answer.read().decode(), "prometheus_notifications_sent_total") > 0
