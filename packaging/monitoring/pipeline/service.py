# SPDX-License-Identifier: Apache-2.0
"""Shared by the programs: settings, signals, log, /metrics."""
import argparse
import logging
import os
import signal
import sys
import threading
import time

from prometheus_client import start_http_server

log = logging.getLogger()
stopping = threading.Event()
# A signal does not interrupt calls of the Kafka client: none may take longer than this.
MOMENT = 0.2


class Settings(argparse.ArgumentParser):
    """Flags take precedence over the environment, which takes precedence over the default."""

    def setting(self, flags, variable, default, text, kind=str):
        self.add_argument(*flags.split(), default=os.environ.get(variable, default), type=kind,
                          help=f"{text} ({variable}; {default})")


def positive(text):
    number = float(text)
    if not 0 < number < float("inf"):
        raise ValueError(text)
    return number


def count(text):
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def address(text):
    host, colon, port = text.rpartition(":")
    if not colon or not 0 < int(port) < 65536:
        raise ValueError(text)
    return host.strip("[]"), int(port)


def settings(description, listen):
    """Flags of all programs; the second names are those of Prometheus exporters."""
    parser = Settings(description=description)
    parser.setting("--listen --web.listen-address", "LISTEN_ADDRESS", listen,
                   "address to serve /metrics on", address)
    parser.setting("--brokers --kafka.server", "KAFKA_BROKERS", "localhost:9092",
                   "addresses of Kafka or Redpanda")
    return parser


def start(options):
    logging.basicConfig(stream=sys.stderr, level=logging.INFO,
                        format="%(asctime)s %(levelname)s %(message)s")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    host, port = options.listen
    try:
        start_http_server(port, host)
    except OSError as error:
        sys.exit(f"cannot listen on {host}:{port}: {error.strerror}")


class Outage:
    """A dependency that may fail and recover: logged once each, retried with increasing delays."""

    def __init__(self, what, shortest=0.2, longest=5):
        self.what, self.shortest, self.longest = what, shortest, longest
        self.since, self.delay = None, shortest

    def failed(self, error):
        """Returns the delay before the next try."""
        if self.since is None:
            self.since, self.delay = time.monotonic(), self.shortest
            log.warning("%s: %s", self.what, str(error).strip())
        self.delay, delay = min(self.delay * 2, self.longest), self.delay
        return delay

    def over(self):
        if self.since is not None:
            log.info("%s: recovered after %.1f s", self.what, time.monotonic() - self.since)
            self.since = None
