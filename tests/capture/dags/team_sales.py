# SPDX-License-Identifier: Apache-2.0
"""A dag_id with a dot, with and without task groups, in pools of its own."""

from datetime import datetime, timezone

from capture_compat import DAG, PythonOperator, TaskGroup


def nothing():
    """Do nothing."""


# Two scheduled runs: 1 and 2 January.
with DAG(
    "team.sales",
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    end_date=datetime(2024, 1, 2, tzinfo=timezone.utc),
    schedule="@daily",
    catchup=True,
):
    load = PythonOperator(task_id="load", python_callable=nothing, pool="etl_pool")
    with TaskGroup("daily") as daily:
        # A pool without limit, a queue with a dot.
        PythonOperator(
            task_id="sum",
            python_callable=nothing,
            pool="big.batch",
            queue="fast.lane",
        )
    load >> daily
