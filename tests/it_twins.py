#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One event under two names counts once, whoever sends it and in whatever mode."""
import itertools
import re
import socket

from harness import Windsock, capture, tap, wait_for

PLAIN = ["airflow.ti.start.d.t:1|c", "airflow.ti.start:1|c"]
INFLUX = ["airflow.ti.start.d.t:1|c", "airflow.ti.start,dag_id=d,task_id=t:1|c"]
DOGSTATSD = ["airflow.ti.start.d.t:1|c|#env:x\n", "airflow.ti.start:1|c|#dag_id:d,task_id:t\n"]
TAGS_ALONE = ["airflow.ti.start,dag_id=d,task_id=t:1|c"]
OLD = ["airflow.ti.start.d.t:1|c"]
STARTS = 'airflow_ti_start_total{dag_id="d",task_id="t"}'


class Sender:
    """A process that sends: a socket of its own."""

    def __init__(self, w):
        self.w = w
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect(("127.0.0.1", w.udp))

    def send(self, *datagrams):
        for d in datagrams:
            self.socket.send(d if isinstance(d, bytes) else d.encode())
            self.w.sent += 1


def each_mode_alone():
    for mode in (PLAIN, INFLUX, DOGSTATSD, TAGS_ALONE, OLD):
        with Windsock() as w:
            sender = Sender(w)
            for _ in range(3):
                sender.send(*mode)
            w.settle()
            got = w.value(STARTS)
            assert got == 3, (mode, got, w.get()[1])


def the_order_of_the_two_lines_does_not_matter():
    for mode in (PLAIN, INFLUX, DOGSTATSD):
        with Windsock() as w:
            sender = Sender(w)
            for _ in range(3):
                sender.send(*reversed(mode))
            w.settle()
            assert w.value(STARTS) == 3, mode


def several_senders_in_different_modes():
    modes = [PLAIN, INFLUX, DOGSTATSD, TAGS_ALONE, OLD]
    with Windsock("--statsd.workers=2") as w:
        senders = [(Sender(w), mode) for mode in modes for _ in range(4)]
        for _ in range(5):
            for sender, mode in senders:
                sender.send(*mode)
        w.settle()
        assert w.value(STARTS) == 5 * len(senders), w.value(STARTS)
        text = w.get()[1]

        def total(name):
            return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
                       if re.match(name + r"[{ ]", line))
        assert total("windsock_samples_total") == \
            total("windsock_samples_applied_total") + total("windsock_dropped_total")


def two_airflows_at_once_count_twice():
    """Two recordings, in turns, from a socket each: each run counts once for each."""
    names = ("airflow-2.11-plain", "airflow-3.3-influxdb")
    with Windsock() as w:
        senders = [(Sender(w), capture(name + ".capture")) for name in names]
        turns = itertools.zip_longest(*(datagrams for _, datagrams in senders))
        for i, turn in enumerate(turns):
            for (sender, _), datagram in zip(senders, turn):
                if datagram is not None:
                    sender.send(datagram)
            if i % 100 == 99:
                w.receive()
        w.settle()
        text = w.get()[1]
        total = sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
                    if line.startswith("airflow_dag_status_count{"))
        assert total == 2 * 13, total


def what_waits_is_counted_when_windsock_stops():
    with Windsock() as w:
        Sender(w).send(*OLD)
        wait_for(lambda: w.value("windsock_waiting_samples") == 4, "the sample")
        assert w.stop() == 0
        assert "; 1 samples were applied" in w.logged(), w.logged()


tap([each_mode_alone, the_order_of_the_two_lines_does_not_matter,
     several_senders_in_different_modes, two_airflows_at_once_count_twice,
     what_waits_is_counted_when_windsock_stops])
