# SPDX-License-Identifier: Apache-2.0
"""The host name that Airflow shall show in metric names (hostname_callable)."""


def name():
    """Return a name with a dot, as a fully qualified one has."""
    return "airflow-host.example"
