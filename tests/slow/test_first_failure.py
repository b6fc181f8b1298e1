# SPDX-License-Identifier: Apache-2.0
"""The alert for a DAG's first failure: by promtool, and by a real Prometheus while recordings
are replayed with their own timing."""
import contextlib
import datetime
import glob
import os
import re
import subprocess
import tempfile
import threading
import time

from harness import DATA, Windsock, read, recording, wait_for
from prometheus import Prometheus

RULES = os.path.join(DATA, "first_failure.rules.yml")
RECORDINGS = sorted(os.path.basename(path)[:-len(".capture")]
                    for path in glob.glob(os.path.join(DATA, "*.capture")))
PLAIN = "airflow-2.11-plain"
DAG = "always_fails"


def test_rules_as_promtool_sees_them():
    done = subprocess.run(["promtool", "test", "rules", "first_failure.tests.yml"], timeout=60,
                          cwd=DATA, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


class Replay(threading.Thread):
    """Sends what came before the DAG's first sign at once, then all in its own time, until a
    moment after the failure."""

    def __init__(self, name, w):
        super().__init__()
        self.w = w
        self.datagrams = recording(name)
        self.first = next(at for at, d in self.datagrams if DAG.encode() in d)
        self.event = next(at for at, d in self.datagrams if b"dagrun.duration.failed" in d)
        self.failed = None  # the same by the wall clock

    def run(self):
        begun = time.monotonic() - self.first + 0.2
        for at, datagram in self.datagrams:
            if at > self.event + 0.5:
                break
            time.sleep(max(0.0, begun + at - time.monotonic()))
            self.w.send_at_once(datagram)
            if at == self.event:
                self.failed = time.time()


def without_initialize(path):
    text, n = re.subn(r"^initialize .*\n(?:[ \t]+\S.*\n)*", "", read("mappings", "airflow.ini"),
                      flags=re.M)
    assert n > 1, n
    with open(path, "w") as out:
        out.write(text)


def alerts(prometheus):
    return {(a["labels"]["alertname"], a["labels"]["job"]):
            datetime.datetime.fromisoformat(a["activeAt"][:26].rstrip("Z") + "+00:00").timestamp()
            for a in prometheus.api("alerts")["alerts"]
            if a["state"] == "firing" and a["labels"]["dag_id"] == DAG}


def test_recordings_by_a_real_prometheus():
    with contextlib.ExitStack() as stack:
        home = stack.enter_context(tempfile.TemporaryDirectory())
        bare = os.path.join(home, "without-initialize.ini")
        without_initialize(bare)
        replays = {name: Replay(name, stack.enter_context(Windsock())) for name in RECORDINGS}
        # What would be without it: no alert.
        replays["without initialize"] = Replay(PLAIN, stack.enter_context(
            Windsock("--statsd.mapping-config=" + bare)))
        prometheus = stack.enter_context(
            Prometheus({job: r.w.http for job, r in replays.items()}, [RULES]))
        for replay in replays.values():
            replay.start()
        for replay in replays.values():
            replay.join()
        want = {("DagFailed", job) for job in RECORDINGS} | \
               {("DagFailedOrNew", job) for job in replays}
        wait_for(lambda: want <= set(alerts(prometheus)), "the alerts")
        fired = alerts(prometheus)
        assert set(fired) == want, fired
        for job in RECORDINGS:
            print(f"{job}: seen {replays[job].event - replays[job].first:.1f} s before it "
                  f"failed, alert {fired['DagFailed', job] - replays[job].failed:.1f} s after")
