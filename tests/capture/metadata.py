#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Ask Airflow's metadata database (SQLite) how far it is, and for the truth.

    metadata.py ready DB            are all DAGs there? (exit status)
    metadata.py finished DB         are all expected runs finished? (exit status)
    metadata.py expected DB         did they end as they should? (exit status)
    metadata.py truth DB key=value  the truth file, JSON on standard output

Reads the file directly, read-only, so that asking sends no metrics.
Standard library only.
"""

import json
import sqlite3
import sys
from datetime import datetime

# How many runs each DAG of dags/ makes.
EXPECTED = {
    "always_fails": 1,
    "asset_consumer": 1,
    "asset_producer": 1,
    "branches": 1,
    "by_hand": 1,
    "deferred_wait": 1,
    "mapped": 1,
    "nested_groups": 2,
    "retry_then_ok": 1,
    "sensor": 1,
    "team.sales": 2,
}

# The DAG whose runs fail; those of all others succeed.
FAILING = "always_fails"

# Task instance states in which nothing more happens.
ENDED = ("success", "failed", "skipped", "upstream_failed", "removed")


def rows(db, query):
    """Return the result of a query as a list of dictionaries."""
    db.row_factory = sqlite3.Row
    return [dict(r) for r in db.execute(query)]


def columns(db, table):
    """Return the set of the table's columns (empty: no such table)."""
    return {r["name"] for r in rows(db, "PRAGMA table_info(%s)" % table)}


def seconds(row):
    """Return end_date - start_date in seconds, or None."""
    if not row["start_date"] or not row["end_date"]:
        return None
    start = datetime.fromisoformat(row["start_date"])
    end = datetime.fromisoformat(row["end_date"])
    return round((end - start).total_seconds(), 6)


def ready(db):
    """Are all DAGs parsed and stored?"""
    got = {r["dag_id"] for r in rows(db, "SELECT DISTINCT dag_id FROM serialized_dag")}
    missing = sorted(set(EXPECTED) - got)
    print("DAGs not parsed yet: %s" % (", ".join(missing) or "none"))
    return not missing


def finished(db):
    """Are all expected runs there, and they and their tasks ended?"""
    done = rows(
        db,
        "SELECT dag_id, COUNT(*) n, SUM(state IN ('success', 'failed')) ended"
        " FROM dag_run GROUP BY dag_id",
    )
    runs = {r["dag_id"]: r["n"] for r in done}
    tasks = rows(db, "SELECT state FROM task_instance")
    waiting = sum(1 for t in tasks if t["state"] not in ENDED)
    print(
        "runs ended %d of %d, tasks not ended %d of %d"
        % (sum(r["ended"] for r in done), sum(EXPECTED.values()), waiting, len(tasks))
    )
    return (
        all(runs.get(dag, 0) >= n for dag, n in EXPECTED.items())
        and all(r["ended"] == r["n"] for r in done)
        and waiting == 0
    )


def expected(db):
    """Did the right number of runs end in the right state?"""
    wrong = []
    left = dict(EXPECTED)
    for run in rows(db, "SELECT dag_id, state FROM dag_run"):
        dag = run["dag_id"]
        left[dag] = left.get(dag, 0) - 1
        if run["state"] != ("failed" if dag == FAILING else "success"):
            wrong.append("%s: %s" % (dag, run["state"]))
    wrong += ["%s: %+d runs" % (dag, -n) for dag, n in left.items() if n]
    print(", ".join(wrong) or "as expected")
    return not wrong


def grouped(items, keys, add):
    """Group dictionaries by keys; add(group, item) puts one item in."""
    groups = {}
    for item in items:
        key = tuple(item[k] for k in keys)
        if key not in groups:
            groups[key] = dict(zip(keys, key), count=0)
        groups[key]["count"] += 1
        add(groups[key], item)
    order = sorted(groups, key=lambda k: tuple(str(x) for x in k))
    return [groups[k] for k in order]


def with_seconds(group, item):
    """Collect how long each item took."""
    group.setdefault("seconds", []).append(seconds(item))


def truth(db, info):
    """Return all that a test may want to compare with."""
    runs = rows(
        db,
        "SELECT dag_id, run_type, state, start_date, end_date FROM dag_run ORDER BY id",
    )
    tasks = rows(
        db,
        "SELECT dag_id, task_id, run_id, map_index, state, try_number, pool, queue,"
        " operator, start_date, end_date FROM task_instance"
        " ORDER BY dag_id, task_id, run_id, map_index",
    )

    def with_tries(group, item):
        with_seconds(group, item)
        group["tries"] = group.get("tries", 0) + item["try_number"]

    # Tries that were followed by another one.
    earlier = []
    if columns(db, "task_instance_history"):
        earlier = rows(
            db,
            "SELECT dag_id, task_id, state, start_date, end_date"
            " FROM task_instance_history ORDER BY dag_id, task_id, try_number",
        )
    again = columns(db, "task_reschedule")
    if "dag_id" in again:
        again = rows(db, "SELECT dag_id, task_id FROM task_reschedule")
    else:
        again = rows(
            db,
            "SELECT t.dag_id, t.task_id FROM task_reschedule r"
            " JOIN task_instance t ON t.id = r.ti_id",
        )
    dag = columns(db, "dag")
    bundle = "bundle_name" if "bundle_name" in dag else "NULL"
    dags = rows(
        db, "SELECT dag_id, %s bundle, fileloc FROM dag ORDER BY dag_id" % bundle
    )
    for one in dags:
        one["file"] = one.pop("fileloc").rsplit("/", 1)[-1]
    return {
        **info,
        "dags": dags,
        "dag_runs": grouped(runs, ("dag_id", "run_type", "state"), with_seconds),
        "task_instances": grouped(
            tasks,
            ("dag_id", "task_id", "state", "operator", "pool", "queue"),
            with_tries,
        ),
        "earlier_tries": grouped(
            earlier, ("dag_id", "task_id", "state"), with_seconds
        ),
        "reschedules": grouped(again, ("dag_id", "task_id"), lambda g, i: None),
        "pools": rows(
            db, "SELECT pool, slots, include_deferred FROM slot_pool ORDER BY pool"
        ),
        "totals": {
            "dag_runs": len(runs),
            "task_instances": len(tasks),
            "tries": sum(t["try_number"] for t in tasks),
        },
    }


def main(argv):
    """Do one of the four things."""
    ask = {"ready": ready, "finished": finished, "expected": expected}
    if len(argv) < 3 or argv[1] not in (*ask, "truth"):
        print(__doc__, file=sys.stderr)
        return 2
    try:
        db = sqlite3.connect("file:%s?mode=ro" % argv[2], uri=True, timeout=10)
        if argv[1] in ask:
            return 0 if ask[argv[1]](db) else 1
        info = dict(a.split("=", 1) for a in argv[3:])
        json.dump(truth(db, info), sys.stdout, indent=1)
        print()
    except sqlite3.Error as err:
        print("database: %s" % err, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
