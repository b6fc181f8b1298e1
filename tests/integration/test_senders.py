# SPDX-License-Identifier: Apache-2.0
"""Several senders: the last value, or a series for each."""
import socket

from harness import Windsock, ini

SLOTS = "airflow.executor.open_slots:%d|g"


def send_from(w, address, *datagrams):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind((address, 0))
        s.connect(("127.0.0.1", w.udp))
        for d in datagrams:
            s.send(d.encode())
            w.sent += 1
    w.settle()


def test_the_last_one_wins_unless_asked():
    with Windsock() as w:
        send_from(w, "127.0.0.1", SLOTS % 3)
        send_from(w, "127.0.0.2", SLOTS % 5)
        assert w.value("airflow_executor_open_slots") == 5


def test_a_series_for_each_sender():
    with Windsock("--statsd.sender-label=scheduler") as w:
        send_from(w, "127.0.0.1", SLOTS % 3, "airflow.own:1|c")
        send_from(w, "127.0.0.2", SLOTS % 5, "airflow.own:1|c")
        send_from(w, "127.0.0.1", SLOTS % 4)  # from another port: the same sender
        for address, slots in (("127.0.0.1", 4), ("127.0.0.2", 5)):
            label = '{scheduler="%s"}' % address
            assert w.value("airflow_executor_open_slots" + label) == slots
            assert w.value("airflow_own" + label) == 1


def test_by_rule_and_by_prefix():
    text = ("[windsock]\nprefix = airflow.<instance>\nadd_labels = instance\n"
            "[slots]\nmatch = executor.open_slots\nmetric = slots\nlabels = scheduler=<sender>\n"
            "[heartbeat]\nmatch = beat\nmetric = beats\nlabels =\n")
    with ini(text) as mapping, Windsock(mapping.flag) as w:
        for address, slots in (("127.0.0.1", 3), ("127.0.0.2", 5)):
            send_from(w, address, "airflow.eu.executor.open_slots:%d|g" % slots,
                      "airflow.eu.beat:1|c")
        assert w.value('slots{instance="eu",scheduler="127.0.0.1"}') == 3
        assert w.value('slots{instance="eu",scheduler="127.0.0.2"}') == 5
        assert w.value('beats{instance="eu"}') == 2
