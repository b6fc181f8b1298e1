# SPDX-License-Identifier: Apache-2.0
"""Every name that Airflow sends, in every mode, through the built-in mapping.

data/airflow-metrics.expected says what becomes of each; GOLDEN=write renews it, and then it has
to be read again, line by line, against what Airflow means.
"""
import concurrent.futures as futures
import os
import re
import socket
import subprocess
import sys

import catalogue
import exposition
from harness import DATA, ROOT, TESTS, Windsock, read

EXPECTED = os.path.join(DATA, "airflow-metrics.expected")
HEAD = """# SPDX-License-Identifier: Apache-2.0
# What becomes of each pattern of airflow-metrics.tsv: one count, a gauge of 3, or 1.5 s.
# pattern, modes, tags, outcome
"""
# Around every change of a unit.
VERSIONS = ["2.0.2", "2.1.4", "2.2.0", "2.3.2", "2.3.3", "2.6.3", "2.7.0", "2.9.2", "2.9.3",
            "2.10.5", "2.11.0", "2.11.2", "3.0.6", "3.1.8", "3.2.0", "3.3.2"]
SECONDS = {"summary observes 1.5", "counter +1"}


def outcomes():
    """Lines of the expected file.  Modes that agree share one; env is a constant tag."""
    sent = [(row, *line) for row in catalogue.rows() for line in catalogue.lines(row)]
    merged = {}
    for (row, mode, tags, _), outcome in zip(sent, catalogue.outcomes([s[3] for s in sent])):
        if mode == "dogstatsd":
            outcome = re.sub(r',?env="prod"', "", outcome).replace("{,", "{")
        merged.setdefault((row.pattern, ",".join(tags) or "-", outcome), []).append(mode)
    return ["\t".join((pattern, "+".join(dict.fromkeys(modes)), tags, outcome))
            for (pattern, tags, outcome), modes in merged.items()]


def test_every_name_gives_what_the_list_says():
    got = outcomes()
    if os.environ.get("GOLDEN") == "write":
        with open(EXPECTED, "w") as file:
            file.write(HEAD + "".join(line + "\n" for line in got))
    with open(EXPECTED) as file:
        expected = [line.rstrip("\n") for line in file if not line.startswith("#")]
    wrong = sorted(set(got) ^ set(expected))
    assert got == expected, "\n" + "\n".join(
        ("got      " if line in got else "expected ") + line for line in wrong)


def test_every_name_is_accounted_for():
    for line in outcomes():
        for word in ("UNMATCHED", "REFUSED", "ambiguous"):
            assert word not in line, line


def test_durations_are_seconds_in_every_version():
    for version in VERSIONS:
        number = catalogue.numbers(version)
        sent = [line[2] for row in catalogue.rows()
                if row.type == "ms" and catalogue.within(number, row.versions)
                for line in catalogue.lines(row, number)]
        assert len(sent) > 20, version
        told = catalogue.outcomes(sent, "--airflow.version=" + version)
        for line, outcome in zip(sent, told):
            effects = set(re.findall(r"\} (.*?)(?: \||$)", outcome))
            assert outcome.endswith(": dropped") or "summary observes 1.5" in effects <= SECONDS, \
                (version, line, outcome)


def fed(text):
    """Series and values of Airflow's; a summary is its count, zeros are initialized."""
    return {series: value for series, value in exposition.values(text).items()
            if series.startswith("airflow_") and value != 0
            and "quantile=" not in series and "_seconds_sum" not in series}


def in_mode(mode, version, legacy=True):
    """What a scrape shows when one process of that version has sent everything once."""
    number = catalogue.numbers(version)
    with Windsock("--airflow.version=" + version) as w:
        for row in catalogue.rows():
            if not catalogue.within(number, row.versions):
                continue
            is_dotted = "<" in row.pattern and row.pattern[0] != "<"
            if is_dotted and not legacy:
                continue
            lines = list(catalogue.lines(row, number))
            mine = [line for m, tags, line in lines if m == mode and (tags or not row.tags)]
            if mode == "influxdb" and not row.tags or mode == "plain":
                mine = [lines[0][2]]
            # The oldest of Airflow 2, the newest of 3.
            w.send_at_once(mine[0 if number < (3,) else -1] + "\n" * (mode == "dogstatsd"))
        w.settle()
        return fed(w.get()[1])


