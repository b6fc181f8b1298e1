# SPDX-License-Identifier: Apache-2.0
"""Tasks that fail, are tried again, are skipped; and a run started by hand."""

from datetime import datetime, timedelta, timezone

from capture_compat import (
    DAG,
    BashOperator,
    BranchPythonOperator,
    EmptyOperator,
    PythonOperator,
    ShortCircuitOperator,
)

START = datetime(2024, 1, 1, tzinfo=timezone.utc)


def nothing():
    """Do nothing."""


def fail():
    """Fail, always."""
    raise RuntimeError("this task fails on purpose")


def fail_once(ti=None):
    """Fail the first time only."""
    if ti.try_number < 2:
        raise RuntimeError("the first try fails on purpose")


def choose():
    """Choose the left branch."""
    return "left"


def no():
    """Stop here: what follows is skipped."""
    return False


with DAG("retry_then_ok", start_date=START, schedule="@once"):
    PythonOperator(
        task_id="flaky",
        python_callable=fail_once,
        retries=1,
        retry_delay=timedelta(seconds=1),
    )

with DAG("always_fails", start_date=START, schedule="@once"):
    broken = PythonOperator(task_id="broken", python_callable=fail)
    after = EmptyOperator(task_id="after")  # upstream_failed
    broken >> after

with DAG("branches", start_date=START, schedule="@once"):
    branch = BranchPythonOperator(task_id="branch", python_callable=choose)
    left = PythonOperator(task_id="left", python_callable=nothing)
    right = PythonOperator(task_id="right", python_callable=nothing)
    stop = ShortCircuitOperator(task_id="stop", python_callable=no)
    never = PythonOperator(task_id="never", python_callable=nothing)
    branch >> [left, right]
    left >> stop >> never

# capture.sh starts this one with the command line.
with DAG("by_hand", start_date=START, schedule=None):
    # Names that an unanchored rule for "<job>_start" and "<job>_end" would take.
    BashOperator(task_id="job_start", bash_command="true") >> PythonOperator(
        task_id="job_end", python_callable=nothing
    )
