# SPDX-License-Identifier: Apache-2.0
"""What Airflow sends (data/airflow-metrics.tsv), as lines of every mode, and what
`windsock explain` says of them."""
import collections
import os
import re
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
TSV = os.path.join(HERE, "data", "airflow-metrics.tsv")
NEWEST = (9999,)
VALUES = {
    "action": "start", "bundle_name": "dags-folder", "dag_id": "etl", "dagrun_id": "r1",
    "event_type": "complete", "exception_class": "ValueError", "executor": "CeleryExecutor",
    "executor_class_name": "CeleryExecutor", "file_name": "daily", "file_path": "/dags/daily.py",
    "framework": "pydantic_ai", "from_platform": "a", "func_name": "page", "hostname": "w1.example.com",
    "job_id": "77", "job_name": "job", "name": "CeleryExecutor", "operator": "BashOperator",
    "operator_name": "BashOperator", "outcome": "success", "platform": "a", "pool_name": "small.pool",
    "prefix": "deadline_alerts", "prior_state": "queued", "queue": "fast", "queues": "fast",
    "reason": "heartbeat_timeout", "result": "ok", "return_code": "-9", "run_type": "manual",
    "state": "success", "status": "success", "task_id": "load", "task_type": "BashOperator",
    "to_platform": "b", "tool": "search", "toolset": "web", "transport_type": "http",
    "worker_name": "edge1.example.com",
}
Row = collections.namedtuple("Row", "pattern type source versions tags seconds dogstatsd")


def numbers(version):
    return tuple(int(n) for n in version.split("."))


def within(version, ranges):
    """Whether `version`, a tuple, is in ranges such as "2.0-2.11, 3.1.8+", "all" or "-"."""
    if ranges in ("all", "-"):
        return ranges == "all"
    for one in ranges.split(", "):
        first, _, last = one.rstrip("+").partition("-")
        last = numbers(last or first)
        if version >= numbers(first) and (one.endswith("+") or version[:len(last)] <= last):
            return True
    return False


def rows():
    with open(TSV) as file:
        lines = [line.rstrip("\n").split("\t") for line in file if not line.startswith("#")]
    for pattern, kind, source, versions, tags, seconds, dogstatsd in lines[1:]:
        variants = [] if tags == "-" else [v.split(",") for v in tags.split(" | ")]
        yield Row(pattern, kind, source, versions, variants, seconds, dogstatsd)


def value(row, seconds):
    """One counted, a gauge of 3, a second and a half."""
    return {"c": "1", "g": "3", "ms": "1.5" if seconds else "1500.000000"}[row.type]


def filled(text):
    return re.sub(r"<(\w+)>", lambda m: VALUES[m[1]], text)


def lines(row, version=NEWEST):
    """(mode, tags, line): every line in which Airflow sends the row."""
    name = "airflow." + filled(row.pattern)
    bare = value(row, within(version, row.seconds)) + "|" + row.type
    dog = value(row, within(version, row.dogstatsd)) + "|" + row.type + "|#env:prod"
    yield "plain", (), f"{name}:{bare}"
    if not row.tags or "<" in row.pattern:
        yield "dogstatsd", (), f"{name}:{dog}"
    for tags in row.tags:
        pairs = [(key, VALUES[key]) for key in tags]
        yield "influxdb", tags, name + "".join(",%s=%s" % p for p in pairs) + ":" + bare
        yield "dogstatsd", tags, f"{name}:{dog}" + "".join(",%s:%s" % p for p in pairs)


def explain(sent, *flags):
    """What becomes of each line, as text."""
    done = subprocess.run([os.environ.get("WINDSOCK", "build/windsock"), "explain", *flags],
                          input="".join(line + "\n" for line in sent).encode(),
                          capture_output=True, timeout=60)
    blocks = re.split(r"^(?=\S)", done.stdout.decode(), flags=re.M)[1:]
    assert len(blocks) == len(sent), done.stderr.decode()
    return [outcome(block) for block in blocks]


def outcome(block):
    steps, series = [], ""
    for line in block.splitlines()[1:]:
        key, _, text = line.strip().partition(" ")
        text = text.strip()
        if key == "rule":
            steps.append(text.split(" ")[0])
        elif key == "unmatched":
            steps.append("UNMATCHED")
        elif key == "refused":
            steps.append("REFUSED " + text.split(":")[0])
        elif key == "unless":
            steps[-1] += " unless " + re.search(r"what (.*) takes", text)[1]
        elif key == "declares":
            steps[-1] += "; declares " + text.rsplit(" ", 1)[0]
        elif key == "dropped":
            steps[-1] += ": dropped"
        elif key == "ambiguous":
            steps[-1] += " (ambiguous)"
        elif key == "series":
            series = text.rsplit(" ", 1)[0]
        elif key == "effect":
            steps[-1] += f": {series} {text}"
    return " | ".join(steps)
