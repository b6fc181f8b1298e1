# SPDX-License-Identifier: Apache-2.0
"""The HTTP door and clients that are slow.  How long a deadline is, a busy machine cannot say:
that all of these are cut off, and not at once, it can."""
import concurrent.futures as futures
import contextlib
import os
import socket
import time

import pytest

from harness import PATIENCE, Windsock, wait_for
from web import GET, LAST, door, many_series, read_all, read_until, refused

# Long enough for whoever does not dawdle, with every core busy.
DEADLINE = 4
TIMEOUT = f"--web.timeout={DEADLINE}s"
NONE = "--web.timeout=1h"
SLOW = (b"GET /metrics HTTP/1.1\r\nX: ", b"",
        b"POST /-/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n")


def cpu_seconds(w):
    user, system = w.stat()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def trickle(w, start, drop):
    """Sends a byte now and then; how long the connection lived, and what it was told."""
    begun = time.monotonic()
    with door(w) as s:
        s.sendall(start)
        s.settimeout(0.02)
        while time.monotonic() < begun + PATIENCE:
            try:
                return time.monotonic() - begun, s.recv(1000)
            except socket.timeout:
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    s.send(drop)
            except ConnectionResetError:
                return time.monotonic() - begun, b""
    raise AssertionError("a slow sender was never cut off")


def test_slow_senders_are_cut_off():
    with Windsock(TIMEOUT) as w, futures.ThreadPoolExecutor(len(SLOW)) as pool:
        ends = list(pool.map(lambda start: trickle(w, start, b"a"), SLOW))
        for start, (lived, told) in zip(SLOW, ends):
            assert told == b"" and lived > DEADLINE * 0.2, (start, told, lived)
        assert refused(w) == len(SLOW)


def test_slow_sender_has_until_the_deadline():
    with Windsock(NONE) as w, door(w) as s:
        for byte in LAST % b"/-/healthy":
            s.sendall(bytes([byte]))
            time.sleep(0.01)
        answer = read_all(s)
        assert answer.endswith(b"windsock is healthy\n"), answer
        assert refused(w) == 0


def test_slow_reader_is_cut_off():
    with many_series(80000, TIMEOUT) as (w, before):
        with door(w, 4096) as s:
            s.sendall(GET % b"/metrics")
            got = s.recv(100)
            assert got.startswith(b"HTTP/1.1 200"), got
            busy = cpu_seconds(w)
            wait_for(lambda: w.descriptors() == before, "the slow reader to be cut off")
            busy = cpu_seconds(w) - busy
            assert busy < 0.3, f"{busy} s of work to wait for a reader"
            assert not read_all(s).endswith(b"\r\n0\r\n\r\n"), "what was cut looks whole"
        assert refused(w) == 1


def test_idle_connection_ends_without_a_complaint():
    with Windsock(TIMEOUT) as w:
        with door(w) as s:
            begun = time.monotonic()
            s.sendall(GET % b"/-/healthy")
            read_until(s, b"windsock is healthy\n")
            assert s.recv(1) == b""
            lived = time.monotonic() - begun
            assert lived > DEADLINE * 0.5, lived
        assert refused(w) == 0
        with door(w) as s:
            assert s.recv(1) == b""
        assert refused(w) == 1, "one that never asked for anything is counted"


def test_connections_over_the_limit_wait_their_turn():
    with Windsock(NONE, "--web.max-connections=2") as w, \
            door(w) as first, door(w) as second, door(w) as third:
        for s in (first, second):
            s.sendall(b"GET / HT")
        # The kernel takes the third one in; it is served when there is room.
        third.sendall(LAST % b"/-/healthy")
        third.settimeout(0.3)
        with pytest.raises(socket.timeout):
            third.recv(1)
        third.settimeout(PATIENCE)
        first.close()
        answer = read_all(third)
        assert answer.endswith(b"windsock is healthy\n"), answer


def test_connections_that_are_cut_off_make_room():
    with Windsock(TIMEOUT, "--web.max-connections=2") as w:
        with door(w) as first, door(w) as second:
            for s in (first, second):
                s.sendall(b"GET / HT")
            assert w.get("/-/healthy") == (200, "windsock is healthy\n")
            # Not we have ended them.
            assert (read_all(first), read_all(second)) == (b"", b"")
        assert refused(w) == 2
