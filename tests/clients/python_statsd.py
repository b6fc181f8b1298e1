# SPDX-License-Identifier: Apache-2.0
"""python3-statsd, which Airflow itself uses.  usage: HOST PORT PREFIX [sampled]"""
import sys

import statsd

client = statsd.StatsClient(sys.argv[1], int(sys.argv[2]), prefix=sys.argv[3])
client.incr("jobs", 3)
client.incr("jobs", 4)
client.gauge("slots", 7)
client.gauge("slots", 3, delta=True)
client.gauge("slots", -5, delta=True)
client.timing("load", 250)
client.timing("load", 750.5)
for name in ("anna", "bob", "anna"):
    client.set("users", name)
with client.pipeline() as packed:
    packed.incr("packed", 5)
    packed.gauge("level", 1.5)
    packed.incr("packed", 6)
# Below zero: the client packs a 0 before it.
client.gauge("negative", -4)
if "sampled" in sys.argv:
    for _ in range(200):
        client.incr("sampled", rate=0.5)
        client.timing("slow", 100, rate=0.25)
