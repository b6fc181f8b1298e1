# SPDX-License-Identifier: Apache-2.0
"""datadog of PyPI, adding up by itself.
usage: HOST PORT PREFIX sampled"""
import sys

from datadog.dogstatsd import DogStatsd

client = DogStatsd(host=sys.argv[1], port=int(sys.argv[2]), namespace=sys.argv[3],
                   disable_buffering=False, disable_aggregation=False,
                   max_metric_samples_per_context=32)
for _ in range(7):
    client.increment("jobs")
for level in (7, 6, 5):
    client.gauge("slots", level)
for value in (250, 750.5):
    client.timing("load", value)
for value in range(10):
    client.histogram("size", value, tags=["dag:a"])
for value in range(10):
    client.distribution("spread", value)
for name in ("anna", "bob", "anna"):
    client.set("users", name)
client.flush()
client.stop()
