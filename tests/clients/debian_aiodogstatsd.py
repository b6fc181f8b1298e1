# SPDX-License-Identifier: Apache-2.0
"""python3-aiodogstatsd.  usage: HOST PORT PREFIX sampled"""
import asyncio
import sys

import aiodogstatsd


async def main():
    async with aiodogstatsd.Client(host=sys.argv[1], port=int(sys.argv[2]), namespace=sys.argv[3],
                                   constant_tags={"env": "prod"}) as client:
        client.increment("jobs", value=3, tags={"dag": "a"})
        client.increment("jobs", value=4, tags={"dag": "a"})
        client.gauge("slots", value=5)
        client.timing("load", value=250)
        client.timing("load", value=750.5)
        client.histogram("size", value=12)
        client.distribution("spread", value=3)
        for _ in range(200):
            client.increment("sampled", sample_rate=0.5)


asyncio.run(main())
