#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Brokers, offsets and the lag of consumer groups, for machines without kafka_exporter.

The names are those of kafka_exporter, limited to what the dashboards and alerts use.  Each scrape
queries Kafka.  In contrast to kafka_exporter, kafka_brokers is 0 if no broker answers, and a partition
in which a group has committed nothing has no lag."""
import threading

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from prometheus_client import REGISTRY
from prometheus_client.core import GaugeMetricFamily

import service

# By default Prometheus waits ten seconds.
ANSWER, SECONDS = 1.5, 4
PARTITION = ("topic", "partition")
GROUP = ("consumergroup", "topic", "partition")


class Kafka:
    def __init__(self, brokers):
        self.common = {"bootstrap.servers": brokers, "log_level": 0,
                       "error_cb": lambda error: None}
        self.admin = AdminClient(self.common)
        self.readers = {}
        self.outage = service.Outage("broker")
        self.alone = threading.Lock()

    def reader(self, group):
        """Queries on behalf of a group without joining it."""
        if group not in self.readers:
            self.readers[group] = Consumer(dict(self.common, **{"group.id": group,
                                                                "enable.auto.commit": False}))
        return self.readers[group]

    def describe(self):
        return []

    def collect(self):
        with self.alone:
            try:
                families = self.asked()
                self.outage.over()
            except KafkaException as error:
                self.outage.failed(error.args[0].str())
                families = [brokers(0)]
        return families

    def asked(self):
        cluster = self.admin.list_topics(timeout=ANSWER)
        partitions = [TopicPartition(name, number) for name, topic in cluster.topics.items()
                      for number in topic.partitions]
        ends = {}
        for p in partitions:
            ends[p.topic, p.partition] = self.reader("").get_watermark_offsets(p, timeout=SECONDS)[1]
        members = {g.id: len(g.members) for g in self.admin.list_groups(timeout=SECONDS)}
        return [brokers(len(cluster.brokers)), topic_partitions(cluster), written(ends),
                *self.groups(members, partitions, ends)]

    def groups(self, members, partitions, ends):
        size = GaugeMetricFamily("kafka_consumergroup_members", "Members of the group.",
                                 labels=GROUP[:1])
        done = GaugeMetricFamily("kafka_consumergroup_current_offset",
                                 "Next offset that the group will read.", labels=GROUP)
        lag = GaugeMetricFamily("kafka_consumergroup_lag", "Messages that the group has not read yet.",
                                labels=GROUP)
        for group, count in members.items():
            size.add_metric([group], count)
            for p in self.reader(group).committed(partitions, timeout=SECONDS):
                if p.offset >= 0:
                    labels = [group, p.topic, str(p.partition)]
                    done.add_metric(labels, p.offset)
                    lag.add_metric(labels, max(0, ends[p.topic, p.partition] - p.offset))
        return size, done, lag


def brokers(number):
    return GaugeMetricFamily("kafka_brokers", "Brokers that answer.", value=number)


def topic_partitions(cluster):
    family = GaugeMetricFamily("kafka_topic_partitions", "Partitions of the topic.",
                               labels=PARTITION[:1])
    for name, topic in cluster.topics.items():
        family.add_metric([name], len(topic.partitions))
    return family


def written(ends):
    family = GaugeMetricFamily("kafka_topic_partition_current_offset",
                               "Offset of the next message.", labels=PARTITION)
    for (topic, partition), end in ends.items():
        family.add_metric([topic, str(partition)], end)
    return family


def main():
    chosen = service.settings(__doc__.split("\n")[0], "127.0.0.1:9308").parse_args()
    REGISTRY.register(Kafka(chosen.brokers))
    service.start(chosen)
    service.stopping.wait()


main()
