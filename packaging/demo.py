#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""demo.py WINDSOCK RECORDING: windsock on its defaults, real Airflow traffic replayed into it."""
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request

SHOWN = re.compile(r"airflow_(dag_status_count|task_status_count|pool_open_slots|scheduler_heartbeat|"
                   r"dagrun_duration_seconds_sum)\b.* (?!0$)")


def get(path):
    with urllib.request.urlopen("http://localhost:9092" + path, timeout=60) as answer:
        return answer.read().decode()


def wait_until_ready(windsock):
    while windsock.poll() is None:
        try:
            return get("/-/ready")
        except OSError:
            time.sleep(0.1)
    sys.exit(1)


def replay(recording):
    """Each line is a time and a datagram, written with C's escapes."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out, open(recording, "rb") as lines:
        datagrams = [line.rstrip(b"\n").split(b" ", 1)[1] for line in lines if line[:1] != b"#"]
        for n, datagram in enumerate(datagrams):
            out.sendto(datagram.decode("unicode_escape").encode("latin-1"), ("127.0.0.1", 8125))
            if n % 100 == 0:
                time.sleep(0.01)  # the receive buffer does not hold all
    print(len(datagrams), "datagrams sent\n")


def main(program, recording):
    # The recording is of 2.11, some of whose timers are in seconds.
    windsock = subprocess.Popen([program, "--airflow.version=2.11"])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        wait_until_ready(windsock)
        replay(recording)
        print(*[line for line in get("/metrics").split("\n") if SHOWN.match(line)][:25], sep="\n")
        print("\nhttp://localhost:9092/          state at a glance\n"
              "http://localhost:9092/metrics   for Prometheus\n"
              "Ctrl-C ends the demo.", flush=True)
        windsock.wait()
    except KeyboardInterrupt:
        pass
    finally:
        windsock.terminate()
        windsock.wait()


main(*sys.argv[1:])
