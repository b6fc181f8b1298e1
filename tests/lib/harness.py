# SPDX-License-Identifier: Apache-2.0
"""A windsock of one's own on free ports, driven from outside through real sockets."""
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request

import exposition

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOT = os.path.dirname(TESTS)
DATA = os.path.join(TESTS, "data")
PROGRAM = os.path.abspath(os.environ.get("WINDSOCK", "build/windsock"))
# What ends a test that would hang.  It decides nothing: a busy machine is slower, no more.
PATIENCE = 300


def read(*path):
    """A text of the repository, or of an absolute path."""
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


def version_of_makefile():
    return re.search(r"^VERSION = (\S+)$", read("Makefile"), re.M)[1]


def free_ports(count):
    held = [socket.socket() for _ in range(count)]
    for s in held:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in held]
    for s in held:
        s.close()
    return ports


def wait_for(condition, what, seconds=PATIENCE):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(f"waited in vain for {what}; at last: {value!r}")


@contextlib.contextmanager
def ini(text):
    """A mapping file of its own: .name, .flag, and write(), which replaces what is in it."""
    with tempfile.NamedTemporaryFile("w", suffix=".ini") as file:
        mapping = Ini(file.name)
        mapping.write(text)
        yield mapping


class Ini:
    def __init__(self, name):
        self.name, self.flag = name, "--statsd.mapping-config=" + name

    def write(self, text):
        with open(self.name, "w", encoding="utf-8") as out:
            out.write(text)


class Windsock:
    def __init__(self, *flags, wrapper=()):
        self.log = tempfile.NamedTemporaryFile("r", suffix=".log")
        self.process = subprocess.Popen(
            [*wrapper, PROGRAM, "--statsd.listen-udp=127.0.0.1:0",
             "--web.listen-address=127.0.0.1:0", *flags], stderr=open(self.log.name, "w"))
        wait_for(lambda: 'msg="ready"' in self.logged() or self.process.poll() is not None,
                 "the daemon to be ready")
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
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def value(self, series):
        return exposition.value(self.get()[1], series)

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
        wait_for(lambda: self.received() == self.sent, f"{self.sent} datagrams")

    def received(self):
        """Datagrams so far."""
        return self.front("Datagrams received")

    def front(self, row):
        """A number of the front page: quick, however many series there are."""
        return int(re.search(rf'{row}</th><td class="n">(\d+)', self.get("/")[1])[1])

    def pause(self):
        """Stops the process, so that what is sent waits in its sockets."""
        self.process.send_signal(signal.SIGSTOP)
        wait_for(lambda: self.stat()[0] == "T", "the process to be stopped")

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def stat(self):
        """What proc(5) says of the process, from its state on."""
        with open(f"/proc/{self.process.pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)


def run(*args, wrapper=(), **env):
    """Windsock for a task that ends by itself: exit code, standard output, standard error."""
    done = subprocess.run([*wrapper, PROGRAM, *args], env=dict(os.environ, **env),
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def recording(name):
    """[(seconds, datagram)] of a recording in tests/data."""
    with open(os.path.join(DATA, name + ".capture"), "rb") as file:
        lines = [line.rstrip(b"\n").split(b" ", 1) for line in file if not line.startswith(b"#")]
    return [(float(at), datagram.decode("unicode_escape").encode("latin-1"))
            for at, datagram in lines]


def capture(name):
    return [datagram for _, datagram in recording(name)]


def truth(name):
    """What Airflow's own database says of the recording."""
    return json.loads(read("tests", "data", name + ".truth.json"))
