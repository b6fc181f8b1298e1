# SPDX-License-Identifier: Apache-2.0
"""The service manager's side, played by a small supervisor: passed sockets, notifications, the
watchdog."""
import ctypes
import os
import re
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import urllib.request

import pytest

import exposition
from harness import PATIENCE, PROGRAM, wait_for

BEAT = b"airflow.scheduler_heartbeat:1|c"


class Supervisor:
    """Holds the sockets, as systemd does, and starts windsock on them again and again."""

    def __init__(self, *flags, passed=None, watchdog_usec=None):
        self.names = None
        self.flags, self.watchdog_usec = flags, watchdog_usec
        self.directory = tempfile.TemporaryDirectory()
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self.udp.bind(("127.0.0.1", 0))
        self.tcp = socket.socket()
        self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.tcp.bind(("127.0.0.1", 0))
        self.tcp.listen(64)
        self.passed = passed if passed is not None else [self.udp, self.tcp]
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(self.directory.name + "/notify")
        self.notify.setblocking(False)
        self.told, self.process, self.log = [], None, open(self.directory.name + "/log", "w+")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for s in (self.udp, self.tcp, self.notify, self.log):
            s.close()
        self.directory.cleanup()

    def start(self):
        fds = [s.fileno() for s in self.passed]
        env = dict(os.environ, NOTIFY_SOCKET=self.directory.name + "/notify",
                   LISTEN_FDS=str(len(fds)))
        if self.names:
            env["LISTEN_FDNAMES"] = self.names
        exports = "LISTEN_PID=$$; export LISTEN_PID; "
        if self.watchdog_usec:
            env["WATCHDOG_USEC"] = str(self.watchdog_usec)
            exports += "WATCHDOG_PID=$$; export WATCHDOG_PID; "
        # Through numbers that are free in any case, to 3 and what follows.
        moves = "".join(" %d>&%d" % (100 + i, fd) for i, fd in enumerate(fds))
        moves += "".join(" %d>&%d" % (3 + i, 100 + i) for i in range(len(fds)))
        self.process = subprocess.Popen(
            ["bash", "-c", exports + 'exec "$@"' + moves, "bash",
             PROGRAM, *self.flags],
            env=env, pass_fds=fds, stderr=self.log)
        wait_for(lambda: self.hears("READY=1") or self.process.poll() is not None, "READY=1")
        assert self.process.poll() is None, self.logged()

    def hears(self, word):
        """Whether it has been told since the last question."""
        try:
            while True:
                self.told.append(self.notify.recv(4096).decode())
        except BlockingIOError:
            pass
        found = [text for text in self.told if word in text.split("\n")[0]]
        self.told = []
        return found[0] if found else None

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(PATIENCE) == 0

    def logged(self):
        with open(self.log.name) as log:
            return log.read()

    def get(self):
        url = "http://127.0.0.1:%d/metrics" % self.tcp.getsockname()[1]
        return urllib.request.urlopen(url, timeout=PATIENCE).read().decode()


def test_passed_sockets_are_served():
    with Supervisor() as s:
        s.start()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            out.sendto(BEAT, s.udp.getsockname())
        wait_for(lambda: "\nairflow_scheduler_heartbeat 1\n" in s.get(), "the sample")
        assert "listening on 127.0.0.1:%d (UDP)" % s.udp.getsockname()[1] in s.logged()
        s.stop()


def is_half_full(sock):
    """Its receive buffer, beyond which the kernel drops what is sent."""
    so_meminfo = 55
    used, size = struct.unpack("=II", sock.getsockopt(socket.SOL_SOCKET, so_meminfo, 8))
    return used > size / 2


def test_no_datagram_is_lost_over_restarts():
    with Supervisor() as s:
        sent, done = [0], threading.Event()

        def send():
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
                while not done.is_set():
                    for _ in range(0 if is_half_full(s.udp) else 20):
                        out.sendto(BEAT, s.udp.getsockname())
                        sent[0] += 1
                    time.sleep(0.001)

        sender = threading.Thread(target=send)
        sender.start()
        try:
            for _ in range(4):
                s.start()
                before = sent[0]
                wait_for(lambda: sent[0] > before + 500, "traffic")
                s.stop()
                before = sent[0]
                wait_for(lambda: sent[0] > before + 200 or is_half_full(s.udp),
                         "traffic while nobody listens")
        finally:
            done.set()
            sender.join()
        s.start()
        wait_for(lambda: exposition.value(s.get(), "windsock_datagrams_total") > 0, "the rest")
        s.stop()
        totals = [int(n) for n in re.findall(r"stopped; received (\d+) datagrams", s.logged())]
        assert len(totals) == 5 and sum(totals) == sent[0], (totals, sent)


