#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""mutate.py [ALERT]...: changes each number, comparison and `for` of each alert, one at a time,
and prints each change that no case of tests/monitoring/rules notices.  Exit code 1: there is one."""
import concurrent.futures as futures
import glob
import os
import re
import subprocess
import sys
import tempfile

import yaml

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RULES = os.path.join(ROOT, "packaging/monitoring/prometheus/rules/*.yml")
CASES = os.path.join(ROOT, "tests/monitoring/rules/*.test.yml")
# A comparison with what follows it up to the end of a number.
COMPARED = re.compile(r"(==|!=|>=|<=|>|<)(\s*)(\d+(?:\.\d+)?\b)?")
OPPOSITE = {"==": "!=", "!=": "==", ">": "<=", "<=": ">", "<": ">=", ">=": "<"}


def read_rules():
    for path in sorted(glob.glob(RULES)):
        with open(path, encoding="utf-8") as text:
            yield yaml.safe_load(text)


def numbers(text):
    """Others than this one, not near to it."""
    value = float(text)
    return ("-1", "1000") if value == 0 else ("%g" % (value * 3), "%g" % (value / 3))


def changed_expressions(expr):
    for match in COMPARED.finditer(expr):
        sign, space, number = match.groups()
        start, end = match.span()
        yield expr[:start] + OPPOSITE[sign] + space + (number or "") + expr[end:]
        for other in numbers(number) if number else ():
            yield expr[:start] + sign + space + other + expr[end:]


def mutants(rule):
    """What was changed, and the rule so changed."""
    for expr in changed_expressions(rule["expr"]):
        yield difference(rule["expr"], expr), dict(rule, expr=expr)
    if "for" in rule:
        unit = rule["for"][-1]
        twice = "%d%s" % (2 * int(rule["for"][:-1]), unit)
        yield "for: 0s", dict(rule, **{"for": "0s"})
        yield "for: " + twice, dict(rule, **{"for": twice})
    else:
        yield "for: 10m", dict(rule, **{"for": "10m"})


def difference(old, new):
    pairs = zip(old.splitlines(), new.splitlines())
    return next(b.strip() for a, b in pairs if a != b)


def write(path, what):
    with open(path, "w", encoding="utf-8") as out:
        yaml.safe_dump(what, out)
    return path


def cases_of(alert):
    """For each step of evaluation, the text of the cases: 0x60 is not to be read as a number."""
    found = {}
    for path in sorted(glob.glob(CASES)):
        with open(path, encoding="utf-8") as text:
            head, cases = text.read().split("tests:\n", 1)
        step = re.search("evaluation_interval: (.*)", head)[1]
        mine = [case for case in re.split(r"(?m)^(?=  - name: )", cases)
                if case.startswith(f"  - name: '{alert}:")]
        if mine:
            found[step] = found.get(step, "") + "".join(mine)
    return found


def recordings(rule, records):
    """The recording rules that the expression asks, and what those ask."""
    used = [r for r in records if r["record"] in rule["expr"]]
    return [s for r in used for s in recordings(r, [o for o in records if o != r])] + used


def notices(number, rule, records, home):
    """Whether a case fails."""
    group = {"name": "all", "rules": recordings(rule, records) + [rule]}
    rules = write(f"{home}/{number}.yml", {"groups": [group]})
    for step, cases in cases_of(rule["alert"]).items():
        test = f"{home}/{number}.test.yml"
        with open(test, "w", encoding="utf-8") as out:
            out.write(f"rule_files: [{rules}]\nevaluation_interval: {step}\ntests:\n{cases}")
        done = subprocess.run(["promtool", "test", "rules", test], capture_output=True, text=True)
        assert done.returncode == 0 or "FAILED" in done.stdout + done.stderr, done.stderr
        if done.returncode:
            return True
    return False


def main():
    groups = [group for page in read_rules() for group in page["groups"]]
    rules = [rule for group in groups for rule in group["rules"]]
    records = [rule for rule in rules if "record" in rule]
    wanted = set(sys.argv[1:])
    alerts = [r for r in rules if "alert" in r and (not wanted or r["alert"] in wanted)]
    work = [(rule["alert"], what, mutant) for rule in alerts for what, mutant in mutants(rule)]
    with tempfile.TemporaryDirectory(prefix="mutate") as home, futures.ThreadPoolExecutor(2) as pool:
        for number, rule in enumerate(alerts):
            assert not notices("as-is%d" % number, rule, records, home), rule["alert"]
        done = pool.map(lambda w: notices(w[0], w[1][2], records, home), enumerate(work))
        missed = [w for w, noticed in zip(work, done) if not noticed]
    for alert, what, _ in missed:
        print(f"not noticed: {alert}: {what}")
    print(f"{len(work)} changes, {len(missed)} not noticed")
    return bool(missed) or not work


sys.exit(main())
