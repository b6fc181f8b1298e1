# SPDX-License-Identifier: Apache-2.0
"""The rules of the monitoring stack: checked by promtool, with cases of all kinds for each
alert."""
import glob
import os
import re
import subprocess
import tempfile

import yaml

from harness import ROOT, TESTS, read as text_of

RULES = sorted(glob.glob(os.path.join(ROOT, "packaging/monitoring/prometheus/rules/*.yml")))
CASES = sorted(glob.glob(os.path.join(TESTS, "monitoring/rules/*.test.yml")))
KINDS = {"fires", "quiet", "recovers", "restart", "absent"}
ALWAYS = {"Watchdog": {"fires", "restart", "absent"}}
COMMANDS = {"airflow", "curl", "deploy-monitoring.sh", "journalctl", "kafka-broker-api-versions.sh",
            "kafka-consumer-groups.sh", "pg_isready", "SELECT", "ss", "systemctl", "windsock"}
PAGE = "file:///usr/share/doc/windsock/runbook.md#"


def read(path):
    with open(path, encoding="utf-8") as text:
        return yaml.safe_load(text)


def alerts():
    return [rule for path in RULES for group in read(path)["groups"] for rule in group["rules"]
            if "alert" in rule]


def promtool(*args):
    done = subprocess.run(["promtool", *args], timeout=200, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_rules_pass_the_check():
    assert len(RULES) == 5
    promtool("check", "rules", *RULES)


def test_cases_hold():
    promtool("test", "rules", *CASES)


def test_every_alert_has_cases_of_all_kinds():
    found = {}
    for path in CASES:
        for case in read(path)["tests"]:
            alert, kind = case["name"].split(": ", 1)
            assert all(alert in check["expr"] for check in case["promql_expr_test"]), case["name"]
            found.setdefault(alert, set()).add(kind.split(",")[0].split(" ")[0])
    want = {rule["alert"]: ALWAYS.get(rule["alert"], KINDS) for rule in alerts()}
    assert len(want) == len(alerts()) and found == want, (found, want)


def test_every_alert_says_what_to_do():
    page = text_of("docs", "runbook.md")
    sections = {part.split("\n", 1)[0]: part for part in page.split("\n## ")[1:]}
    for rule in alerts():
        name, notes = rule["alert"], rule["annotations"]
        assert rule["labels"]["severity"] in ("critical", "warning", "info", "none"), name
        assert notes["summary"] and len(notes["description"]) > 60, name
        assert notes["runbook_url"] == PAGE + name.lower(), name
        for what in ("**Means:**", "**Look:**", "**Do:**", "**False alarm:**"):
            assert what in sections.get(name, ""), (name, what)
    assert set(sections) == {rule["alert"] for rule in alerts()}


def test_runbook_asks_expressions():
    """What stands under Look and is no command is taken by Prometheus."""
    blocks = re.findall(r"\*\*Look:\*\*\n\n((?:    .*\n)+)", text_of("docs", "runbook.md"))
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    asked = [line for line in lines if line.split()[0] not in COMMANDS]
    assert len(blocks) == len(alerts()) and len(asked) > 20, asked
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as out:
        rules = [{"record": "a:b", "expr": line, "labels": {"n": str(n)}}
                 for n, line in enumerate(asked)]
        yaml.safe_dump({"groups": [{"name": "runbook", "rules": rules}]}, out)
        out.flush()
        promtool("check", "rules", out.name)
