#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""bench_udp.py [--series=N] [--packed] [--seconds=S] [--rates=R,...] [--peer=PATH]

Loads a windsock (or the peer, the path of a statsd_exporter) over loopback at rising rates:
processor time a sample, lost datagrams, memory.  N series are made before.  The sender is
Python, in batches of one sendmmsg each; sender and receiver share the machine."""
import argparse
import ctypes
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import exposition  # noqa: E402
from harness import Windsock, free_ports, wait_for  # noqa: E402

BATCH = 32
PACKED = 1400
BUFFER = 4 << 20  # asked from the kernel, by both
RATES = (10000, 50000, 100000, 150000, 200000, 250000, 300000, 0)
PACKED_RATES = (5000, 10000, 20000, 40000, 80000, 120000, 160000, 0)
MAPPING = """mappings:
- match: airflow.ti.finish.*.*.*
  name: airflow_task_status_count
  labels: {dag_id: $1, task_id: $2, status: $3}
"""
libc = ctypes.CDLL(None, use_errno=True)


class Iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_char_p), ("len", ctypes.c_size_t)]


class Header(ctypes.Structure):
    _fields_ = [("name", ctypes.c_void_p), ("namelen", ctypes.c_uint32),
                ("iov", ctypes.POINTER(Iovec)), ("iovlen", ctypes.c_size_t),
                ("control", ctypes.c_void_p), ("controllen", ctypes.c_size_t),
                ("flags", ctypes.c_int)]


class Message(ctypes.Structure):
    _fields_ = [("header", Header), ("sent", ctypes.c_uint)]


class Sender:
    """The datagrams again and again, as many as a rate allows."""

    def __init__(self, port, datagrams):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect(("127.0.0.1", port))
        self.n = len(datagrams)
        self.pieces = (Iovec * self.n)(*[(d, len(d)) for d in datagrams])
        self.messages = (Message * self.n)()
        for i in range(self.n):
            self.messages[i].header.iov = ctypes.pointer(self.pieces[i])
            self.messages[i].header.iovlen = 1
        self.at = 0

    def send(self, most):
        n = min(most, self.n - self.at)
        first = ctypes.byref(self.messages, self.at * ctypes.sizeof(Message))
        sent = libc.sendmmsg(self.socket.fileno(), first, n, 0)
        if sent < 0:
            raise OSError(ctypes.get_errno(), "sendmmsg")
        self.at = (self.at + sent) % self.n
        return sent

    def send_for(self, seconds, rate):
        """rate 0: as fast as it goes.  Returns how many were sent, and in what time."""
        start, sent = time.monotonic(), 0
        while True:
            passed = time.monotonic() - start
            if passed >= seconds:
                return sent, passed
            if rate == 0 or sent < passed * rate:
                sent += self.send(BATCH)
            else:
                time.sleep(50e-6)


class Peer:
    """A statsd_exporter with the same settings."""

    def __init__(self, path):
        self.files = tempfile.TemporaryDirectory()
        mapping = os.path.join(self.files.name, "mapping.yml")
        with open(mapping, "w") as out:
            out.write(MAPPING)
        self.udp, self.http = free_ports(2)
        self.process = subprocess.Popen(
            [path, f"--statsd.listen-udp=127.0.0.1:{self.udp}", "--statsd.listen-tcp=",
             f"--web.listen-address=127.0.0.1:{self.http}", f"--statsd.read-buffer={BUFFER}",
             "--statsd.mapping-config=" + mapping, "--log.level=error"])
        wait_for(self.answers, "the peer")

    def answers(self):
        try:
            return self.get("/-/healthy")[0] == 200
        except OSError:
            return False

    def get(self, path="/metrics"):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http}{path}", timeout=60) as a:
            return a.status, a.read().decode()

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.files.cleanup()


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mib(pid):
    with open(f"/proc/{pid}/status") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1]) / 1024


def applied(target):
    """Samples that have reached a series, by the values themselves: every one adds 1."""
    return exposition.total(target.get()[1], "airflow_task_status_count")


def settle(target):
    """Waits until nothing more arrives."""
    before = -1
    while before != (now := applied(target)):
        before = now
        time.sleep(0.3)
    return now


def datagrams_of(series, packed):
    step = 7919  # a prime: neighbours in time are not neighbours in the tables
    lines = [b"airflow.ti.finish.dag_%05d.task_%02d.success:1|c" % divmod(i * step % series, 20)
             for i in range(series)]
    if not packed:
        return lines, 1
    fit = (PACKED + 1) // (len(lines[0]) + 1)
    return [b"\n".join(lines[i:i + fit]) for i in range(0, series - fit + 1, fit)], fit


def measure(target, sender, rate, seconds, lines):
    pid = target.process.pid
    before, cpu = settle(target), cpu_seconds(pid)
    sent, passed = sender.send_for(seconds, rate)
    time.sleep(0.2)  # what is queued is part of the work
    cpu = cpu_seconds(pid) - cpu
    got = settle(target) - before
    lost = max(0.0, 1 - got / (sent * lines))
    print(f"{sent / passed:12,.0f} {100 * lost:9.2f} {got / passed:12,.0f} "
          f"{100 * cpu / passed:7.1f} {1e9 * cpu / got:12.0f}", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--series", type=int, default=10000)
    parser.add_argument("--packed", action="store_true")
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--rates", help="datagrams a second; 0: as fast as it goes")
    parser.add_argument("--peer")
    args = parser.parse_args()
    target = Peer(args.peer) if args.peer else Windsock(f"--statsd.read-buffer={BUFFER}")
    try:
        pid = target.process.pid
        idle = resident_mib(pid)
        datagrams, lines = datagrams_of(args.series, args.packed)
        sender = Sender(target.udp, datagrams)
        rate = 5000 if args.packed else 50000
        sender.send_for(1.2 * len(datagrams) / rate, rate)
        settle(target)
        fresh = resident_mib(pid)
        for _ in range(8):
            target.get()
        print(f"MiB: {idle:.1f} idle, {fresh:.1f} with {args.series} series, "
              f"{resident_mib(pid):.1f} after 8 scrapes")
        print("datagrams/s    lost %    samples/s   CPU %   ns a sample")
        rates = PACKED_RATES if args.packed else RATES
        if args.rates:
            rates = [int(rate) for rate in args.rates.split(",")]
        for rate in rates:
            measure(target, sender, rate, args.seconds, lines)
    finally:
        target.stop()


main()
