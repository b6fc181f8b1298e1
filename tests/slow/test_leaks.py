# SPDX-License-Identifier: Apache-2.0
"""A whole life of windsock under valgrind: no bad access, and nothing left at the end."""
import signal
import socket
import struct
import tempfile

from harness import Windsock, capture, ini, read, run, wait_for

VALGRIND = ("valgrind", "--leak-check=full", "--show-leak-kinds=all", "--track-fds=yes",
            "--error-exitcode=99", "--num-callers=30")
RECORDING = "airflow-2.11-plain"
EMPTY = "All heap blocks were freed -- no leaks are possible"


def assert_nothing_left(report):
    assert EMPTY in report and "ERROR SUMMARY: 0 errors" in report, report
    assert report.count("Open file descriptor ") == report.count("<inherited from parent>"), \
        report


def clean(life, *flags):
    """Runs life(w) in a windsock under valgrind, stops it, and asks for an empty heap."""
    with tempfile.NamedTemporaryFile("r", suffix=".valgrind") as report:
        with Windsock(*flags, wrapper=(*VALGRIND, "--log-file=" + report.name)) as w:
            life(w)
            code = w.stop()
        assert code == 0, report.read()
        assert_nothing_left(report.read())


def reload(w, signals):
    def count():
        return w.value('windsock_config_reloads_total{outcome="success"}') + \
            w.value('windsock_config_reloads_total{outcome="failure"}')
    before = count()
    for _ in range(signals):
        w.process.send_signal(signal.SIGHUP)
        wait_for(lambda: count() > before, "the reload")
        before = count()


def test_start_and_stop():
    clean(lambda w: None)


def test_traffic_scrapes_and_reloads():
    good = read("mappings", "airflow.ini")
    with ini(good) as mapping:

        def life(w):
            datagrams = capture(RECORDING)
            w.send(*datagrams[:2000])
            for accept in ("", "application/openmetrics-text;version=1.0.0"):
                for encoding in ("", "gzip"):
                    with socket.create_connection(("127.0.0.1", w.http)) as s:
                        s.sendall(f"GET /metrics HTTP/1.0\r\nAccept: {accept}\r\n"
                                  f"Accept-Encoding: {encoding}\r\n\r\n".encode())
                        while s.recv(1 << 20):
                            pass
            reload(w, 2)
            mapping.write("[windsock]\nas = histogram\n[r]\nmatch = airflow.ti.start.<d>.<t...>\n")
            reload(w, 1)
            w.send(*datagrams[:500])
            mapping.write(good + "\n[bad]\nmatch = a.<b\nbuckets = x\n")
            reload(w, 2)
            assert w.get("/-/reload", "POST")[0] == 500
            mapping.write(good)
            assert w.get("/-/reload", "POST")[0] == 200
            w.send(*datagrams[:500], "bad", b"\xff\xfe:1|c", "")

        clean(life, mapping.flag, "--web.enable-lifecycle",
              "--statsd.workers=2", "--statsd.cache-size=100", "--log.level=debug")


def test_expiry_and_limits():
    text = ("[windsock]\nttl = 200ms\nunmatched = keep\n"
            "[r]\nmatch = a.<x>\nmetric = m_<x>\nas = summary\nlabels = x\n")

    def life(w):
        for prefix in ("a", "b"):
            w.send("\n".join(f"{prefix}.{i}:1|ms" for i in range(300)))
        wait_for(lambda: w.value("windsock_series") == 0, "expiry")
        w.send("\n".join(f"a.{i}:1|ms" for i in range(300)))

    with ini(text) as mapping:
        clean(life, mapping.flag, "--limits.series=100",
              "--limits.families=50", "--limits.unmatched-families=10")


def test_clients_that_misbehave():
    last = []

    def life(w):
        w.send("\n".join(f"airflow.ti.start.d.{i:0500}:1|c" for i in range(100)))
        for request in (b"GET / HT", b"\0\0\0", b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
                        b"POST /-/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n",
                        b"GET /" + b"a" * 50000):
            with socket.create_connection(("127.0.0.1", w.http)) as s:
                s.sendall(request)
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with socket.create_connection(("127.0.0.1", w.http)) as s:
            s.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nX: ")
            s.settimeout(60)
            while s.recv(1000):
                pass  # until the deadline
        # One is in the middle of an answer when windsock stops.
        last.append(socket.create_connection(("127.0.0.1", w.http)))
        last[0].sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 20)
        assert last[0].recv(1)

    # Valgrind on a busy machine takes a second for a page.
    clean(life, "--web.timeout=4s")
    last[0].close()


def test_starts_that_fail():
    with Windsock() as w, tempfile.NamedTemporaryFile("r", suffix=".valgrind") as report:
        for flags, code in ((("--statsd.listen-udp=127.0.0.1:%d" % w.udp,), 1),
                            (("--web.listen-address=127.0.0.1:%d" % w.http,), 1),
                            (("--statsd.mapping-config=/nonexistent",), 2),
                            (("--statsd.workers=x", "--nothing", "--log.level=a"), 2),
                            (("--check-config",), 0), (("--help",), 0), (("--version",), 0),
                            (("explain", "airflow.ti.start.d.t:1|c"), 0)):
            extra = () if flags[0] == "explain" else ("--statsd.listen-udp=127.0.0.1:0",
                                                      "--web.listen-address=127.0.0.1:0")
            got, _, log = run(*flags[:1], *extra, *flags[1:],
                              wrapper=(*VALGRIND, "--log-file=" + report.name))
            report.seek(0)
            assert got == code, (flags, got, log)
            assert_nothing_left(report.read())
