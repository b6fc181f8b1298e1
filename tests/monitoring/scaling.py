#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What Prometheus needs on disk for windsock's series: two hours of an Airflow that is busy, scraped
at several intervals, as a block of a real Prometheus; compared with docs/scaling.md."""
import glob
import json
import os
import re
import subprocess
import sys

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)
from harness import Windsock, tap  # noqa: E402
from history import History, timed  # noqa: E402

RECORDING = "airflow-2.11-plain"
INTERVALS = (15, 30, 60)
HOUR = 3600  # to the next full two hours, where a block begins


def played(histories):
    """The recording again and again for two hours; each history is scraped at its interval."""
    events = timed(RECORDING)
    length = events[-1][0] + 1
    with Windsock("--airflow.version=2.11") as w:
        again, ready = 0, iter(events)
        event = next(ready)
        for at in range(0, 2 * HOUR - 15, min(INTERVALS)):
            while again * length + event[0] <= at:
                w.send_at_once(event[1])
                event = next(ready, None)
                if event is None:
                    again, ready = again + 1, iter(events)
                    event = next(ready)
            w.settle()
            for interval, history in histories.items():
                if at % interval == 0:
                    history.scrape(w, "airflow-exporter", HOUR + at)


def block(history):
    """Series, samples, bytes of chunks and of all, of the blocks that promtool makes."""
    history.out.write("# EOF\n")
    history.out.flush()
    data = os.path.join(history.home.name, "data")
    subprocess.run(["promtool", "tsdb", "create-blocks-from", "openmetrics", history.text, data],
                   check=True, capture_output=True, timeout=120)
    metas = [json.load(open(path)) for path in glob.glob(data + "/*/meta.json")]
    assert len(metas) == 1, metas
    stats = metas[0]["stats"]
    chunks = sum(map(os.path.getsize, glob.glob(data + "/*/chunks/*")))
    return stats["numSeries"], stats["numSamples"], chunks, \
        chunks + sum(map(os.path.getsize, glob.glob(data + "/*/index")))


def bytes_of_a_sample():
    histories = {interval: History() for interval in INTERVALS}
    played(histories)
    with open(os.path.join(TESTS, "../docs/scaling.md"), encoding="utf-8") as page:
        told = {int(i): (float(c), float(a)) for i, c, a in re.findall(
            r"^\| (\d+) s \|.*\| (\d+\.\d+) \| (\d+\.\d+) \|$", page.read(), re.M)}
    assert set(told) == set(INTERVALS), told
    for interval, history in histories.items():
        with history:
            series, samples, chunks, whole = block(history)
        got = chunks / samples, whole / samples
        print(f"# {interval} s: {series} series, {samples} samples, "
              f"{got[0]:.2f} bytes each, with the index {got[1]:.2f}")
        for value, want in zip(got, told[interval]):
            assert 0.75 * want <= value <= 1.25 * want, (interval, value, want)


if __name__ == "__main__":
    tap([bytes_of_a_sample])
