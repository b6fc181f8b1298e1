#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The HTTP door, with clients that behave and clients that do not."""
import contextlib
import gzip
import http.client
import os
import re
import socket
import struct
import tempfile
import threading
import time

from harness import Windsock, tap, wait_for

DEADLINE = 0.5
TIMEOUT = f"--web.timeout={int(DEADLINE * 1000)}ms"
OPENMETRICS = "application/openmetrics-text;version=1.0.0"
GET = b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
MAPPING = "[windsock]\nprefix =\n[r]\nmatch = s.<x>\nmetric = m\nas = counter\n"


@contextlib.contextmanager
def door(w, receive_buffer=None):
    """A connection; whatever becomes of it, it is closed at the end."""
    with socket.socket() as s:
        if receive_buffer is not None:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        s.settimeout(20)
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
    connection = http.client.HTTPConnection("127.0.0.1", w.http, timeout=20)
    try:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, headers=names)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def refused(w, reason="deadline"):
    return w.value(f'windsock_http_refused_total{{reason="{reason}"}}')


def descriptors(w):
    return len(os.listdir(f"/proc/{w.process.pid}/fd"))


def cpu_seconds(w):
    with open(f"/proc/{w.process.pid}/stat") as stat:
        user, system = stat.read().rsplit(")", 1)[1].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def received(w):
    """Datagrams so far, without a look at all series."""
    return int(re.search(r"Datagrams received</th><td class=\"n\">(\d+)", w.get("/")[1])[1])


@contextlib.contextmanager
def many_series(count, *flags):
    """A windsock with `count` series of some 90 bytes each: more than sockets buffer."""
    with tempfile.NamedTemporaryFile("w", suffix=".ini") as ini:
        ini.write(MAPPING)
        ini.flush()
        with Windsock("--statsd.mapping-config=" + ini.name, "--limits.series-per-family=0",
                      *flags) as w:
            w.descriptors = descriptors(w)
            lines = [f"s.{i:080}:1|c" for i in range(count)]
            for n in range(0, count, 700):
                w.socket.send("\n".join(lines[n:n + 700]).encode())
                w.sent += 1
                if w.sent % 4 == 0 or n + 700 >= count:
                    wait_for(lambda: received(w) == w.sent, "datagrams")
            assert w.value("windsock_series") == count
            yield w


def trickle(w, start, drop):
    """Sends a byte now and then; how long the connection lived, and what it was told."""
    begun = time.monotonic()
    with door(w) as s:
        s.sendall(start)
        s.settimeout(0.02)
        while time.monotonic() < begun + 10:
            try:
                return time.monotonic() - begun, s.recv(1000)
            except socket.timeout:
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    s.send(drop)
            except ConnectionResetError:
                return time.monotonic() - begun, b""
    raise AssertionError("a slow sender was never cut off")


def slow_senders_are_cut_off():
    requests = (b"GET /metrics HTTP/1.1\r\nX: ",
                b"",
                b"POST /-/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n")
    with Windsock(TIMEOUT) as w:
        for n, start in enumerate(requests, 1):
            lived, told = trickle(w, start, b"a")
            assert told == b"", (start, told)
            # Headers and body have a deadline each.
            assert DEADLINE * 0.2 < lived < 2 * DEADLINE + 1, (start, lived)
            assert refused(w) == n, start


def slow_reader_is_cut_off():
    with many_series(80000, "--web.timeout=1s") as w:
        with door(w, 4096) as s:
            s.sendall(GET % b"/metrics")
            assert s.recv(100).startswith(b"HTTP/1.1 200")
            busy = cpu_seconds(w)
            wait_for(lambda: descriptors(w) == w.descriptors, "the slow reader to be cut off", 5)
            assert cpu_seconds(w) - busy < 0.3, "waiting for a reader is no work"
            assert not read_all(s).endswith(b"\r\n0\r\n\r\n"), "what was cut looks whole"
        assert refused(w) == 1


def idle_connection_ends_without_a_complaint():
    with Windsock(TIMEOUT) as w:
        with door(w) as s:
            begun = time.monotonic()
            s.sendall(GET % b"/-/healthy")
            read_until(s, b"windsock is healthy\n")
            assert s.recv(1) == b""
            assert DEADLINE * 0.5 < time.monotonic() - begun < DEADLINE + 1
        assert refused(w) == 0
        with door(w) as s:
            assert s.recv(1) == b""
        assert refused(w) == 1, "one that never asked for anything is counted"


