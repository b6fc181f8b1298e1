# SPDX-License-Identifier: Apache-2.0
"""Clients of the HTTP door, byte by byte."""
import contextlib
import http.client
import socket

from harness import PATIENCE, Windsock, ini

GET = b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
MAPPING = "[windsock]\nprefix =\n[r]\nmatch = s.<x>\nmetric = m\nas = counter\n"


@contextlib.contextmanager
def door(w, receive_buffer=None):
    """A connection; whatever becomes of it, it is closed at the end."""
    with socket.socket() as s:
        if receive_buffer is not None:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        s.settimeout(PATIENCE)
        s.connect(("127.0.0.1", w.http))
        yield s


def read_all(s):
    """Until the other side ends it; how it ends it makes no difference."""
    parts = []
    try:
        while part := s.recv(1 << 20):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


def read_until(s, ending):
    got = b""
    while not got.endswith(ending):
        part = s.recv(1000)
        assert part, got
        got += part
    return got


def ask(w, request):
    """The answer to raw bytes, after which nothing more is sent."""
    with door(w) as s:
        with contextlib.suppress(OSError):  # it may answer, and close, before it has all
            s.sendall(request)
            s.shutdown(socket.SHUT_WR)
        return read_all(s)


def head_and_body(w, path="/metrics", method="GET", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", w.http, timeout=PATIENCE)
    try:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, headers=names)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def refused(w, reason="deadline"):
    return w.value(f'windsock_http_refused_total{{reason="{reason}"}}')


@contextlib.contextmanager
def many_series(count, *flags):
    """A windsock with `count` series of some 90 bytes each: more than sockets buffer."""
    with ini(MAPPING) as mapping, \
            Windsock(mapping.flag, "--limits.series-per-family=0", *flags) as w:
        before = w.descriptors()
        lines = [f"s.{i:080}:1|c" for i in range(count)]
        for n in range(0, count, 700):
            w.socket.send("\n".join(lines[n:n + 700]).encode())
            w.sent += 1
            if w.sent % 4 == 0 or n + 700 >= count:
                w.receive()
        assert w.front("Series") == count
        yield w, before
