# SPDX-License-Identifier: Apache-2.0
"""What Airflow sends (data/airflow-metrics.tsv), as lines of every mode, and what
`windsock explain` says of them."""
import collections
import os
import re
import subprocess

from harness import DATA, PATIENCE, PROGRAM

TSV = os.path.join(DATA, "airflow-metrics.tsv")
NEWEST = (9999,)
VALUES = {
    "action": "start", "bundle_name": "dags-folder", "dag_id": "etl", "dagrun_id": "r1",
    "event_type": "complete", "exception_class": "ValueError", "executor": "CeleryExecutor",
    "executor_class_name": "CeleryExecutor", "file_name": "daily",
    "file_path": "/dags/daily.py", "framework": "pydantic_ai", "from_platform": "a",
    "func_name": "page", "hostname": "w1.example.com", "job_id": "77", "job_name": "job",
    "name": "CeleryExecutor", "operator": "BashOperator", "operator_name": "BashOperator",
    "outcome": "success", "platform": "a", "pool_name": "small.pool",
    "prefix": "deadline_alerts", "prior_state": "queued", "queue": "fast", "queues": "fast",
    "reason": "heartbeat_timeout", "result": "ok", "return_code": "-9",
    "run_type": "manual", "state": "success", "status": "success", "task_id": "load",
    "task_type": "BashOperator", "to_platform": "b", "tool": "search", "toolset": "web",
    "transport_type": "http", "worker_name": "edge1.example.com",
}
# On any name, where Airflow 3.3 is set up for several teams.
COMMON_TAGS = {"team_name"}
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


class Step:
    """What one rule makes of a line."""

    def __init__(self, rule):
        self.rule = rule
        self.said = {}  # the other words of the block: their texts
        self.captures = {}

    @property
    def metric(self):
        return self.said["series"][0].partition("{")[0] if "effect" in self.said else None

    @property
    def kind(self):
        return self.said["series"][0].rsplit(" ", 1)[1]

    @property
    def labels(self):
        return re.findall(r'(\w+)="', self.said["series"][0])

    def __str__(self):
        text = self.rule
        if "ambiguous" in self.said:
            text += " (ambiguous)"
        for original in self.said.get("unless", ()):
            text += " unless " + re.search(r"what (.*) takes", original)[1]
        for series in self.said.get("initializes", ()):
            text += "; initializes " + series.rsplit(" ", 1)[0]
        if "dropped" in self.said:
            text += ": dropped"
        for reason in self.said.get("rejected", ()):
            text += ": REFUSED " + reason
        if "effect" in self.said:
            text += ": " + self.said["series"][0].rsplit(" ", 1)[0] + " " + self.said["effect"][0]
        return text


def steps(block):
    """Of what explain prints for one sample."""
    found = []
    for line in block.splitlines()[1:]:
        word, _, text = line.strip().partition(" ")
        text = text.strip()
        if word == "rule":
            found.append(Step(text.split(" ")[0]))
        elif word == "unmatched":
            found.append(Step("UNMATCHED"))
        elif found and word == "captures":
            found[-1].captures = dict(re.findall(r'(\w+)="([^"]*)"', text))
        elif found:
            found[-1].said.setdefault(word, []).append(text)
        elif word == "rejected":
            found.append(Step("REFUSED"))
    return found


def explain(sent, *flags):
    """The steps of each line."""
    done = subprocess.run([PROGRAM, "explain", *flags],
                          input="".join(line + "\n" for line in sent).encode(),
                          capture_output=True, timeout=PATIENCE)
    blocks = re.split(r"^(?=\S)", done.stdout.decode(), flags=re.M)[1:]
    assert len(blocks) == len(sent), done.stderr.decode()
    return [steps(block) for block in blocks]


def outcomes(sent, *flags):
    return [" | ".join(str(step) for step in found) for found in explain(sent, *flags)]
