# SPDX-License-Identifier: Apache-2.0
"""windsock healthcheck: what containers ask, against windsocks and servers that are unwell."""
import contextlib
import re
import signal
import socket
import threading
import time

from harness import PATIENCE, Windsock, run

SOON = "--web.timeout=2s"


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
            # Until it has said all, or the client goes away.
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
        thread.join(PATIENCE)


def test_a_running_one_is_well():
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


def test_every_address_is_reached_on_this_machine():
    for address in (":0", "0.0.0.0:0", "[::]:0"):
        with Windsock("--web.listen-address=127.0.0.1:0", "--web.listen-address=" + address) as w:
            port = w.logged().split(" (HTTP)")[1].rsplit(":", 1)[1]
            assert check(f"--web.listen-address={address[:-1]}{port}")[0] == 0, address


def test_one_that_hangs_is_not_well():
    with Windsock() as w:
        w.process.send_signal(signal.SIGSTOP)
        code, log = check(SOON, f"http://127.0.0.1:{w.http}")
        w.process.send_signal(signal.SIGCONT)
        assert code == 1 and "timed out" in log, log


def test_answers_that_are_none():
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


def test_the_deadline_is_for_all_of_it():
    with server(close=False) as url:
        code, log = check(SOON, url)
        # On a busy machine it may not even get to asking.
        assert code == 1 and re.search("(no answer from|cannot connect to) .* timed out", log), log
    # One that never ends: were the deadline renewed by each byte, this would not end either.
    with server(*[b"H"] * 100000, pause=0.05) as url:
        code, log = check(SOON, url)
        assert code == 1 and "timed out" in log, log


def test_mistakes():
    for args, message in ((("https://x:1",), "expected http://host:port"),
                          (("localhost:1",), "expected http://host:port"),
                          (("http://localhost",), "there is no port"),
                          (("http://:99999",), "not a number from 0 to 65535"),
                          (("--web.listen-address=x",), "there is no port"),
                          (("http://x:1", "http://x:2"), "takes one URL")):
        code, log = check(*args)
        assert code == 2 and message in log, (args, code, log)