def connections_over_the_limit_wait_their_turn():
    with Windsock(TIMEOUT, "--web.max-connections=2") as w:
        begun = time.monotonic()
        with door(w) as a, door(w) as b:
            for s in (a, b):
                s.sendall(b"GET / HT")
            # The kernel takes the third one in; it is served when the first ones are cut off.
            assert w.get("/-/healthy") == (200, "windsock is healthy\n")
            assert DEADLINE * 0.5 < time.monotonic() - begun < DEADLINE + 0.6
        assert refused(w) == 2


def connection_is_used_again():
    with Windsock() as w:
        connection = http.client.HTTPConnection("127.0.0.1", w.http, timeout=20)
        connection.connect()
        own = connection.sock.getsockname()
        for path in ("/metrics", "/nothing", "/-/healthy", "/", "/-/reload", "/metrics"):
            connection.request("GET", path)
            connection.getresponse().read()
            assert connection.sock is not None and connection.sock.getsockname() == own, path
        connection.close()
        assert w.value("windsock_http_requests_total") == 7


def requests_in_one_packet_are_all_answered():
    with Windsock() as w:
        answers = ask(w, GET % b"/-/healthy" + GET % b"/none" + LAST % b"/-/ready")
        assert re.findall(rb"HTTP/1.1 (\d+)", answers) == [b"200", b"404", b"200"], answers


def client_may_go_away_at_any_time():
    reset = struct.pack("ii", 1, 0)  # close sends RST, so the server's next write fails
    with many_series(50000) as w:
        for length in (0, 1, 100, 100000):
            with door(w, 4096) as s:
                s.sendall(GET % b"/metrics")
                left = length
                while left > 0:
                    left -= len(s.recv(left))
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
        wait_for(lambda: descriptors(w) == w.descriptors, "their descriptors to be closed")
        assert w.stop() == 0


def methods():
    with Windsock() as w:
        for method, path, status, allow in (("POST", "/metrics", 405, "GET, HEAD"),
                                            ("DELETE", "/", 405, "GET, HEAD"),
                                            ("OPTIONS", "/metrics", 405, "GET, HEAD"),
                                            ("BREW", "/-/healthy", 405, "GET, HEAD"),
                                            ("GET", "/-/reload", 405, "POST, PUT"),
                                            ("HEAD", "/-/reload", 405, "POST, PUT"),
                                            ("POST", "/-/reload", 403, None),
                                            ("GET", "/metric", 404, None),
                                            ("GET", "/metrics/", 404, None),
                                            ("GET", "/metrics?x=y", 200, None)):
            got, headers, _ = head_and_body(w, path, method)
            assert (got, headers["Allow"]) == (status, allow), (method, path, got, headers)
        assert refused(w, "method_not_allowed") == 6
        assert refused(w, "not_found") == 2


