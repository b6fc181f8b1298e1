# SPDX-License-Identifier: Apache-2.0
"""The demo next to a program that uses its ports."""
import contextlib
import os
import socket
import subprocess
import sys

from harness import PROGRAM, ROOT

DEMO = os.path.join(ROOT, "packaging", "demo.py")
RECORDING = os.path.join(ROOT, "tests", "data", "airflow-2.11-plain.capture")


def test_a_port_in_use_gets_no_traffic():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        with contextlib.suppress(OSError):  # in use already
            other.bind(("127.0.0.1", 8125))
        done = subprocess.run([sys.executable, DEMO, PROGRAM, RECORDING], capture_output=True,
                              text=True)
        assert done.returncode == 1 and "port 8125 is in use" in done.stderr, done
        assert "sent" not in done.stdout, done
        other.settimeout(0)
        with contextlib.suppress(BlockingIOError):
            raise AssertionError(other.recv(1000))
