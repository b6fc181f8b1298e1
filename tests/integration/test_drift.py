# SPDX-License-Identifier: Apache-2.0
"""tests/tools/drift.py: what it reads from a registry and from source, and what it reports."""
import os
import subprocess
import sys
import tempfile

from harness import TESTS

REGISTRY = """---
metrics:
  - name: "ti.start"
    description: "Known."
    type: "counter"
    legacy_name: "ti.start.{dag_id}.{task_id}"
    name_variables: ["dag_id", "task_id"]

  - name: "pool.leaking_slots"
    description: "New."
    type: "gauge"
    legacy_name: "pool.leaking_slots.{pool_name}"
    name_variables: ["pool_name"]
"""
SOURCE = '''
def run(self, dag_id, what, tags):
    name = f"dag.{dag_id}.{self.task_id}.duration" if what else "task.duration"
    Stats.timing(name, 1)
    stats.incr(self.__class__.__name__.lower() + "_start", 1, 1)
    Stats.timer(f"dagrun.duration.{self.state}")
    Stats.gauge("scheduler.tasks.dreaming", 3, tags={"dag_id": dag_id, "mood": "good"})
    Stats.incr(what)
    self.gauge("no.metric", 1)
'''


def drift(**files):
    with tempfile.TemporaryDirectory() as directory:
        for name, text in files.items():
            path = os.path.join(directory, "airflow", "models", name.replace("_yaml", ".yaml"))
            path += "" if path.endswith(".yaml") else ".py"
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w") as file:
                file.write(text)
        done = subprocess.run([sys.executable, os.path.join(TESTS, "tools", "drift.py"), directory],
                              capture_output=True, text=True)
        return done.returncode, done.stdout, done.stderr


def sections(text):
    """Heading without its number: what stands below it."""
    found, heading = {}, ""
    for line in text.splitlines()[1:]:
        if line.startswith(" "):
            found[heading].append(line.strip().split("  ")[0])
        elif line:
            count, heading = line.split(" ", 1)
            found[heading] = []
    return found


def test_names_that_are_new_are_reported():
    code, out, err = drift(metrics_template_yaml=REGISTRY, job=SOURCE)
    assert (code, err) == (1, ""), err
    assert out.startswith("9 names\n"), out
    assert list(sections(out).values()) == [
        ["pool.leaking_slots", "pool.leaking_slots.<pool_name>", "scheduler.tasks.dreaming"], [],
        ["mood of scheduler.tasks.dreaming"], ["airflow/models/job.py:8"]], out


def test_nothing_new_is_success():
    known = "".join(line + "\n" for line in SOURCE.splitlines() if "dreaming" not in line)
    code, out, _ = drift(job=known)
    assert code == 0 and out.startswith("4 names\n\n0 unknown"), out


def test_a_directory_without_airflow_is_an_error():
    code, out, err = drift(other="x = 1\n")
    assert code == 1 and out == "" and "no metrics found" in err, (code, out, err)
