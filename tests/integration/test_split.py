# SPDX-License-Identifier: Apache-2.0
"""Dotted ids: which part of a name is the DAG's."""
import random

import exposition
from harness import Windsock, ini, wait_for

WORDS = ["etl", "load", "daily", "eu", "sales", "v2", "a-b", "x_y", "extract", "api"]


def labels(text, family):
    return {(dict(pairs)["dag_id"], dict(pairs)["task_id"])
            for name, pairs in exposition.samples(text) if name == family}


def random_ids(rng, n):
    """DAG and task ids with dots, of which each joined name has one reading."""
    def dotted(most):
        return ".".join(rng.choice(WORDS) for _ in range(rng.randint(1, most)))

    pairs, dags = set(), set()
    while len(pairs) < n:
        dag = dotted(4) + "-%d" % len(dags)
        dags.add(dag)
        for _ in range(3):
            pairs.add((dag, dotted(3)))
    return sorted(pairs), sorted(dags)


def test_every_split_is_exact_once_the_ids_are_learned():
    rng = random.Random(20261124)
    pairs, dags = random_ids(rng, 150)
    with Windsock() as w:
        early = rng.sample(pairs, 50)
        w.send("airflow.ti.start:1|c", *("airflow.ti.start.%s.%s:1|c" % p for p in early))
        assert any("." in dag and (dag, task) in early for dag, task in early)
        assert labels(w.get()[1], "airflow_ti_start_total") != set(early)
        for dag in dags:
            kind = rng.choice(["dependency-check.%s", "duration.success.%s",
                               "schedule_delay.%s"]) % dag
            w.send_at_once("airflow.dagrun.%s:1.0|ms" % kind)
        w.settle()
        for dag, task in pairs:
            w.send_at_once("airflow.ti.start.%s.%s:1|c" % (dag, task),
                           "airflow.ti.finish.%s.%s.success:1|c" % (dag, task),
                           "airflow.dag.%s.%s.duration:1.0|ms" % (dag, task),
                           "airflow.ti.running.fast.lane.%s.%s:1|g" % (dag, task))
        w.settle()

        def exact(family):
            text = w.get()[1]
            return labels(text, family) == set(pairs)
        for family in ("airflow_ti_start_total", "airflow_task_status_count",
                       "airflow_task_duration_seconds_count", "airflow_ti_running"):
            wait_for(lambda: exact(family), family)
        ambiguous = w.value("windsock_ambiguous_total")
        w.send(*("airflow.ti.start.%s.%s:1|c" % p for p in pairs))
        assert w.value("windsock_ambiguous_total") == ambiguous


def test_a_late_id_retires_the_wrong_series_and_says_so_once():
    with Windsock() as w:
        w.send("airflow.ti.start:1|c", "airflow.ti.start.a.b.c:1|c")
        wrong = 'airflow_ti_start_total{dag_id="a",task_id="b.c"}'
        right = 'airflow_ti_start_total{dag_id="a.b",task_id="c"}'
        assert w.value(wrong) == 1 and w.value("windsock_ambiguous_total") == 1
        w.send("airflow.dagrun.duration.success:1|ms",
               "airflow.dagrun.duration.success.a.b:1|ms", "airflow.ti.start.a.b.c:1|c")
        assert w.value(wrong) is None and w.value(right) == 1
        w.send("airflow.dagrun.duration.success.a.b:1|ms", "airflow.ti.start.a.b.c:1|c")
        assert w.value(right) == 2 and w.value("windsock_ambiguous_total") == 1
        assert w.logged().count("airflow.ti.start.a.b.c now splits differently") == 1


def test_two_segments_are_not_ambiguous():
    with Windsock() as w:
        w.send("airflow.ti.start:1|c", "airflow.ti.start.a.b:1|c")
        assert w.value('airflow_ti_start_total{dag_id="a",task_id="b"}') == 1
        assert w.value("windsock_ambiguous_total") == 0


def test_ids_in_the_file_are_known_and_what_is_learned_outlives_a_reload():
    text = ("[windsock]\nprefix = airflow\nknown = dag_id=x.y\n"
            "[run]\nmatch = run.<dag_id...>\nmetric = runs\nlearn = dag_id\n"
            "[task]\nmatch = task.<dag_id...>.<task_id...>\nmetric = tasks\nknown = dag_id\n")
    with ini(text) as mapping, Windsock(mapping.flag, "--web.enable-lifecycle") as w:
        w.send("airflow.task.x.y.z:1|c", "airflow.run.a.b:1|c")
        assert w.value('tasks{dag_id="x.y",task_id="z"}') == 1
        assert w.get("/-/reload", "POST")[0] == 200
        w.send("airflow.task.a.b.c:1|c")
        assert w.value('tasks{dag_id="a.b",task_id="c"}') == 1
