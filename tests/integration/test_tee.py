# SPDX-License-Identifier: Apache-2.0
"""packaging/tools/tee.py: windsock beside another daemon, which gets what it got before."""
import contextlib
import os
import re
import socket
import subprocess
import sys

import pytest

from harness import PATIENCE, ROOT, Windsock, capture, wait_for

TEE = os.path.join(ROOT, "packaging", "tools", "tee.py")
SOME = capture("airflow-2.11-plain")[:300] + [b"a:1|c\nb:1|c\n", b"\xff", b"x" * 8000]


@contextlib.contextmanager
def tee(*flags):
    """A tee.py that runs, and what it says first."""
    process = subprocess.Popen([sys.executable, TEE, *flags], stdout=subprocess.PIPE, text=True)
    try:
        yield process.stdout.readline()
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


class Other:
    """The daemon that was there before."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(PATIENCE)
        self.port = self.socket.getsockname()[1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


def goes_to_both(w, other, port):
    """One by one from two senders; both get all, unchanged."""
    with contextlib.ExitStack() as stack:
        senders = [stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                   for _ in range(2)]
        ways = set()
        for i, datagram in enumerate(SOME):
            senders[i % 2].sendto(datagram, ("127.0.0.1", port))
            got, way = other.socket.recvfrom(65536)
            assert got == datagram
            ways.add(way)
        assert len(ways) == 2, ways
    w.sent += len(SOME)
    w.settle()
    assert w.value("windsock_bytes_total") == sum(map(len, SOME))


def test_a_port_between():
    with Windsock() as w, Other() as other, \
            tee("--listen", "127.0.0.1:0", "--to", f"127.0.0.1:{w.udp}",
                "--to", f"127.0.0.1:{other.port}") as said:
        goes_to_both(w, other, int(re.search(r":(\d+)$", said)[1]))


def test_a_port_that_is_watched():
    with Windsock() as w, Other() as other, \
            tee("--watch", str(other.port), "--to", f"127.0.0.1:{w.udp}") as said:
        if said == "" and os.geteuid() != 0:
            pytest.skip("--watch needs CAP_NET_RAW")
        assert said.startswith("watching"), said
        goes_to_both(w, other, other.port)


def test_a_target_that_is_away():
    with Other() as gone:
        away = gone.port
    with Windsock() as w, tee("--listen", "127.0.0.1:0", "--to", f"127.0.0.1:{away}",
                              "--to", f"127.0.0.1:{w.udp}") as said, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for _ in range(10):
            s.sendto(b"a:1|c", ("127.0.0.1", int(re.search(r":(\d+)$", said)[1])))
        wait_for(lambda: w.value("a") == 10, "the datagrams")
