# SPDX-License-Identifier: Apache-2.0
"""Packages of PyPI, in an environment of their own."""
import subprocess
import sys

import pytest


def environment(home, *packages):
    """Makes it; returns its bin.  Skips the test where they cannot be had."""
    subprocess.run([sys.executable, "-m", "venv", home], check=True)
    got = subprocess.run([home + "/bin/python", "-m", "pip", "-q", "--disable-pip-version-check",
                          "install", "--retries=1", "--timeout=20", *packages],
                         capture_output=True, text=True)
    if got.returncode:
        print(got.stderr[-1000:])
        pytest.skip("not from PyPI: " + " ".join(packages))
    return home + "/bin"
