# SPDX-License-Identifier: Apache-2.0
"""A dataset (Airflow 2) or asset (Airflow 3) and the run it causes."""

from datetime import datetime, timezone

from capture_compat import DAG, Asset, PythonOperator

START = datetime(2024, 1, 1, tzinfo=timezone.utc)
TABLE = Asset("file://capture/table")


def nothing():
    """Do nothing."""


with DAG("asset_producer", start_date=START, schedule="@once"):
    PythonOperator(task_id="make", python_callable=nothing, outlets=[TABLE])

with DAG("asset_consumer", start_date=START, schedule=[TABLE]):
    PythonOperator(task_id="use", python_callable=nothing)
