# SPDX-License-Identifier: Apache-2.0
"""Task groups, one inside the other: task ids with one and two dots."""

from datetime import datetime, timezone

from capture_compat import DAG, BashOperator, EmptyOperator, PythonOperator, TaskGroup


def nothing():
    """Do nothing."""


# Two scheduled runs: 1 and 2 January.
with DAG(
    "nested_groups",
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    end_date=datetime(2024, 1, 2, tzinfo=timezone.utc),
    schedule="@daily",
    catchup=True,
):
    begin = EmptyOperator(task_id="begin")  # never sent to an executor
    with TaskGroup("extract") as extract:
        with TaskGroup("api") as api:
            BashOperator(task_id="fetch", bash_command="sleep 0.3")
        check = PythonOperator(task_id="check", python_callable=nothing)
        api >> check
    with TaskGroup("load") as load:
        PythonOperator(task_id="write", python_callable=nothing)
    begin >> extract >> load
