# SPDX-License-Identifier: Apache-2.0
"""Promises to the user, through real sockets."""
import os
import signal

import exposition
from harness import DATA, Windsock, capture, ini, truth, wait_for

RECORDING = "airflow-2.11-plain"
VERSION = "--airflow.version=2.11"


def exposed(text):
    return sorted(f"{series} {number}" for series, number in exposition.lines(text)
                  if not series.startswith(exposition.OWN))


def test_recording_gives_golden_exposition():
    with Windsock(VERSION) as w:
        w.send(*capture(RECORDING))
        got = exposed(w.get()[1])
        golden = os.path.join(DATA, RECORDING + ".golden")
        if os.environ.get("GOLDEN") == "write":
            with open(golden, "w") as out:
                out.write("\n".join(got) + "\n")
        with open(golden) as expected:
            assert got == expected.read().splitlines(), "exposition differs from " + golden


def test_every_sample_of_the_recording_is_accounted_for():
    with Windsock() as w:
        w.send(*capture(RECORDING))
        text = w.get()[1]

        def total(name):
            return exposition.total(text, "windsock_" + name)
        understood = total("samples_total")
        assert understood >= total("lines_total") > 0
        assert total("rejected_total") == 0
        assert total("series_refused_total") == 0
        assert understood == total("samples_applied_total") + total("dropped_total") + \
            total("unmatched_dropped_total")


def test_labels_and_reasons():
    with Windsock() as w:
        w.send("airflow.ti.finish.d.g.t.success:1|c\nairflow.ti.finish.d.g.t.success:2|c",
               "bad", "airflow.pool.open_slots:3|g", "airflow.pool.open_slots.p:inf|g")
        ended = 'airflow_task_status_count{dag_id="d",status="success",task_id="g.t"}'
        assert w.value(ended) == 3
        assert w.value('airflow_pool_open_slots{pool="p"}') == float("inf")
        assert w.value("airflow_pool_open_slots") is None
        assert w.value('windsock_rejected_total{reason="malformed_line"}') == 1
        assert w.value('windsock_dropped_total{rule="duplicate_pool"}') == 1


def test_http_surface():
    with Windsock() as w:
        for path in ("/", "/-/healthy", "/health", "/-/ready", "/metrics"):
            assert w.get(path)[0] == 200, path
        assert w.get("/nothing")[0] == 404
        assert w.get("/metrics", "DELETE")[0] == 405
        assert w.get("/-/reload", "POST")[0] == 403
        text = w.get(Accept="application/openmetrics-text;version=1.0.0")[1]
        assert text.endswith("# EOF\n")
        assert w.get("/metrics", "HEAD")[1] == ""


def test_every_rule_is_counted_from_the_start():
    with Windsock() as w:
        rules = w.value("windsock_mapping_rules")
        hits = [value for series, value in exposition.values(w.get()[1]).items()
                if series.startswith("windsock_rule_hits_total{")]
        assert len(hits) == rules > 100 and not any(hits), (len(hits), rules)


def test_reload_keeps_old_rules_when_new_ones_are_bad():
    with ini("[r]\nmatch = a.<x>\nmetric = first\n") as mapping, \
            Windsock(mapping.flag, "--web.enable-lifecycle") as w:
        w.send("a.1:1|c")
        assert w.value('first{x="1"}') == 1
        mapping.write("[r]\nmatch = a.<x\nmetrik = second\n")
        status, text = w.get("/-/reload", "POST")
        assert status == 500 and ":3: unknown key 'metrik'" in text, text
        assert w.value("windsock_config_last_reload_successful") == 0
        w.send("a.1:1|c")
        assert w.value('first{x="1"}') == 2
        mapping.write("[r]\nmatch = a.<x>\nmetric = second\n")
        w.process.send_signal(signal.SIGHUP)
        wait_for(lambda: w.value("windsock_config_last_reload_successful") == 1, "reload")
        w.send("a.1:1|c")
        assert w.value('second{x="1"}') == 1 and w.value('first{x="1"}') is None


def test_series_expire():
    with ini("[r]\nmatch = a.<x>\nmetric = m\nttl = 300ms\n") as mapping, \
            Windsock(mapping.flag) as w:
        w.send("a.1:1|c")
        assert w.value("windsock_series_created_total") == 1
        wait_for(lambda: w.value("windsock_series_expired_total") == 1, "expiry")
        assert w.value("windsock_families") == 0 and w.value('m{x="1"}') is None

        def again():
            """Its value, unless it has expired before it could be seen."""
            w.send("a.1:5|c")
            return w.value('m{x="1"}')
        assert wait_for(again, "the series") == 5


def test_limits_leave_old_series_unharmed():
    with Windsock("--limits.series=2") as w:
        w.send("airflow.a:1|c", "airflow.b:1|c", "airflow.c:1|c", "airflow.a:1|c")
        assert w.value("airflow_a") == 2 and w.value("airflow_c") is None
        assert w.value('windsock_series_refused_total{reason="series_limit"}') >= 1


def test_stops_in_order():
    with Windsock() as w:
        w.send("airflow.a:1|c")
        assert w.stop() == 0


def test_dag_runs_agree_with_airflows_database():
    want = {}
    for run in truth(RECORDING)["dag_runs"]:
        key = run["dag_id"], run["state"]
        want[key] = want.get(key, 0) + run["count"]
    assert want
    with Windsock() as w:
        w.send(*capture(RECORDING))
        for (dag, state), count in want.items():
            series = f'airflow_dag_status_count{{dag_id="{dag}",status="{state}"}}'
            assert w.value(series) == count, (series, w.value(series), count)
