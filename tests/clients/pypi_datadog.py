# SPDX-License-Identifier: Apache-2.0
"""datadog of PyPI.  usage: HOST PORT PREFIX sampled"""
import os
import sys

os.environ.update(DD_EXTERNAL_ENV="it-false,cn-app,pu-1234")

from datadog.dogstatsd import DogStatsd  # noqa: E402 # it reads the environment

client = DogStatsd(host=sys.argv[1], port=int(sys.argv[2]), namespace=sys.argv[3],
                   constant_tags=["env:prod"], container_id="83c0a99c", cardinality="low",
                   disable_buffering=False, telemetry_min_flush_interval=0)
client.increment("jobs", 3, tags=["dag:a"])
client.increment("jobs", 4, tags=["dag:a"])
client.gauge("slots", 7)
client.gauge("slots", 5)
client.timing("load", 250)
client.timing("load", 750.5)
client.histogram("size", 12, tags=["when:12:30"])
client.distribution("spread", 3)
for name in ("anna", "bob", "anna"):
    client.set("users", name)
client.gauge_with_timestamp("past", 2, 1656581400)
client.count_with_timestamp("past_jobs", 6, 1656581400)
client.event("deployed", "a text\nof two lines", tags=["dag:a"])
client.service_check("db.up", client.OK, message="well")
for _ in range(200):
    client.increment("sampled", sample_rate=0.5)
    client.timing("slow", 100, sample_rate=0.25)
client.flush()
client.stop()
