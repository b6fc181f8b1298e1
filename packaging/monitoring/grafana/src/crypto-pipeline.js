// SPDX-License-Identifier: Apache-2.0
// The jobs of the pipeline differ between panels: the variables only select consumers; all producers
// and exporters are shown.
import { average, during, make, panel, rate as rateOf, sum } from "./common.js";

const rate = (metric) => `sum(rate(${metric}[$__rate_interval]))`;

const UP = [[null, "red"], [1, "green"]];

const endToEnd = (part) =>
	`histogram_quantile(${part}, ${sum("le", during("pipeline_end_to_end_seconds_bucket", "", "$__rate_interval"))})`;

export default make({
	uid: "windsock-crypto-pipeline", title: "Crypto pipeline", tags: ["pipeline", "windsock"],
	description: "Producer, consumer, PostgreSQL and Kafka or Redpanda.",
	seed: "consumer_messages_total",
	rows: [
		["Data Flow Metrics", 8, [
			panel("timeseries", "Throughput", "Messages produced and consumed per second.", "ops", 12,
				['sum(rate(producer_messages_total[$__rate_interval]))', "produced"],
				['sum(rate(consumer_messages_total{job=~"$job", instance=~"$instance"}[$__rate_interval]))', "consumed"]),
			panel("timeseries", "End-to-end lag", "Time from a trade to the commit of its row: half of the trades, and 19 of 20, are faster.", "s", 12,
				[endToEnd(0.5), "half"], [endToEnd(0.95), "19 of 20"]),
			panel("timeseries", "Failures", "Failures per second, by reason. In the consumer, only undecodable messages are lost.", "ops", 12,
				["sum by (reason) (rate(producer_failures_total[$__rate_interval]))", "producer {{reason}}"],
				[`sum by (reason) (${rateOf("consumer_failures_total")})`, "consumer {{reason}}"], { many: true }),
			panel("timeseries", "Insert time", "Average time to insert a batch into PostgreSQL.", "s", 6,
				[average("consumer_insert_seconds", "instance"), "{{instance}}"]),
			panel("timeseries", "Waiting in the producer", "Trades that no broker has acknowledged yet.", "short", 6,
				["sum(producer_waiting_messages)", "waiting"], { whole: true }),
		]],
		["Database Performance", 8, [
			panel("stat", "PostgreSQL up", "Whether the exporter can reach the database.", "bool_yes_no", 4, ["min(pg_up)", "up"], { steps: UP }),
			panel("stat", "Connections, share of limit", "Used share of the maximum number of connections.", "percentunit", 4,
				["max(sum by (job, instance) (pg_stat_activity_count)\n  / max by (job, instance) (pg_settings_max_connections))", "share"],
				{ decimals: 1, steps: [[null, "green"], [0.7, "orange"], [0.9, "red"]] }),
			panel("timeseries", "Connections", "Connections by database.", "short", 8,
				["sum by (datname) (pg_stat_activity_count) > 0", "{{datname}}"], { whole: true }),
			panel("timeseries", "Transactions", "Transactions per second.", "ops", 8,
				[rate("pg_stat_database_xact_commit"), "committed"], [rate("pg_stat_database_xact_rollback"), "rolled back"]),
		]],
		["Kafka/Redpanda Metrics", 8, [
			panel("stat", "Brokers", "Brokers that answer.", "short", 4, ["max(kafka_brokers)", "brokers"], { decimals: 0, steps: UP }),
			panel("timeseries", "Consumer lag", "Messages not yet consumed, by group and topic.", "short", 10,
				["sum by (consumergroup, topic) (kafka_consumergroup_lag)", "{{consumergroup}} {{topic}}"], { whole: true }),
			panel("timeseries", "Messages by topic", "Messages written per second, without Kafka's internal topics.", "ops", 10,
				['sum by (topic) (rate(kafka_topic_partition_current_offset{topic!~"__.*"}[$__rate_interval]))', "{{topic}}"]),
		]],
	],
});
