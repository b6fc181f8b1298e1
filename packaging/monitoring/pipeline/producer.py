#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Generates simulated trades and sends them to Kafka or Redpanda.

A trade counts as sent when the broker has acknowledged it.  If no broker answers, trades wait in
memory.  Trades that wait too long, exceed the queue or are left at the end count as failed."""
import functools
import random
import time

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic
from prometheus_client import Counter, Gauge, Histogram

import service
import trades

MESSAGES = Counter("producer_messages_total", "Trades that the broker has acknowledged.")
BYTES = Counter("producer_bytes_total", "Bytes of these trades, without keys and headers.")
FAILURES = Counter("producer_failures_total", "Trades that were lost, by reason.", ["reason"])
WAITING = Gauge("producer_waiting_messages", "Trades generated and not yet acknowledged.")
DELIVERY = Histogram("producer_delivery_seconds", "Time from a trade to its acknowledgement.",
                     buckets=(.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 60, 300))
REASONS = {KafkaError._MSG_TIMED_OUT: "timed_out", KafkaError._PURGE_QUEUE: "shutdown",
           KafkaError._PURGE_INFLIGHT: "shutdown", KafkaError.MSG_SIZE_TOO_LARGE: "too_large"}
for name in ("queue_full", "other", *REASONS.values()):
    FAILURES.labels(name)
FLUSH_SECONDS = 8


def options():
    parser = service.settings(__doc__.split("\n")[0], "127.0.0.1:8000")
    parser.setting("--topic", "KAFKA_TOPIC", "trades", "topic, created if it does not exist")
    parser.setting("--partitions", "KAFKA_PARTITIONS", 3, "partitions of a new topic", service.count)
    parser.setting("--rate", "TRADES_PER_SECOND", 10.0, "trades per second", service.positive)
    parser.setting("--seed", "TRADES_SEED", None, "seed for reproducible trades; random if not set")
    parser.setting("--keep", "TRADES_KEEP_SECONDS", 300.0, "seconds that a trade waits for a broker",
                   service.positive)
    return parser.parse_args()


def make_topic(brokers, name, partitions):
    """Waits for a broker; an existing topic is not changed."""
    outage = service.Outage("broker")
    admin = AdminClient({"bootstrap.servers": brokers, "error_cb": lambda error: None,
                         "log_level": 0})
    while not service.stopping.is_set():
        try:
            if name not in admin.list_topics(timeout=2).topics:
                admin.create_topics([NewTopic(name, partitions, -1)])[name].result(10)
            return outage.over()
        except KafkaException as error:
            if error.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:
                return outage.over()
            service.stopping.wait(outage.failed(error.args[0].str()))


class Sender:
    def __init__(self, brokers, topic, keep):
        self.topic = topic
        self.outage = service.Outage("broker")
        # Idempotence: a trade that is resent after a lost acknowledgement is written once.
        self.kafka = Producer({"bootstrap.servers": brokers, "enable.idempotence": True,
                               "linger.ms": 20, "message.timeout.ms": int(keep * 1000),
                               "reconnect.backoff.max.ms": 2000, "log_level": 0,
                               "error_cb": self.trouble})
        WAITING.set_function(lambda: len(self.kafka))

    def trouble(self, error):
        self.outage.failed(error.str())
        if error.fatal():
            service.log.error("cannot continue: %s", error.str())
            service.stopping.set()

    def send(self, trade):
        try:
            self.kafka.produce(self.topic, trades.encode(trade), key=trade.pair,
                               on_delivery=functools.partial(self.delivered, trade.time))
        except BufferError:
            FAILURES.labels("queue_full").inc()

    def delivered(self, began, error, message):
        if error is not None:
            FAILURES.labels(REASONS.get(error.code(), "other")).inc()
            return
        self.outage.over()
        MESSAGES.inc()
        BYTES.inc(len(message.value()))
        DELIVERY.observe(max(0, time.time() - began))

    def until(self, due):
        """Handles acknowledgements in the meantime."""
        while not service.stopping.is_set():
            left = due - time.monotonic()
            self.kafka.poll(min(max(left, 0), service.MOMENT))
            if left <= 0:
                return

    def end(self):
        if self.kafka.flush(FLUSH_SECONDS):
            self.kafka.purge()
            self.kafka.flush(1)


def produce(sender, rate, seed):
    producer = f"{random.SystemRandom().getrandbits(64):016x}"
    service.log.info("producer %s: %g trades per second", producer, rate)
    due = time.monotonic()
    for sequence, (pair, side, price, amount) in enumerate(trades.walk(seed)):
        sender.until(due)
        if service.stopping.is_set():
            return
        sender.send(trades.Trade(producer, sequence, pair, side, price, amount, time.time()))
        # Do not catch up after a suspend of the machine.
        due = max(due + 1 / rate, time.monotonic() - 1)


def main():
    chosen = options()
    service.start(chosen)
    make_topic(chosen.brokers, chosen.topic, chosen.partitions)
    sender = Sender(chosen.brokers, chosen.topic, chosen.keep)
    produce(sender, chosen.rate, chosen.seed)
    sender.end()
    failed = sum(s.value for s in FAILURES.collect()[0].samples if s.name.endswith("_total"))
    service.log.info("ended: %d trades sent, %d failed", MESSAGES._value.get(), failed)


main()
