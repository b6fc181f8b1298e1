#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The profiles of mappings/: other names, but what they say is what the built-in mapping says."""
import concurrent.futures as futures
import json
import os
import re

import catalogue
from harness import HERE, Windsock, capture, run, tap
from truth import Told, exposition, flags_for, grouped, ran

MAPPINGS = os.path.join(HERE, "..", "mappings")
RECORDINGS = ("airflow-2.11-plain", "airflow-2.11-influxdb", "airflow-2.11-dogstatsd",
              "airflow-3.3-plain", "airflow-3.3-influxdb", "airflow-3.3-dogstatsd")
# profile: its files; durations of DAG runs by state, and of tasks; tasks that ended
PROFILES = {
    "airflow-helm": (["airflow-helm.ini"], {"success": "airflow_dagrun_duration",
                                            "failed": "airflow_dagrun_failed"},
                     "airflow_task_duration", "airflow_ti_finish"),
    "airflow-mixin": (["airflow-mixin.ini"], {"success": "airflow_dagrun_duration_success",
                                              "failed": "airflow_dagrun_duration_failed"},
                      "airflow_dag_task_duration", "airflow_task_finish_total"),
    "astronomer": (["astronomer.ini"], {"success": "airflow_dagrun_duration",
                                        "failed": "airflow_dagrun_failed"},
                   "airflow_task_duration", "airflow_ti_finish"),
    "databand": (["airflow.ini", "databand.ini"],
                 {"success": "af_agg_dagrun_duration_success",
                  "failed": "af_agg_dagrun_duration_failed"},
                 "af_agg_dag_task_duration", "af_agg_ti_finish"),
}
VERSIONS = ("2.2.0", "2.3.3", "2.8.4", "2.10.5", "2.11.2", "3.1.8", "3.3.2")


def flags(files):
    return ["--statsd.mapping-config=" + os.path.join(MAPPINGS, f) for f in files]


def every_file_is_sound():
    assert {f for files, *_ in PROFILES.values() for f in files} == set(os.listdir(MAPPINGS))
    for files, *_ in PROFILES.values():
        code, _, errors = run("check", *(os.path.join(MAPPINGS, f) for f in files))
        assert code == 0 and errors == "", errors


def fates(outcome):
    """What becomes of the sample, whatever the names: rules that agree are one."""
    found = set()
    for step in outcome.split(" | "):
        fate = "unmatched" if step.startswith("UNMATCHED") else step.rsplit(": ", 1)[1]
        found.add(fate.partition(" ")[2] or fate)
    return found


def recorded():
    seen = {}
    for name in RECORDINGS:
        for datagram in capture(name + ".capture"):
            for line in datagram.decode().splitlines():
                seen.setdefault(re.sub(r":.*?\|", "|", line), line)
    return list(seen.values())


def same(profile, lines, *more):
    ours, theirs = (catalogue.outcomes(lines, *flags([file]), *more)
                    for file in ("airflow.ini", profile))
    for line, our, their in zip(lines, ours, theirs):
        want, got = fates(our), fates(their)
        if re.search(r"\.dagrun\.duration\.", line):
            want -= {"counter +1"}  # the summary counts, too
        if profile == "databand.ini" and got == {"unmatched"} or \
                "dag_file_processor_timeouts" in line:
            continue  # no such name; the old name beside the new one
        assert got == want, (more, line, our, their)


def samples_count_as_in_the_builtin_mapping(profile):
    same(profile, recorded())
    for version in VERSIONS:
        number = catalogue.numbers(version)
        same(profile, [line for row in catalogue.rows() if catalogue.within(number, row.versions)
                       for _, _, line in catalogue.lines(row, number)],
             "--airflow.version=" + version)


def replay(files, recording):
    with open(os.path.join(HERE, "data", recording + ".truth.json")) as truth:
        known = json.load(truth)
    with Windsock(*flags(files), *flags_for(known["airflow"])) as w:
        w.send(*capture(recording + ".capture"))
        return Told(known, exposition(w.get()[1]), w.get("/")[1])


def counts_are_true(told, runs, durations, ends):
    counts, seconds = grouped(told.truth["dag_runs"], "dag_id", "state")
    for (dag, state), count in counts.items():
        assert told.total(runs[state] + "_count", dag_id=dag) == count, (dag, state)
        duration = told.total(runs[state] + "_sum", dag_id=dag)
        assert abs(duration - seconds[dag, state]) < 0.02 * count, (dag, duration, seconds)
    counts, _ = grouped(ran(told), "dag_id", "task_id", "state")
    for (dag, task, state), count in counts.items():
        labels = {"dag_id": dag, "task_id": task}
        assert told.total(ends, state=state, **labels) == count, (labels, state)
        assert told.total(durations + "_count", **labels) >= count, labels
        assert 0 < told.total(durations + "_sum", **labels) < 300, labels
    for state in ("success", "failed"):
        assert told.total(ends, state=state) == \
            sum(n for (_, _, s), n in counts.items() if s == state)
    for reason in ("unmatched", "rejected", "series_refused", "ambiguous"):
        assert told.total(f"windsock_{reason}_total") == 0, (reason, told.page)


def tests(pool):
    yield every_file_is_sound
    for name, (files, *families) in PROFILES.items():
        def same_counts(profile=name + ".ini"):
            samples_count_as_in_the_builtin_mapping(profile)
        same_counts.__name__ = name + " counts samples as the built-in mapping"
        yield same_counts
        for recording in RECORDINGS:
            def true_counts(told=pool.submit(replay, files, recording), families=families):
                counts_are_true(told.result(), *families)
            true_counts.__name__ = f"{name} tells the truth of {recording}"
            yield true_counts


# A replay mostly waits.
with futures.ThreadPoolExecutor(5) as replays:
    tap(list(tests(replays)))
