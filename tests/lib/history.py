# SPDX-License-Identifier: Apache-2.0
"""An hour of monitoring in a few seconds: recordings of Airflow are played to windsock in the
order and at the times they have, windsock is scraped where Prometheus would scrape it, and a
real Prometheus gets the answers as blocks of its database."""
import os
import subprocess
import tempfile

import exposition
from prometheus import Prometheus

START = 1795503600 + 7  # any hour; and no scrape is at a full half minute, as queries are


class History:
    """What Prometheus would have scraped; times are seconds since START."""

    def __init__(self):
        self.home = tempfile.TemporaryDirectory(prefix="history")
        self.text = os.path.join(self.home.name, "text")
        self.out = open(self.text, "w")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.out.close()
        self.home.cleanup()

    def scrape(self, w, job, at, started=0, instance="windsock:9092"):
        labels = f'job="{job}",instance="{instance}"'
        for series, number in exposition.lines(w.get()[1] + "up 1\n"):
            name, _, own = series.rstrip("}").partition("{")
            if name == "process_start_time_seconds":
                number = START + started  # its clock is the machine's
            own = own and "," + own
            self.out.write(f"{name}{{{labels}{own}}} {number} {START + at}\n")

    def play(self, w, job, events, interval, until, started=0):
        """events: [(seconds, socket, datagram)], in order."""
        ready = iter(sorted(events, key=lambda event: event[0]))
        event = next(ready, None)
        for at in range(started, until + 1, interval):
            while event and event[0] <= at:
                w.socket = event[1]
                w.send_at_once(event[2])
                event = next(ready, None)
            w.settle()
            self.scrape(w, job, at, started)

    def prometheus(self, **settings):
        self.out.write("# EOF\n")
        self.out.flush()
        data = os.path.join(self.home.name, "data")
        done = subprocess.run(["promtool", "tsdb", "create-blocks-from", "openmetrics",
                               self.text, data], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        return Prometheus({}, data=data, **settings)
