# SPDX-License-Identifier: Apache-2.0
"""docs/monitoring.md goes through the monitoring guide: tests and files that it names are there, and
each expression of the guide has its row."""
import os
import re

from harness import ROOT, read

STACK = os.path.join(ROOT, "packaging", "monitoring")
FILES = {**{name: f"monitoring/test_{name}.py" for name in
            ("stack", "pipeline", "engine", "alertmanager", "scaling")},
         **{name: f"slow/test_{name}.py" for name in ("rules", "dashboards", "kubernetes")}}


def rows():
    """The guide's words, where, and the test."""
    table = read("docs", "monitoring.md").split("## The guide, line by line")[1]
    for line in table.splitlines():
        cells = [c.strip() for c in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) == 3 and cells[0] != "The guide" and not cells[0].startswith("---"):
            yield cells


def test_tests_are_there():
    named = 0
    for guide, _, cell in rows():
        assert cell, guide
        for part in cell.split("; "):
            where, _, names = part.partition(": ")
            if where in ("none", "Grafana itself"):
                assert names, guide  # says why
                continue
            text = read("tests", FILES[where])
            for name in re.sub(r" \(.*?\)", "", names).split(", "):
                assert re.search(rf"^def (test_)?{name}\(", text, re.M), (guide, where, name)
                named += 1
    assert named > 60, named


def test_files_are_there():
    found = 0
    for _, where, _ in rows():
        for path in re.findall(r"`([a-z_-]+(?:(?:/[a-z._-]*)+|\.(?:sh|yml)))`", where):
            if path != "targets/airflow.yml":  # written by the script
                assert os.path.exists(os.path.join(STACK, path)), path
                found += 1
        for page, anchor in re.findall(r"\]\(([a-z]+\.md)#?([a-z-]*)\)", where):
            heads = re.findall("^#+ (.*)", read("docs", page), re.M)
            assert not anchor or anchor in [h.lower().replace(" ", "-") for h in heads], anchor
    assert found > 30, found


def test_expressions_are_all_there():
    expressions = [" ".join(e.split("\n", 1)[1].split())
                   for e in read("tests", "data", "guide.promql").strip().split("\n\n")[1:]]
    table = [guide for guide, _, _ in rows()]
    assert len(expressions) >= 9
    for expression in expressions:
        assert f"`{expression}`" in table, expression
