# SPDX-License-Identifier: Apache-2.0
"""What was scraped against what Airflow's own database says of the same runs: the checks."""
import collections

import exposition


def scraped(w):
    """The samples of a windsock, and its front page."""
    return exposition.samples(w.get()[1]), w.get("/")[1]


def flags_for(version):
    """What an operator has to say of this Airflow: 2.x sends some timers in seconds."""
    if version.startswith("2."):
        return ("--airflow.version=" + ".".join(version.split(".")[:2]),)
    return ()


class Told:
    """What was scraped ({(family, labels): value}), beside the truth (capture/metadata.py)."""

    def __init__(self, truth, found, page=""):
        self.truth, self.found, self.page = truth, found, page
        version = [int(part) for part in truth["airflow"].split(".")[:2]]
        self.escaped = version >= [3, 3] and truth["mode"] == "plain"

    def id(self, text):
        # Since 3.3 Airflow writes a dot within an id as __ where it has no tags.
        return text.replace(".", "__") if self.escaped else text

    def total(self, family, **labels):
        want = {(key, self.id(value) if key.endswith("_id") else value)
                for key, value in labels.items()}
        return sum(value for (name, have), value in self.found.items()
                   if name == family and want <= have)


def grouped(items, *keys):
    counts, seconds = collections.Counter(), collections.defaultdict(float)
    for item in items:
        key = tuple(item[k] for k in keys)
        counts[key] += item["count"]
        seconds[key] += sum(item.get("seconds", []))
    return counts, seconds


def dag_runs(r):
    counts, seconds = grouped(r.truth["dag_runs"], "dag_id", "state")
    assert len(counts) > 5
    for (dag, state), count in counts.items():
        labels = {"dag_id": dag, "status": state}
        assert r.total("airflow_dag_status_count", **labels) == count, labels
        assert r.total("airflow_dagrun_duration_seconds_count", **labels) == count, labels
        duration = r.total("airflow_dagrun_duration_seconds_sum", **labels)
        assert abs(duration - seconds[dag, state]) < 0.02 * count, (labels, duration, seconds)
    assert r.total("airflow_dag_status_count") == sum(counts.values())


def dags_have_zeros(r):
    for dag in {run["dag_id"] for run in r.truth["dag_runs"]}:
        for state in ("success", "failed"):
            assert any(name == "airflow_dag_status_count" and
                       {("dag_id", r.id(dag)), ("status", state)} <= labels
                       for name, labels in r.found), (dag, state)


def ran(r):
    # The others send nothing: they were skipped, or the scheduler called them done unseen.
    return [t for t in r.truth["task_instances"]
            if t["tries"] > 0 and t["operator"] != "EmptyOperator"]


def task_instances(r):
    counts, _ = grouped(ran(r), "dag_id", "task_id", "state")
    assert len(counts) > 10
    for (dag, task, state), count in counts.items():
        labels = {"dag_id": dag, "task_id": task, "status": state}
        assert r.total("airflow_task_status_count", **labels) == count, labels
    for retry in r.truth["earlier_tries"]:
        labels = {"dag_id": retry["dag_id"], "task_id": retry["task_id"]}
        assert r.total("airflow_task_status_count", status="up_for_retry", **labels) == \
            retry["count"], labels
    assert r.total("airflow_task_status_count", status="success") == \
        sum(n for (_, _, state), n in counts.items() if state == "success")
    assert r.total("airflow_task_status_count", status="failed") == \
        sum(n for (_, _, state), n in counts.items() if state == "failed")


# Tasks of capture/dags that sleep this long each time.
SLEEPERS = {("nested_groups", "extract.api.fetch"): 0.3, ("mapped", "square"): 0.2}


def task_durations(r):
    counts, seconds = grouped(ran(r), "dag_id", "task_id")
    # Pieces of a deferred or rescheduled task are observed one by one.
    pieces = {(t["dag_id"], t["task_id"]) for t in r.truth["reschedules"]}
    pieces.add(("deferred_wait", "wait"))
    for (dag, task), duration in seconds.items():
        got = r.total("airflow_task_duration_seconds_sum", dag_id=dag, task_id=task)
        assert got > SLEEPERS.get((dag, task), 0) * counts[dag, task], (dag, task, got)
        if (dag, task) not in pieces:
            assert got <= 1.1 * duration + 1, (dag, task, got, duration)


# What one observation takes at least and at most; a factor of 1000 shows.
UNITS = {
    ("airflow_task_queued_duration_seconds",
     "airflow_task_scheduled_duration_seconds"): (0.05, 300),
    ("airflow_dag_processing_duration_seconds",): (0.005, 5),
    # The DAGs were to start in 2024.
    ("airflow_dagrun_schedule_delay_seconds",): (2e7, 5e9),
    ("airflow_dagrun_dependency_check_seconds",): (5e-6, 1),
}


def timers_are_in_seconds(r):
    for families, (least, most) in UNITS.items():
        count, seconds = (sum(r.total(family + suffix) for family in families)
                          for suffix in ("_count", "_sum"))
        assert count > 3, families
        assert least < seconds / count < most, (families, seconds / count)


def pools(r):
    for pool in r.truth["pools"]:
        if " " in pool["pool"]:
            continue  # Airflow sends nothing of it, or changes its name
        name = pool["pool"].replace(".", "__") if r.escaped else pool["pool"]
        slots = float("inf") if pool["slots"] < 0 else pool["slots"]
        assert r.total("airflow_pool_open_slots", pool=name) == slots, pool


def nothing_is_unmatched_or_refused(r):
    assert r.total("windsock_unmatched_total") == 0, r.page
    assert r.total("windsock_rejected_total") == 0
    assert r.total("windsock_series_refused_total") == 0
    assert r.total("windsock_ambiguous_total") == 0


def every_line_is_accounted_for(r):
    fates = ("samples_applied", "dropped", "out_of_bounds", "unmatched_dropped", "rejected")
    lines = r.total("windsock_lines_total")
    assert lines > 1000
    assert lines == sum(r.total(f"windsock_{fate}_total") for fate in fates)
    assert r.total("windsock_kernel_drops_total") == 0
    assert r.total("windsock_receive_errors_total") == 0
    assert r.total("windsock_truncated_datagrams_total") == 0


CHECKS = (dag_runs, dags_have_zeros, task_instances, task_durations,
          timers_are_in_seconds, pools, nothing_is_unmatched_or_refused,
          every_line_is_accounted_for)
