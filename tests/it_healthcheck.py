#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""windsock healthcheck: what containers ask, against windsocks and servers that are unwell."""
import contextlib
import signal
import socket
import threading
import time

from harness import Windsock, run, tap

SOON = "--web.timeout=200ms"


def check(*args, **env):
    code, out, log = run("healthcheck", *args, **env)
    assert out == "", out
    assert (code == 0) == (log == ""), (code, log)
    return code, log


@contextlib.contextmanager
def server(*pieces, pause=0.0, close=True):
    """Answers one client with these bytes, whatever it asks."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def answer():
            with listener.accept()[0] as client, contextlib.suppress(OSError):
                client.recv(4096)
                for piece in pieces:
                    client.sendall(piece)
                    time.sleep(pause)
                if not close:
                    client.recv(4096)
        thread = threading.Thread(target=answer)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join(20)


def a_running_one_is_well():
    with Windsock() as w:
        port = w.http
        assert check(f"http://127.0.0.1:{port}")[0] == 0
        assert check(f"http://127.0.0.1:{port}/-/ready")[0] == 0
        assert check(f"http://localhost:{port}/metrics")[0] == 0
        assert check("--web.listen-address", f"127.0.0.1:{port}")[0] == 0
        assert check(WINDSOCK_WEB_LISTEN_ADDRESS=f"localhost:{port}, :1")[0] == 0
        code, log = check(f"http://127.0.0.1:{port}/no")
        assert code == 1 and f"127.0.0.1:{port}/no answers 404" in log, log
        assert w.value("windsock_http_requests_total") >= 6
        assert w.value('windsock_http_refused_total{reason="deadline"}') == 0
        assert w.stop() == 0
    code, log = check(f"http://127.0.0.1:{port}")
    assert code == 1 and "Connection refused" in log, log


def every_address_is_reached_on_this_machine():
    for address in (":0", "0.0.0.0:0", "[::]:0"):
        with Windsock("--web.listen-address=127.0.0.1:0", "--web.listen-address=" + address) as w:
            port = w.logged().split(" (HTTP)")[1].rsplit(":", 1)[1]
            assert check(f"--web.listen-address={address[:-1]}{port}")[0] == 0, address


def one_that_hangs_is_not_well():
    with Windsock() as w:
        w.process.send_signal(signal.SIGSTOP)
        code, log = check(SOON, f"http://127.0.0.1:{w.http}")
        w.process.send_signal(signal.SIGCONT)
        assert code == 1 and "timed out" in log, log


def answers_that_are_none():
    ok = b"HTTP/1.1 200 OK\r\n\r\n"
    for pieces, code, message in (
            ([ok], 0, ""),
            ([ok[:9], ok[9:], b"x" * 100000], 0, ""),
            ([b"HTTP/1.1 503 Service Unavailable\r\n\r\n"], 1, "/-/healthy answers 503"),
            ([b"HTTP/1.1 204 No Content\r\n\r\n"], 1, "answers 204"),
            ([], 1, "does not speak HTTP"),
            ([b"HTTP/1.1 x"], 1, "does not speak HTTP"),
            ([b"SSH-2.0-x\r\n"], 1, "does not speak HTTP")):
        with server(*pieces) as url:
            got, log = check(url)
            assert got == code and message in log, (pieces, got, log)


def the_deadline_is_for_all_of_it():
    with server(close=False) as url:
        code, log = check(SOON, url)
        assert code == 1 and "no answer from" in log and "timed out" in log, log
    begun = time.monotonic()
    with server(*[b"H"] * 40, pause=0.05) as url:
        code, log = check(SOON, url)
        assert code == 1 and "timed out" in log, log
        assert time.monotonic() - begun < 1.5, "each byte renewed the deadline"


def mistakes():
    for args, message in ((("https://x:1",), "expected http://host:port"),
                          (("localhost:1",), "expected http://host:port"),
                          (("http://localhost",), "there is no port"),
                          (("http://:99999",), "not a number from 0 to 65535"),
                          (("--web.listen-address=x",), "there is no port"),
                          (("http://x:1", "http://x:2"), "takes one URL")):
        code, log = check(*args)
        assert code == 2 and message in log, (args, code, log)


tap([a_running_one_is_well, every_address_is_reached_on_this_machine, one_that_hangs_is_not_well,
     answers_that_are_none, the_deadline_is_for_all_of_it, mistakes])
