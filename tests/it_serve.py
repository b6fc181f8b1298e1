#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Promises to the user, through real sockets."""
import json
import os
import re
import signal
import tempfile

from harness import HERE, Windsock, capture, tap, wait_for

RECORDING = "airflow-2.11-plain"
VERSION = "--airflow.version=2.11"


def exposed(text):
    own = ("windsock_", "process_")
    return sorted(line for line in text.splitlines()
                  if not line.startswith("#") and not line.startswith(own))


def recording_gives_golden_exposition():
    with Windsock(VERSION) as w:
        w.send(*capture(RECORDING + ".capture"))
        got = exposed(w.get()[1])
        golden = os.path.join(HERE, "data", RECORDING + ".golden")
        if os.environ.get("GOLDEN") == "write":
            with open(golden, "w") as out:
                out.write("\n".join(got) + "\n")
        with open(golden) as expected:
            assert got == expected.read().splitlines(), "exposition differs from " + golden


def every_sample_of_the_recording_is_accounted_for():
    with Windsock() as w:
        w.send(*capture(RECORDING + ".capture"))
        text = w.get()[1]

        def total(start):
            return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
                       if line.startswith(start))
        understood = total("windsock_samples_total{")
        assert understood >= total("windsock_lines_total ") > 0
        assert total("windsock_rejected_total{") == 0
        assert total("windsock_series_refused_total{") == 0
        assert understood == total("windsock_samples_applied_total ") + \
            total("windsock_dropped_total{") + total("windsock_unmatched_dropped_total ")


def labels_and_reasons():
    with Windsock() as w:
        w.send("airflow.ti.finish.d.g.t.success:1|c\nairflow.ti.finish.d.g.t.success:2|c",
               "bad", "airflow.pool.open_slots:3|g", "airflow.pool.open_slots.p:inf|g")
        ended = 'airflow_task_status_count{dag_id="d",status="success",task_id="g.t"}'
        assert w.value(ended) == 3
        assert w.value('airflow_pool_open_slots{pool="p"}') == float("inf")
        assert w.value("airflow_pool_open_slots") is None
        assert w.value('windsock_rejected_total{reason="malformed_line"}') == 1
        assert w.value('windsock_dropped_total{rule="duplicate_pool"}') == 1


def http_surface():
    with Windsock() as w:
        for path in ("/", "/-/healthy", "/health", "/-/ready", "/metrics"):
            assert w.get(path)[0] == 200, path
        assert w.get("/nothing")[0] == 404
        assert w.get("/metrics", "DELETE")[0] == 405
        assert w.get("/-/reload", "POST")[0] == 403
        text = w.get(Accept="application/openmetrics-text;version=1.0.0")[1]
        assert text.endswith("# EOF\n")
        assert w.get("/metrics", "HEAD")[1] == ""


def every_rule_is_counted_from_the_start():
    with Windsock() as w:
        rules = w.value("windsock_mapping_rules")
        assert len(re.findall(r"^windsock_rule_hits_total\{.*\} 0$", w.get()[1], re.M)) == rules > 100


def reload_keeps_old_rules_when_new_ones_are_bad():
    with tempfile.NamedTemporaryFile("w", suffix=".ini") as ini:
        def write(text):
            ini.seek(0)
            ini.truncate()
            ini.write(text)
            ini.flush()
        write("[r]\nmatch = a.<x>\nmetric = first\n")
        with Windsock("--statsd.mapping-config=" + ini.name, "--web.enable-lifecycle") as w:
            w.send("a.1:1|c")
            assert w.value('first{x="1"}') == 1
            write("[r]\nmatch = a.<x\nmetrik = second\n")
            status, text = w.get("/-/reload", "POST")
            assert status == 500 and ":3: unknown key 'metrik'" in text, text
            assert w.value("windsock_config_last_reload_successful") == 0
            w.send("a.1:1|c")
            assert w.value('first{x="1"}') == 2
            write("[r]\nmatch = a.<x>\nmetric = second\n")
            w.process.send_signal(signal.SIGHUP)
            wait_for(lambda: w.value("windsock_config_last_reload_successful") == 1, "reload")
            w.send("a.1:1|c")
            assert w.value('second{x="1"}') == 1 and w.value('first{x="1"}') is None


def series_expire():
    with tempfile.NamedTemporaryFile("w", suffix=".ini") as ini:
        ini.write("[r]\nmatch = a.<x>\nmetric = m\nttl = 300ms\n")
        ini.flush()
        with Windsock("--statsd.mapping-config=" + ini.name) as w:
            w.send("a.1:1|c")
            assert w.value("windsock_series_created_total") == 1
            wait_for(lambda: w.value("windsock_series_expired_total") == 1, "expiry")
            assert w.value("windsock_families") == 0 and w.value('m{x="1"}') is None
            w.send("a.1:5|c")
            assert w.value('m{x="1"}') == 5


def limits_leave_old_series_unharmed():
    with Windsock("--limits.series=2") as w:
        w.send("airflow.a:1|c", "airflow.b:1|c", "airflow.c:1|c", "airflow.a:1|c")
        assert w.value("airflow_a") == 2 and w.value("airflow_c") is None
        assert w.value('windsock_series_refused_total{reason="series_limit"}') >= 1


def stops_in_order():
    with Windsock() as w:
        w.send("airflow.a:1|c")
        assert w.stop() == 0


def dag_runs_agree_with_airflows_database():
    with open(os.path.join(HERE, "data", RECORDING + ".truth.json")) as truth:
        runs = json.load(truth)["dag_runs"]
    want = {}
    for run in runs:
        key = run["dag_id"], run["state"]
        want[key] = want.get(key, 0) + run["count"]
    assert want
    with Windsock() as w:
        w.send(*capture(RECORDING + ".capture"))
        for (dag, state), count in want.items():
            series = f'airflow_dag_status_count{{dag_id="{dag}",status="{state}"}}'
            assert w.value(series) == count, (series, w.value(series), count)


tap([dag_runs_agree_with_airflows_database, recording_gives_golden_exposition, every_sample_of_the_recording_is_accounted_for,
     labels_and_reasons, http_surface,
     every_rule_is_counted_from_the_start, reload_keeps_old_rules_when_new_ones_are_bad,
     series_expire, limits_leave_old_series_unharmed, stops_in_order])