def test_the_manager_is_told():
    with Supervisor("--statsd.mapping-config=builtin:airflow", watchdog_usec=300000) as s:
        s.start()
        wait_for(lambda: s.hears("WATCHDOG=1"), "a sign of life")
        wait_for(lambda: s.hears("WATCHDOG=1"), "another one")
        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        s.process.send_signal(signal.SIGHUP)
        told = []
        wait_for(lambda: told.append(s.hears("RELOADING=1")) or told[-1], "RELOADING=1")
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        usec = int(re.search(r"MONOTONIC_USEC=(\d+)", told[-1])[1])
        assert before <= usec <= now, (before, usec, now)
        s.process.send_signal(signal.SIGTERM)
        wait_for(lambda: s.hears("STOPPING=1"), "STOPPING=1")
        assert s.process.wait(PATIENCE) == 0


def thread_named(pid, name):
    for tid in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{tid}/comm") as comm:
            if comm.read() == name + "\n":
                return int(tid)
    return None


def test_watchdog_hears_of_a_worker_that_hangs():
    seize, interrupt, detach = 0x4206, 0x4207, 17
    ptrace = ctypes.CDLL(None, use_errno=True).ptrace
    ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    with Supervisor(watchdog_usec=300000) as s:
        s.start()
        wait_for(lambda: s.hears("WATCHDOG=1"), "a sign of life")
        worker = thread_named(s.process.pid, "worker")
        if ptrace(seize, worker, None, None) != 0:
            pytest.skip("ptrace: " + os.strerror(ctypes.get_errno()))
        assert ptrace(interrupt, worker, None, None) == 0
        wait_for(lambda: "worker 0 does not answer" in s.logged(), "a word about it")
        s.hears("WATCHDOG=1")
        told = s.logged().count("does not answer")
        wait_for(lambda: s.logged().count("does not answer") >= told + 2, "two more questions")
        assert not s.hears("WATCHDOG=1")
        os.waitpid(worker, 0x40000000)  # __WALL: the stop, so that it can be let go
        assert ptrace(detach, worker, None, None) == 0
        wait_for(lambda: s.hears("WATCHDOG=1"), "another sign of life")
        s.stop()


def test_what_is_no_socket_of_ours_is_closed():
    near, far = socket.socketpair()
    with near, far, Supervisor("--statsd.listen-udp=127.0.0.1:0") as s:
        s.passed = [near, s.tcp]
        s.start()
        assert "file descriptor 3 that systemd passed is neither a datagram" in s.logged()
        assert "airflow" not in s.get().split("windsock_")[0]
        s.stop()


def test_names_of_sockets_have_to_be_right():
    for names, wrong in (("statsd:web", None), ("windsock:windsock", None),
                         ("web:web", "file descriptor 3 that systemd passed is named web"),
                         ("statsd:statsd", "file descriptor 4 that systemd passed is named statsd")):
        with Supervisor("--statsd.listen-udp=127.0.0.1:0", "--web.listen-address=127.0.0.1:0") as s:
            s.names = names
            s.start()
            assert (wrong in s.logged()) if wrong else "that systemd passed is" not in s.logged()
            for kind, number in (("UDP", s.udp), ("HTTP", s.tcp)):
                listening = "listening on 127.0.0.1:%d (%s)" % (number.getsockname()[1], kind)
                expect = not wrong or ("named web" in wrong) == (kind == "HTTP")
                assert (listening in s.logged()) == expect, (names, s.logged())
            s.stop()


def test_addresses_that_are_not_used_are_told():
    with Supervisor("--statsd.listen-udp=127.0.0.1:0") as s:
        s.start()
        assert "so --statsd.listen-udp is ignored" in s.logged()
        assert "so --web.listen-address is ignored" not in s.logged()
        s.stop()


def test_passed_sockets_have_one_worker():
    with Supervisor("--statsd.workers=3") as s:
        s.start()
        assert "\nwindsock_workers 1\n" in s.get()
        assert "sockets passed by systemd have one worker" in s.logged()
        s.stop()
