#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Reads trades from Kafka or Redpanda and stores them in PostgreSQL.

A batch is inserted, then its offsets are committed: what is read twice, after a crash or when
partitions move, is stored once, for a row is known by topic, partition and offset."""
import threading
import time

import psycopg2
from confluent_kafka import Consumer, KafkaException, TopicPartition
from prometheus_client import Counter, Histogram
from psycopg2.extras import execute_values

import service
import trades

MESSAGES = Counter("consumer_messages_total", "Trades stored: new rows that are committed.")
DUPLICATES = Counter("consumer_duplicates_total", "Trades read again that were already stored.")
BYTES = Counter("consumer_bytes_total", "Bytes of the trades stored, without keys and headers.")
FAILURES = Counter("consumer_failures_total", "Failures, by reason.  Only undecodable "
                   "messages are lost, the others are retried.", ["reason"])
BATCH = Histogram("consumer_batch_messages", "Messages in a batch.",
                  buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000))
BATCH_TIME = Histogram("consumer_batch_seconds", "Time from the first message of a batch to its commit.",
                       buckets=(.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 60, 300))
INSERT_TIME = Histogram("consumer_insert_seconds", "Time to insert and commit a batch.",
                        buckets=(.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30))
END_TO_END = Histogram("pipeline_end_to_end_seconds", "Time from a trade to the commit of its row.",
                       buckets=(.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600))
for name in ("broker", "commit", "database_away", "database_refused", "undecodable"):
    FAILURES.labels(name)

TABLE = """CREATE TABLE IF NOT EXISTS trades (
    topic text NOT NULL, partition integer NOT NULL, "offset" bigint NOT NULL,
    producer text NOT NULL, sequence bigint NOT NULL, pair text NOT NULL, side text NOT NULL,
    price numeric NOT NULL, amount numeric NOT NULL, traded_at timestamptz NOT NULL,
    PRIMARY KEY (topic, partition, "offset"))"""
INSERT = """INSERT INTO trades (topic, partition, "offset", producer, sequence, pair, side, price,
    amount, traded_at) VALUES %s ON CONFLICT DO NOTHING RETURNING topic, partition, "offset\""""
LEAVE_SECONDS = 5
ROW = "(%s, %s, %s, %s, %s, %s, %s, %s, %s, to_timestamp(%s))"


def options():
    parser = service.settings(__doc__.split("\n")[0], "127.0.0.1:8001")
    parser.setting("--topic", "KAFKA_TOPIC", "trades", "topic to read")
    parser.setting("--group", "KAFKA_GROUP", "trades-to-postgres", "consumer group")
    parser.setting("--database", "DATABASE_URL", "", "connection string; libpq also reads PGHOST, "
                   "PGPASSWORD and so on; do not put passwords in flags")
    parser.setting("--batch", "BATCH_MESSAGES", 500, "maximum number of messages in a batch", service.count)
    parser.setting("--batch-time", "BATCH_SECONDS", 0.25, "seconds that a batch waits to fill up",
                   service.positive)
    return parser.parse_args()


class Database:
    """One connection, opened on demand."""

    def __init__(self, url):
        self.url = url
        self.connection = None

    def connect(self):
        self.connection = psycopg2.connect(
            self.url, connect_timeout=5, tcp_user_timeout=10000, application_name="consumer",
            options="-c statement_timeout=30s")
        with self.connection, self.connection.cursor() as cursor:
            # "IF NOT EXISTS" does not prevent two sessions from creating it at the same time.
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('trades'))")
            cursor.execute(TABLE)

    def insert(self, rows):
        """The keys of the new rows."""
        if self.connection is None:
            self.connect()
        with self.connection, self.connection.cursor() as cursor:
            return execute_values(cursor, INSERT, rows, ROW, page_size=len(rows), fetch=True)

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None


