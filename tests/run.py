#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""run.py [-j N] PROGRAM | FILE.py ...: runs unit tests (TAP) and files of pytest, N at a time.

What fails is shown, with -j 1 all.  At the end it says what was skipped and why, and, in its last
line, how many passed and failed.  Exit code 1: something failed, was missing or ran nothing; 75:
all was skipped.  SKIPPED=FILE: what was skipped is added to that file."""
import concurrent.futures as futures
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml

# What is skipped in a test of a test is not skipped here.
ENV = {name: value for name, value in os.environ.items() if name != "SKIPPED"}
HANGS = 3600  # seconds; a machine that is busy needs more than one that is not


def of_tap(text):
    """(passed, failed, skipped) of a unit test's output; the skipped are (name, why)."""
    # cmocka's word for skipped begins as a failure's.
    skipped = [(name, "see it run") for name in re.findall(r"^not ok \d+ # SKIP (\S+)", text, re.M)]
    return len(re.findall(r"^ok ", text, re.M)), \
        len(re.findall(r"^not ok ", text, re.M)) - len(skipped), skipped


def of_pytest(report):
    """The same of the report that pytest writes."""
    try:
        cases = xml.parse(report).findall(".//testcase")
    except (OSError, xml.ParseError):  # it crashed
        return 0, 1, []
    skipped = [(case.get("name"), case.find("skipped").get("message")) for case in cases
               if case.find("skipped") is not None]
    failed = sum(case.find("failure") is not None or case.find("error") is not None
                 for case in cases)
    return len(cases) - failed - len(skipped), failed, skipped


def run(name, shown):
    """(name, output, passed, failed, skipped)"""
    with tempfile.NamedTemporaryFile(suffix=".xml") as report:
        command = [os.path.abspath(name)]
        if name.endswith(".py"):
            command = [sys.executable, "-m", "pytest", "--junitxml=" + report.name,
                       *(["-v", "-rP"] if shown else ["-q"]), name]
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, timeout=HANGS,
                                  env=dict(ENV, CMOCKA_MESSAGE_OUTPUT="TAP"),
                                  stdout=None if shown else subprocess.PIPE,
                                  stderr=None if shown else subprocess.STDOUT)
            text, code = (done.stdout or b"").decode(errors="replace"), done.returncode
        except subprocess.TimeoutExpired as late:
            text, code = (late.stdout or b"").decode(errors="replace") + "\nit hangs", 1
        except OSError as error:
            text, code = str(error), 1
        passed, failed, skipped = of_pytest(report.name) if name.endswith(".py") else of_tap(text)
    # A crash, or one that ran nothing, fails even without a line that says so.
    if failed == 0 and (code != 0 or passed + len(skipped) == 0):
        failed = 1
    return name, text, passed, failed, skipped


def main(words):
    jobs = 2 * (os.cpu_count() or 1)
    if words[:1] == ["-j"]:
        jobs, words = int(words[1]), words[2:]
    passed = failed = 0
    skips = []
    with futures.ThreadPoolExecutor(jobs) as pool:
        for name, text, good, bad, skipped in pool.map(lambda word: run(word, jobs == 1), words):
            passed, failed = passed + good, failed + bad
            skips += [f"{os.path.relpath(name)}: {test}: {why}" for test, why in skipped]
            if bad:
                print("== " + name + "\n" + text, flush=True)
    for skip in skips:
        print("skipped " + skip)
    if skips and "SKIPPED" in os.environ:
        with open(os.environ["SKIPPED"], "a", encoding="utf-8") as file:
            file.write("".join(skip + "\n" for skip in skips))
    print(f"{passed} passed, {failed} failed" + (f", {len(skips)} skipped" if skips else ""))
    if failed or passed + len(skips) == 0:
        return 1
    return 0 if passed else 75


sys.exit(main(sys.argv[1:]))
