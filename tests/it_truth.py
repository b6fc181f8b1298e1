#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Recordings of real Airflow against what Airflow's own database says of the same runs."""
import json
import os
import sys

from harness import HERE, Windsock, capture, tap
from truth import Told, exposition, flags_for, tests_of

RECORDINGS = ("airflow-2.7-plain", "airflow-2.7-influxdb",
              "airflow-2.11-plain", "airflow-2.11-influxdb", "airflow-2.11-dogstatsd",
              "airflow-3.3-plain", "airflow-3.3-influxdb", "airflow-3.3-dogstatsd")


def replay(name):
    """One recording sent from one socket, and what came of it."""
    with open(os.path.join(HERE, "data", name + ".truth.json")) as truth:
        known = json.load(truth)
    with Windsock(*flags_for(known["airflow"])) as w:
        w.send(*capture(name + ".capture"))
        return Told(known, exposition(w.get()[1]), w.get("/")[1])


tap([test for name in sys.argv[1:] or RECORDINGS
     for test in tests_of(name.replace("airflow-", ""), lambda name=name: replay(name))])
