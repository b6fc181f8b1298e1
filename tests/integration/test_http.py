# SPDX-License-Identifier: Apache-2.0
"""The HTTP door, with clients that behave and clients that do not."""
import gzip
import http.client
import re
import socket
import struct
import threading
import time

import exposition
from harness import PATIENCE, Windsock, wait_for
from web import GET, LAST, ask, door, head_and_body, many_series, read_all, refused

OPENMETRICS = "application/openmetrics-text;version=1.0.0"


def test_connection_is_used_again():
    with Windsock("--web.timeout=1h") as w:
        connection = http.client.HTTPConnection("127.0.0.1", w.http, timeout=PATIENCE)
        connection.connect()
        own = connection.sock.getsockname()
        for path in ("/metrics", "/nothing", "/-/healthy", "/", "/-/reload", "/metrics"):
            connection.request("GET", path)
            connection.getresponse().read()
            assert connection.sock is not None and connection.sock.getsockname() == own, path
        connection.close()
        assert w.value("windsock_http_requests_total") == 7


def test_requests_in_one_packet_are_all_answered():
    with Windsock() as w:
        answers = ask(w, GET % b"/-/healthy" + GET % b"/none" + LAST % b"/-/ready")
        assert re.findall(rb"HTTP/1.1 (\d+)", answers) == [b"200", b"404", b"200"], answers


def test_client_may_go_away_at_any_time():
    reset = struct.pack("ii", 1, 0)  # close sends RST, so the server's next write fails
    with many_series(50000) as (w, before):
        for length in (0, 1, 100, 100000):
            with door(w, 4096) as s:
                s.sendall(GET % b"/metrics")
                left = length
                while left > 0:
                    left -= len(s.recv(left))
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
        wait_for(lambda: w.descriptors() == before, "their descriptors to be closed")
        assert w.stop() == 0


def test_methods():
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


def test_head_is_get_without_its_body():
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


def test_gzip_is_negotiated():
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


def test_format_is_negotiated():
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


def test_scrape_and_traffic_do_not_hinder_each_other():
    ended = threading.Event()

    def send(batches):
        """Never more at once than the receive buffer holds."""
        for _ in batches:
            for i in range(50):
                w.socket.send(b"s.%080d:1|c\nextra:1|c" % i)
            w.sent += 50
            w.receive()

    with many_series(200000, "--web.timeout=1h") as (w, _):
        before = w.sent
        with door(w) as s:
            s.sendall(LAST % b"/metrics")
            got = s.recv(10)  # the answer is on its way, and stays so for want of a reader
            send(range(40))
            # Traffic that ends when the scrape has.
            sender = threading.Thread(target=send, args=(iter(lambda: ended.is_set(), True),))
            sender.start()
            begun = time.monotonic()
            got += read_all(s)
            took = time.monotonic() - begun
            ended.set()
            sender.join()
        assert got.endswith(b"\r\n0\r\n\r\n"), "the scrape was cut"
        assert took < PATIENCE, took  # some 20 MB: a wait for each piece would be seen
        found = exposition.values(w.get()[1])
        assert found["windsock_kernel_drops_total"] == 0
        counts = [value for series, value in found.items() if series.startswith('m{x="')]
        sent = w.sent - before
        assert sent > 2000 and found["extra"] == sent, (sent, found["extra"])
        assert len(counts) == 200000 and sum(counts) == 200000 + sent, (len(counts), sum(counts), sent)


def test_malformed_requests_do_no_harm():
    with Windsock("--web.timeout=4s") as w:
        before = w.descriptors()
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
        wait_for(lambda: w.descriptors() == before, "all descriptors to be closed")
        assert w.stop() == 0