def families(series):
    return {name.partition("{")[0] for name in series}


def test_nothing_is_counted_twice_and_nothing_is_lost():
    # Without the dotted names only from 3.2 on.
    ways = [("plain", "2.11.2"), ("influxdb", "2.11.2"), ("dogstatsd", "2.11.2"),
            ("plain", "3.3.2"), ("influxdb", "3.3.2"), ("dogstatsd", "3.3.2"),
            ("influxdb", "3.3.2", False), ("dogstatsd", "3.3.2", False)]
    with futures.ThreadPoolExecutor(len(ways)) as pool:
        shown = dict(zip(ways, pool.map(lambda way: in_mode(*way), ways)))
    for way, series in shown.items():
        twice = {name: value for name, value in series.items() if value not in (1, 3)}
        assert twice == {}, (way, twice)
        plain = families(shown["plain", way[1]])
        assert len(plain) > 60 and families(series) == plain, (way, families(series) ^ plain)


def test_the_page_is_made_from_the_mapping():
    made = subprocess.run([sys.executable, os.path.join(TESTS, "tools", "airflow_metrics.py"), "-"],
                          cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert made == read("docs", "airflow-metrics.md"), "run tests/tools/airflow_metrics.py"


INF = float("inf")
# A datagram as the Python clients write it, and what it makes of a series.
WIRE = [
    (b"airflow.scheduler_heartbeat:1|c", "airflow_scheduler_heartbeat", 1),
    (b"airflow.ti.finish.d.t.failed:0|c",
     'airflow_task_status_count{dag_id="d",status="failed",task_id="t"}', 0),
    (b"airflow.ti.finish.d.t.None:0|c",
     'airflow_task_status_count{dag_id="d",status="None",task_id="t"}', None),
    (b"airflow.dag_processing.processes:-1|c|#file_path:/opt/dags/a_b.py,action:stop\n",
     "airflow_dag_processing_processes", -1),
    (b"airflow.dagbag_size:42|g", "airflow_dagbag_size", 42),
    (b"airflow.ti.running.default.d.t:3.0|g",
     'airflow_ti_running{dag_id="d",queue="default",task_id="t"}', 3),
    (b"airflow.ti.running.None.d.t:3.0|g",
     'airflow_ti_running{dag_id="d",queue="None",task_id="t"}', 3),
    (b"airflow.pool.open_slots.p:inf|g", 'airflow_pool_open_slots{pool="p"}', INF),
    (b"airflow.pool.open_slots:128|g|#pool_name:default_pool,env:prod\n",
     'airflow_pool_open_slots{env="prod",pool="default_pool"}', 128),
    (b"airflow.dag_processing.total_parse_time:1.2345678901|g",
     "airflow_dag_processing_total_parse_time_seconds", 1.2345678901),
    (b"airflow.dagrun.duration.success.d:3250.000000|ms",
     'airflow_dagrun_duration_seconds_sum{dag_id="d",status="success"}', 3.25),
    (b"airflow.dagrun.duration.success:3250.0|ms|#dag_id:e\n",
     'airflow_dagrun_duration_seconds_sum{dag_id="e",status="success"}', 3.25),
    (b"airflow.dag_processing.last_duration.dags-folder.f:0.531235|ms",
     'airflow_dag_processing_duration_seconds_sum{bundle="dags-folder",dag_file="f"}', 0.531235),
    (b"airflow.scheduler.critical_section_duration:2.000000|ms",
     "airflow_scheduler_critical_section_duration_seconds_sum", 0.002),
    # The DogStatsD client: seconds; a newline ends the datagram even where there are no tags.
    (b"airflow.scheduler.scheduler_loop_duration:1.5e-06|ms|#env:prod\n",
     'airflow_scheduler_scheduler_loop_duration_seconds_sum{env="prod"}', 1.5e-06),
    (b"airflow.scheduler.critical_section_query_duration:0.25|ms\n",
     "airflow_scheduler_critical_section_query_duration_seconds_sum", 0.25),
    (b"airflow.triggerer.capacity_left.h.i:0|g\nairflow.triggerer.capacity_left.h.i:-3|g",
     'airflow_triggerer_capacity_left{hostname="h.i"}', -3),
    (b"airflow.dag_processing.last_run.seconds_ago.f:1e-05|g",
     'airflow_dag_processing_last_run_seconds_ago{dag_file="f"}', 1e-05),
    (b"airflow.dag_processing.last_run.seconds_ago.big:1e+16|g",
     'airflow_dag_processing_last_run_seconds_ago{dag_file="big"}', 1e16),
    (b"airflow.dag.d.t.duration:1000000000000.000000|ms",
     'airflow_task_duration_seconds_sum{dag_id="d",task_id="t"}', 1e9),
    (b"airflow.ti_failures:1|c|@0.5", "airflow_ti_failures_total", 2),
    (b"airflow.ti.start,dag_id=d,task_id=g.t:1|c",
     'airflow_ti_start_total{dag_id="d",task_id="g.t"}', 1),
    (b"airflow.ti.start:1|c|#dag_id:d,task_id:g.t,env:prod\n",
     'airflow_ti_start_total{dag_id="d",env="prod",task_id="g.t"}', 1),
    (b"airflow.operator_failures__PythonDecoratedOperator:1|c",
     'airflow_operator_failures_total{operator="_PythonDecoratedOperator"}', 1),
    (b"airflow.scheduler_job_heartbeat_failure:1|c",
     'airflow_job_heartbeat_failure_total{job_name="scheduler_job"}', 1),
    (b"airflow.schedulerjobrunner_end:2|c",
     'airflow_job_end_total{job_name="schedulerjobrunner"}', 2),
    (b"airflow.ti.start.d.job_start:1|c", 'airflow_job_start_total{job_name="job"}', None),
    (b"airflow.dag.callback_exceptions:1|c", "airflow_dag_callback_exceptions_total", 1),
    (b"airflow.local_task_job.task_exit.7.d.g.t.-9:1|c",
     'airflow_local_task_job_task_exit_total{dag_id="d",return_code="-9",task_id="g.t"}', 1),
    (b"airflow.edge_worker.ti.finish.q.success.d.t:1|c",
     'airflow_edge_worker_ti_finish_total{dag_id="d",queue="q",status="success",task_id="t"}', 1),
    (b"airflow.edge_worker.load.e1.example.com:0.7|g",
     'airflow_edge_worker_load{worker="e1.example.com"}', 0.7),
    # Nothing of Airflow's own: kept as it is, and each kind of sign told apart.
    (b"airflow.x.delta:+5|g\nairflow.x.delta:-2|g", "airflow_x_delta", 3),
    (b"airflow.nan:nan|ms", "airflow_nan_count", None),
    (b"datadog.dogstatsd.client.metrics:6|c|#client:py,client_transport:udp\n"
     b"datadog.dogstatsd.client.bytes_sent:367|c|#client:py,client_transport:udp\n",
     'windsock_dropped_total{rule="datadog_telemetry"}', 2),
]


def test_awkward_lines_say_what_airflow_means():
    with Windsock() as w:
        # A sender of each mode, so that no line is a duplicate of another.
        plain = [d for d, _, _ in WIRE if b"#" not in d and b"," not in d]
        w.send_at_once(*plain)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.connect(("127.0.0.1", w.udp))
            w.socket, first = other, w.socket
            w.send(*(d for d, _, _ in WIRE if d not in plain))
            w.socket = first
        for datagram, series, value in WIRE:
            assert w.value(series) == value, (datagram, series, value, w.value(series))
        assert "\ndatadog" not in w.get()[1]
