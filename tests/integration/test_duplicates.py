# SPDX-License-Identifier: Apache-2.0
"""One event under two names counts once, whoever sends it and in whatever mode."""
import itertools
import signal
import socket

import exposition
from harness import PATIENCE, Windsock, capture

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


def test_each_mode_alone():
    for mode in (PLAIN, INFLUX, DOGSTATSD, TAGS_ALONE, OLD):
        with Windsock() as w:
            sender = Sender(w)
            for _ in range(3):
                sender.send(*mode)
            w.settle()
            got = w.value(STARTS)
            assert got == 3, (mode, got, w.get()[1])


def test_the_order_of_the_two_lines_does_not_matter():
    for mode in (PLAIN, INFLUX, DOGSTATSD):
        with Windsock() as w:
            sender = Sender(w)
            for _ in range(3):
                sender.send(*reversed(mode))
            w.settle()
            assert w.value(STARTS) == 3, (mode, w.get()[1])


def test_several_senders_in_different_modes():
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
            return exposition.total(text, "windsock_" + name)
        assert total("samples_total") == total("samples_applied_total") + total("dropped_total")


def test_two_airflows_at_once_count_twice():
    """Two recordings, in turns, from a socket each: each run counts once for each."""
    names = ("airflow-2.11-plain", "airflow-3.3-influxdb")
    with Windsock() as w:
        senders = [(Sender(w), capture(name)) for name in names]
        turns = itertools.zip_longest(*(datagrams for _, datagrams in senders))
        for i, turn in enumerate(turns):
            for (sender, _), datagram in zip(senders, turn):
                if datagram is not None:
                    sender.send(datagram)
            if i % 100 == 99:
                w.receive()
        w.settle()
        assert exposition.total(w.get()[1], "airflow_dag_status_count") == 2 * 13


def test_what_waits_is_counted_when_windsock_stops():
    with Windsock() as w:
        w.pause()
        Sender(w).send(*OLD)  # read, and still waiting, when the signal is
        w.process.send_signal(signal.SIGTERM)
        w.go_on()
        assert w.process.wait(PATIENCE) == 0
        assert "; 1 samples were applied" in w.logged(), w.logged()
