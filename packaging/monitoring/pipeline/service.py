# SPDX-License-Identifier: Apache-2.0
"""What the programs have in common: settings, signals, log, /metrics."""
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
# A call into the Kafka client is not ended by a signal: none is longer than this.
MOMENT = 0.2


class Settings(argparse.ArgumentParser):
    """Flags; where one is missing, the environment, then the default."""

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
    """Flags that all have; the second names are those of Prometheus' exporters."""
    parser = Settings(description=description)
    parser.setting("--listen --web.listen-address", "LISTEN_ADDRESS", listen, "where /metrics is",
                   address)
    parser.setting("--brokers --kafka.server", "KAFKA_BROKERS", "localhost:9092", "Kafka or Redpanda")
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
    """Something that goes away and comes back: told once each, tried less and less often."""

    def __init__(self, what, shortest=0.2, longest=5):
        self.what, self.shortest, self.longest = what, shortest, longest
        self.since, self.delay = None, shortest

    def failed(self, error):
        """How long to wait before the next try."""
        if self.since is None:
            self.since, self.delay = time.monotonic(), self.shortest
            log.warning("%s: %s", self.what, str(error).strip())
        self.delay, delay = min(self.delay * 2, self.longest), self.delay
        return delay

    def over(self):
        if self.since is not None:
            log.info("%s: well again after %.1f s", self.what, time.monotonic() - self.since)
            self.since = None
