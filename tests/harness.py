# SPDX-License-Identifier: Apache-2.0
"""A windsock of one's own on free ports, driven from outside through real sockets."""
import inspect
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|.)")


def wait_for(condition, what, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError("waited in vain for " + what)


class Windsock:
    def __init__(self, *flags, wrapper=()):
        self.log = tempfile.NamedTemporaryFile("r", suffix=".log")
        self.process = subprocess.Popen(
            [*wrapper, os.environ.get("WINDSOCK", "build/windsock"),
             "--statsd.listen-udp=127.0.0.1:0", "--web.listen-address=127.0.0.1:0", *flags],
            stderr=open(self.log.name, "w"))
        wait_for(lambda: 'msg="ready"' in self.logged() or self.process.poll() is not None,
                 "the daemon to be ready", 60)
        text = self.logged()
        assert self.process.poll() is None, text
        self.udp = int(re.search(r"listening on 127.0.0.1:(\d+) \(UDP\)", text)[1])
        self.http = int(re.search(r"listening on 127.0.0.1:(\d+) \(HTTP\)", text)[1])
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect(("127.0.0.1", self.udp))
        self.sent = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.socket.close()

    def logged(self):
        with open(self.log.name) as log:
            return log.read()

    def get(self, path="/metrics", method="GET", **headers):
        url = f"http://127.0.0.1:{self.http}{path}"
        request = urllib.request.Request(url, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def value(self, series):
        for line in self.get()[1].splitlines():
            if line.startswith(series + " "):
                return float(line.rsplit(" ", 1)[1])
        return None

    def send(self, *datagrams):
        self.send_at_once(*datagrams)
        self.settle()

    def send_at_once(self, *datagrams):
        """Waits for room in the receive buffer only."""
        for d in datagrams:
            self.socket.send(d if isinstance(d, bytes) else d.encode())
            self.sent += 1
            if self.sent % 200 == 0:
                self.receive()

    def settle(self):
        self.receive()
        wait_for(lambda: self.value("windsock_waiting_samples") == 0, "samples that wait")

    def receive(self):
        wait_for(lambda: self.value("windsock_datagrams_total") == self.sent, "all datagrams")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


def run(*args, wrapper=(), **env):
    """Windsock for a task that ends by itself: exit code, standard output, standard error."""
    done = subprocess.run([*wrapper, os.environ.get("WINDSOCK", "build/windsock"), *args],
                          env=dict(os.environ, **env), stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=60)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def capture(name):
    """The datagrams of a recording in tests/data."""
    def byte(match):
        c = match[1]
        plain = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"\\": b"\\"}
        return plain[c] if c in plain else bytes([int(c[1:], 16)])

    with open(os.path.join(HERE, "data", name), "rb") as lines:
        for line in lines:
            if not line.startswith(b"#"):
                yield ESCAPE.sub(byte, line.rstrip(b"\n").split(b" ", 1)[1])


def forgotten(tests):
    """Functions of the test file that could be tests but are in no list, and used by nothing."""
    main = sys.modules["__main__"]
    with open(main.__file__) as file:
        words = re.findall(r"\w+", file.read())
    return [name for name, value in vars(main).items()
            if inspect.isfunction(value) and value.__module__ == "__main__"
            and words.count(name) < 2 and value not in tests]


class Skipped(Exception):
    """What a test cannot do here, and why."""


def tap(tests):
    """Tests may be a generator: it is asked for the next one when the one before has ended.
    The exit code is 75 where none failed but some could not be run."""
    failed = skipped = 0
    for name in forgotten(tests):
        failed += 1
        print(f"not ok - {name}: not in the list of tests")
    for i, test in enumerate(tests, 1):
        try:
            test()
            print(f"ok {i} - {test.__name__}")
        except Skipped as why:
            skipped += 1
            print(f"skipped {i} - {test.__name__}: {why}")
        except Exception as error:  # whatever it is, the test has failed
            failed += 1
            print(f"not ok {i} - {test.__name__}: {error!r}")
    raise SystemExit(1 if failed else 75 if skipped else 0)
