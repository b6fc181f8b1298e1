# SPDX-License-Identifier: Apache-2.0
"""Recordings of real Airflow against what Airflow's own database says of the same runs."""
import pytest

from harness import Windsock, capture, truth
from truth import CHECKS, Told, flags_for, scraped

RECORDINGS = ("airflow-2.7-plain", "airflow-2.7-influxdb",
              "airflow-2.11-plain", "airflow-2.11-influxdb", "airflow-2.11-dogstatsd",
              "airflow-3.3-plain", "airflow-3.3-influxdb", "airflow-3.3-dogstatsd")


@pytest.fixture(scope="module", params=RECORDINGS)
def told(request):
    """One recording sent from one socket, and what came of it."""
    known = truth(request.param)
    with Windsock(*flags_for(known["airflow"])) as w:
        w.send(*capture(request.param))
        return Told(known, *scraped(w))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_truth(told, check):
    check(told)
