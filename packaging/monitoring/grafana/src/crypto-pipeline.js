// SPDX-License-Identifier: Apache-2.0
// The jobs of the pipeline differ from panel to panel: here the variables choose consumers,
// the producers and the exporters are all shown.
import { make, panel } from "./common.js";

const rate = (metric) => `sum(rate(${metric}[$__rate_interval]))`;

export default make({
	uid: "windsock-crypto-pipeline", title: "Crypto pipeline", tags: ["pipeline", "windsock"],
	description: "Producer, consumer, PostgreSQL and Kafka or Redpanda.",
	seed: "consumer_messages_total",
	rows: [
		["Data flow", 8, [
			panel("timeseries", "Throughput", "Messages a second, produced and consumed.", "ops", 12,
				['sum(rate(producer_messages_total[$__rate_interval]))', "produced"],
				['sum(rate(consumer_messages_total{job=~"$job", instance=~"$instance"}[$__rate_interval]))', "consumed"]),
			panel("timeseries", "End-to-end lag", "Messages not yet consumed, over those consumed a second: how far behind the consumers are.", "s", 12,
				['sum(kafka_consumergroup_lag)\n  / (sum(rate(consumer_messages_total{job=~"$job", instance=~"$instance"}[$__rate_interval])) > 0)', "behind"]),
		]],
		["PostgreSQL", 8, [
			panel("stat", "PostgreSQL up", "1 when the exporter reaches the database.", "short", 4, ["min(pg_up)", "up"]),
			panel("timeseries", "Connections", "Connections by database, and how many there may be.", "short", 10,
				["sum by (datname) (pg_stat_activity_count)", "{{datname}}"], ["max(pg_settings_max_connections)", "limit"]),
			panel("timeseries", "Transactions", "Transactions a second.", "ops", 10,
				[rate("pg_stat_database_xact_commit"), "committed"], [rate("pg_stat_database_xact_rollback"), "rolled back"]),
		]],
		["Kafka or Redpanda", 8, [
			panel("stat", "Brokers", "Brokers that answer.", "short", 4, ["max(kafka_brokers)", "brokers"]),
			panel("timeseries", "Consumer lag", "Messages not yet consumed, by group and topic.", "short", 10,
				["sum by (consumergroup, topic) (kafka_consumergroup_lag)", "{{consumergroup}} {{topic}}"]),
			panel("timeseries", "Messages by topic", "Messages written a second.", "ops", 10,
				["sum by (topic) (rate(kafka_topic_partition_current_offset[$__rate_interval]))", "{{topic}}"]),
		]],
	],
});