class Reader:
    """Messages of the partitions that are assigned to this consumer."""

    def __init__(self, brokers, group, topic):
        self.outage = service.Outage("broker")
        self.early = []
        self.kafka = Consumer({"bootstrap.servers": brokers, "group.id": group,
                               "enable.auto.commit": False, "auto.offset.reset": "earliest",
                               "session.timeout.ms": 10000, "reconnect.backoff.max.ms": 2000,
                               "log_level": 0,
                               "error_cb": self.trouble, "on_commit": self.committed})
        self.kafka.subscribe([topic])

    def trouble(self, error):
        FAILURES.labels("broker").inc()
        self.outage.failed(error.str())

    def poll(self, seconds):
        message = self.kafka.poll(seconds)
        if message is not None and message.error():
            self.trouble(message.error())
            return None
        if message is not None:
            self.outage.over()
        return message

    def batch(self, most, seconds):
        """(time of the first one, messages); a batch ends when it is full or its time is up."""
        messages, self.early = self.early, []
        began = end = time.monotonic()
        while not service.stopping.is_set() and len(messages) < most:
            left = end - time.monotonic()
            if messages and left <= 0:
                break
            message = self.poll(min(left, service.MOMENT) if messages else service.MOMENT)
            if message is None:
                continue
            if not messages:
                began = time.monotonic()
                end = began + seconds
            messages.append(message)
        return began, messages

    def wait(self, seconds):
        """A member of the group that does not poll would be considered dead."""
        end = time.monotonic() + seconds
        while not service.stopping.is_set() and time.monotonic() < end:
            self.kafka.pause(self.kafka.assignment())
            message = self.poll(service.MOMENT)
            # From a partition that was assigned while waiting.
            if message is not None:
                self.early.append(message)

    def go_on(self):
        self.kafka.resume(self.kafka.assignment())

    def close(self):
        """Leaves the group, in a thread: without a broker the client would retry forever."""
        leaving = threading.Thread(target=self.kafka.close, daemon=True)
        leaving.start()
        leaving.join(LEAVE_SECONDS)
        if leaving.is_alive():
            service.log.warning("ended without leaving the group: no broker answers")

    def commit(self, messages):
        ours = {(p.topic, p.partition) for p in self.kafka.assignment()}
        next_ones = {}
        for m in messages:
            key = m.topic(), m.partition()
            next_ones[key] = max(m.offset() + 1, next_ones.get(key, 0))
        offsets = [TopicPartition(*key, offset) for key, offset in next_ones.items() if key in ours]
        try:
            if offsets:
                self.kafka.commit(offsets=offsets, asynchronous=True)
        except KafkaException as error:
            self.committed(error.args[0], offsets)

    def committed(self, error, _):
        """A failure loses nothing: the next commit covers it, or the trades are read again."""
        if error is not None:
            FAILURES.labels("commit").inc()
            service.log.warning("commit: %s", error.str())


def decoded(messages):
    """{(topic, partition, offset): (trade, bytes)}"""
    good = {}
    for m in messages:
        key = m.topic(), m.partition(), m.offset()
        try:
            good[key] = trades.decode(m.value() or b""), len(m.value())
        except ValueError as error:
            FAILURES.labels("undecodable").inc()
            service.log.warning("%s, partition %d, offset %d: %s", *key, error)
    return good


class Writer:
    def __init__(self, database, reader):
        self.database, self.reader = database, reader
        self.outage = service.Outage("database")

    def insert(self, rows):
        """Retries until it is done; None if the program ends first."""
        while not service.stopping.is_set():
            try:
                with INSERT_TIME.time():
                    new = self.database.insert(rows)
            except psycopg2.Error as error:
                away = isinstance(error, (psycopg2.OperationalError, psycopg2.InterfaceError))
                FAILURES.labels("database_away" if away else "database_refused").inc()
                self.database.close()
                # If the connection is broken, the rollback fails too: the first error is more helpful.
                self.reader.wait(self.outage.failed(error.__context__ or error))
            else:
                if self.outage.since is not None:
                    self.outage.over()
                    self.reader.go_on()
                return new
        return None

    def store(self, messages):
        """Whether the messages have been handled."""
        good = decoded(messages)
        if not good:
            return True
        new = self.insert([(*key, *trade) for key, (trade, _) in good.items()])
        if new is None:
            return False
        now = time.time()
        for key in new:
            trade, size = good[key]
            END_TO_END.observe(max(0, now - trade.time))
            BYTES.inc(size)
        MESSAGES.inc(len(new))
        DUPLICATES.inc(len(good) - len(new))
        return True


def consume(reader, writer, most, seconds):
    while not service.stopping.is_set():
        began, messages = reader.batch(most, seconds)
        if messages and writer.store(messages):
            BATCH.observe(len(messages))
            BATCH_TIME.observe(time.monotonic() - began)
            reader.commit(messages)


def main():
    chosen = options()
    service.start(chosen)
    reader = Reader(chosen.brokers, chosen.group, chosen.topic)
    database = Database(chosen.database)
    writer = Writer(database, reader)
    service.log.info("consumer of group %s", chosen.group)
    consume(reader, writer, chosen.batch, chosen.batch_time)
    database.close()
    reader.close()
    service.log.info("ended: %d trades stored", MESSAGES._value.get())


main()
