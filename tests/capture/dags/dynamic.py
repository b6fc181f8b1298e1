# SPDX-License-Identifier: Apache-2.0
"""A mapped task, a task that waits in the triggerer, a rescheduled sensor."""

import os
import time
from datetime import datetime, timedelta, timezone

from capture_compat import DAG, BaseOperator, PythonSensor, TimeDeltaTrigger, task

START = datetime(2024, 1, 1, tzinfo=timezone.utc)


class WaitInTriggerer(BaseOperator):
    """Defer at once and end when the trigger fires."""

    def execute(self, context):
        """Hand over to the triggerer, for longer than one gauge interval (30 s)."""
        wait = timedelta(seconds=float(os.environ.get("CAPTURE_DEFER", "35")))
        self.defer(trigger=TimeDeltaTrigger(wait), method_name="resume")

    def resume(self, context, event=None):
        """Do nothing more."""


def second_look(ti=None):
    """Say no the first time and yes the second; a file keeps the memory."""
    path = os.path.join(os.environ["AIRFLOW_HOME"], f"seen-{ti.dag_id}")
    if os.path.exists(path):
        return True
    with open(path, "w", encoding="ascii"):
        return False


with DAG("mapped", start_date=START, schedule="@once"):

    @task
    def numbers():
        """Return what to map over."""
        return [1, 2, 3]

    @task(queue="fast.lane")
    def square(n):
        """Take 0.2 s and return the square."""
        time.sleep(0.2)
        return n * n

    square.expand(n=numbers())

with DAG("deferred_wait", start_date=START, schedule="@once"):
    WaitInTriggerer(task_id="wait")

with DAG("sensor", start_date=START, schedule="@once"):
    PythonSensor(
        task_id="look_again",
        python_callable=second_look,
        mode="reschedule",
        # Longer than a few turns of the scheduler.
        poke_interval=float(os.environ.get("CAPTURE_POKE", "8")),
        timeout=120,
    )
