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

LINES = 25
SHOWN = re.compile(r"airflow_(dag_status_count|task_status_count|pool_open_slots|scheduler_heartbeat|"
                   r"dagrun_duration_seconds_sum)\b.* (?!0$)")


def get(path):
    with urllib.request.urlopen("http://localhost:9092" + path, timeout=60) as answer:
        return answer.read().decode()


def must_be_free():
    """Whatever else answers there would get the made-up traffic."""
    for kind, port in ((socket.SOCK_DGRAM, 8125), (socket.SOCK_STREAM, 9092)):
        with socket.socket(socket.AF_INET, kind) as s:
            try:
                if kind == socket.SOCK_STREAM:
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                s.bind(("127.0.0.1", port))
            except OSError as error:
                sys.exit(f"demo: port {port} is in use ({error.strerror}); stop what uses it first. "
                         f"Find it with: ss -lnp 'sport = :{port}'")


def wait_until_ready(windsock):
    while windsock.poll() is None:
        try:
            return get("/-/ready")
        except OSError:
            time.sleep(0.1)
    sys.exit(1)


def show(lines):
    """Some of each family, the DAG with a dot in its id first."""
    lines.sort(key=lambda line: 'dag_id="team.sales"' not in line)
    families = {}
    for line in lines:
        families.setdefault(line.split("{")[0], []).append(line)
    shown = [line for family in families.values() for line in family[:LINES // len(families)]]
    print(*shown, f"\n{len(shown)} of {len(lines)} series of these families", sep="\n")


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
    must_be_free()
    # The recording is of 2.11, some of whose timers are in seconds.
    windsock = subprocess.Popen([program, "--airflow.version=2.11"])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        wait_until_ready(windsock)
        replay(recording)
        show([line for line in get("/metrics").split("\n") if SHOWN.match(line)])
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