def head_is_get_without_its_body():
    with Windsock() as w:
        for path in ("/metrics", "/", "/-/healthy", "/nothing"):
            status, headers, body = head_and_body(w, path)
            head_status, head, nothing = head_and_body(w, path, "HEAD")
            assert (head_status, nothing) == (status, b""), path
            assert head["Content-Type"] == headers["Content-Type"], path
            assert head["Content-Length"] == headers["Content-Length"], path
        answers = ask(w, b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n" + LAST % b"/-/ready")
        assert answers.endswith(b"\r\n\r\nwindsock is ready\n"), answers
        assert answers.count(b"\r\n\r\n") == 2, answers


def gzip_is_negotiated():
    own = re.compile(rb"^(windsock_|process_|#).*\n", re.M)
    with Windsock() as w:
        w.send("\n".join(f"airflow.ti.start.d.{i}:1|c" for i in range(1000)))
        plain = own.sub(b"", head_and_body(w)[2])
        assert plain.count(b"\n") >= 1000
        for accept, zipped in (("gzip", True), ("gzip;q=0.5, identity;q=0.1", True),
                               ("deflate, gzip;q=1.0, *;q=0.5", True), ("*", True),
                               ("gzip;q=0", False), ("identity, gzip;q=0.5", False),
                               ("deflate", False), ("gzip;q=junk", False), ("", False)):
            for path in ("/metrics", "/"):
                _, headers, body = head_and_body(w, path, Accept_Encoding=accept)
                assert (headers["Content-Encoding"] == "gzip") == zipped, (path, accept)
                text = gzip.decompress(body) if zipped else body
                if path == "/metrics":
                    assert headers["Vary"] == "Accept, Accept-Encoding"
                    assert own.sub(b"", text) == plain, accept
                else:
                    assert text.endswith(b"</html>\n"), accept
        _, headers, body = head_and_body(w, "/-/healthy", Accept_Encoding="gzip")
        assert headers["Content-Encoding"] is None, "small answers stay as they are"


def format_is_negotiated():
    with Windsock() as w:
        for accept, content_type, eof in (
                ("", "text/plain; version=0.0.4", False),
                ("*/*", "text/plain; version=0.0.4", False),
                (OPENMETRICS, "application/openmetrics-text; version=1.0.0", True),
                (OPENMETRICS + ";q=0.2,text/plain;version=0.0.4;q=0.5",
                 "text/plain; version=0.0.4", False),
                (OPENMETRICS + ";q=0.5,text/plain;version=0.0.4;q=0.2",
                 "application/openmetrics-text; version=1.0.0", True)):
            _, headers, body = head_and_body(w, Accept=accept)
            assert headers["Content-Type"].startswith(content_type), (accept, headers)
            assert body.endswith(b"\n# EOF\n") == eof, accept
            assert (b"# TYPE windsock_lines counter" in body) == eof, accept


def scrape_and_traffic_do_not_hinder_each_other():
    def send():
        for i in range(2000):
            w.socket.send(b"s.%080d:1|c\nextra:1|c" % i)
            if i % 50 == 49:
                time.sleep(0.001)  # pacing: far below what the receive buffer holds

    with many_series(200000, "--web.timeout=60s") as w:
        with door(w) as s:
            s.sendall(LAST % b"/metrics")
            got = s.recv(10)  # the answer is on its way, and stays so for want of a reader
            before = received(w)
            send()
            wait_for(lambda: received(w) == before + 2000, "datagrams sent during a scrape", 5)
            sender = threading.Thread(target=send)
            sender.start()
            begun = time.monotonic()
            got += read_all(s)
            took = time.monotonic() - begun
            sender.join()
        wait_for(lambda: received(w) == before + 4000, "datagrams sent during a scrape", 5)
        assert got.endswith(b"\r\n0\r\n\r\n"), "the scrape was cut"
        assert took < 5, took  # some 20 MB: a wait for each piece would be seen
        assert w.value("windsock_kernel_drops_total") == 0
        text = w.get()[1]
        assert len(re.findall(r"^m\{x=\"\d+\"\} [123]$", text, re.M)) == 200000
        assert re.search(r"^extra 4000$", text, re.M)


def malformed_requests_do_no_harm():
    with Windsock("--web.timeout=500ms") as w:
        w.descriptors = descriptors(w)
        for request, status in (
                (b"", b""),
                (b"\r\n\r\n", b""),
                (b"GET\r\n\r\n", b""),
                (b"\0" * 5000, b""),
                (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)), b""),
                (b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\n\r\n", b"414"),
                (b"GET / HTTP/1.1\r\nX: " + b"a" * 100000 + b"\r\n\r\n", b"431"),
                (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 20000 + b"\r\n", b"431"),
                (b"GET / HTTP/9.9\r\n\r\n", b""),
                (b"GET /%00metrics%zz%ff HTTP/1.0\r\n\r\n", b""),
                (b"GET ../../etc/passwd HTTP/1.0\r\n\r\n", b"404"),
                (b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", b"400"),
                (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                 b"400"),
                (b"GET /metrics HTTP/1.0\r\nAccept: " + b";,q=" * 2000 + b"\r\n\r\n", b"200"),
                (b"GET /metrics HTTP/1.0\r\nAccept-Encoding: ;;q==,\xff\xfe\r\n\r\n", b"200")):
            answer = ask(w, request)
            got = re.match(rb"HTTP/1.[01] (\d+)", answer)
            assert status in (b"", got and got[1]), (request[:60], answer[:60])
            assert w.get("/-/healthy")[0] == 200, request[:60]
        wait_for(lambda: descriptors(w) == w.descriptors, "all descriptors to be closed")
        assert w.stop() == 0


tap([slow_senders_are_cut_off, slow_reader_is_cut_off,
     idle_connection_ends_without_a_complaint, connections_over_the_limit_wait_their_turn,
     connection_is_used_again, requests_in_one_packet_are_all_answered,
     client_may_go_away_at_any_time, methods, head_is_get_without_its_body,
     gzip_is_negotiated, format_is_negotiated, scrape_and_traffic_do_not_hinder_each_other,
     malformed_requests_do_no_harm])
