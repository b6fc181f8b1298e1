#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""run.py BUILD: runs BUILD/tests/unit/test_* and tests/it_*.py, adds up their TAP."""
import concurrent.futures as futures
import glob
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def run(command):
    env = dict(os.environ, CMOCKA_MESSAGE_OUTPUT="TAP")
    try:
        done = subprocess.run(command, env=env, timeout=300, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        text, code = done.stdout.decode(errors="replace"), done.returncode
    except subprocess.TimeoutExpired as late:
        text, code = (late.stdout or b"").decode(errors="replace") + "\ntimed out", 1
    lines = text.splitlines()
    passed = sum(line.startswith("ok ") for line in lines)
    failed = sum(line.startswith("not ok ") for line in lines)
    # A crash, or a program that ran no test, fails even without a line that says so.
    if failed == 0 and (code != 0 or passed == 0):
        failed = 1
    return passed, failed, command[-1], text


def main():
    build = os.path.abspath(sys.argv[1])
    units = [[p] for p in sorted(glob.glob(build + "/tests/unit/test_*"))
             if os.access(p, os.X_OK) and "." not in os.path.basename(p)]
    promises = [[sys.executable, p] for p in sorted(glob.glob(HERE + "/it_*.py"))]
    os.environ["WINDSOCK"] = build + "/windsock"
    passed = failed = 0
    with futures.ThreadPoolExecutor(2 * (os.cpu_count() or 1)) as pool:
        for good, bad, name, text in pool.map(run, promises + units):
            passed, failed = passed + good, failed + bad
            if bad:
                print("== " + os.path.basename(name) + "\n" + text)
    print(f"{passed} passed, {failed} failed")
    return failed != 0 or passed == 0


sys.exit(main())
