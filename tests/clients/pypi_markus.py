# SPDX-License-Identifier: Apache-2.0
"""markus of PyPI over both of its network backends.  usage: HOST PORT PREFIX sampled"""
import sys

import markus

host, port, prefix = sys.argv[1], int(sys.argv[2]), sys.argv[3]
markus.configure([
    {"class": "markus.backends.statsd.StatsdMetrics",
     "options": {"statsd_host": host, "statsd_port": port, "statsd_prefix": prefix}},
    {"class": "markus.backends.datadog.DatadogMetrics",
     "options": {"statsd_host": host, "statsd_port": port, "statsd_namespace": prefix + ".dd"}},
])
client = markus.get_metrics()
client.incr("jobs", 7)
client.gauge("slots", 5)
client.timing("load", 250)
client.timing("load", 750.5)
client.histogram("size", 12, tags=["dag:a"])
