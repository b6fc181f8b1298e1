# SPDX-License-Identifier: Apache-2.0
"""The profiles of mappings/: other names, but what they say is what the built-in mapping says."""
import concurrent.futures as futures
import os
import re

import pytest

import catalogue
from harness import ROOT, Windsock, capture, run, truth
from truth import Told, flags_for, grouped, ran, scraped

MAPPINGS = os.path.join(ROOT, "mappings")
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


def test_every_file_is_sound():
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
        for datagram in capture(name):
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


@pytest.mark.parametrize("profile", [name + ".ini" for name in PROFILES])
def test_samples_count_as_in_the_builtin_mapping(profile):
    same(profile, recorded())
    for version in VERSIONS:
        number = catalogue.numbers(version)
        same(profile, [line for row in catalogue.rows() if catalogue.within(number, row.versions)
                       for _, _, line in catalogue.lines(row, number)],
             "--airflow.version=" + version)


def replay(profile, recording):
    known = truth(recording)
    with Windsock(*flags(PROFILES[profile][0]), *flags_for(known["airflow"])) as w:
        w.send(*capture(recording))
        return Told(known, *scraped(w))


@pytest.fixture(scope="module")
def replays():
    """Of each profile and recording; all at once, for a replay mostly waits."""
    with futures.ThreadPoolExecutor(5) as pool:
        yield {(profile, recording): pool.submit(replay, profile, recording)
               for profile in PROFILES for recording in RECORDINGS}


@pytest.mark.parametrize("recording", RECORDINGS)
@pytest.mark.parametrize("profile", PROFILES)
def test_counts_are_true(replays, profile, recording):
    told = replays[profile, recording].result()
    _, runs, durations, ends = PROFILES[profile]
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
