// SPDX-License-Identifier: Apache-2.0
// The jobs of the pipeline differ from panel to panel: here the variables choose consumers,
// the producers and the exporters are all shown.
import { make, panel, rate as rateOf } from "./common.js";

const rate = (metric) => `sum(rate(${metric}[$__rate_interval]))`;

const endToEnd = (part) =>
	`histogram_quantile(${part}, sum by (le) (${rateOf("pipeline_end_to_end_seconds_bucket")}))`;

export default make({
	uid: "windsock-crypto-pipeline", title: "Crypto pipeline", tags: ["pipeline", "windsock"],
	description: "Producer, consumer, PostgreSQL and Kafka or Redpanda.",
	seed: "consumer_messages_total",
	rows: [
		["Data flow", 8, [
			panel("timeseries", "Throughput", "Messages a second, produced and consumed.", "ops", 12,
				['sum(rate(producer_messages_total[$__rate_interval]))', "produced"],
				['sum(rate(consumer_messages_total{job=~"$job", instance=~"$instance"}[$__rate_interval]))', "consumed"]),
			panel("timeseries", "End-to-end lag", "From a trade to its row being committed: half of the trades, and 19 of 20, are faster.", "s", 12,
				[endToEnd(0.5), "half"], [endToEnd(0.95), "19 of 20"]),
			panel("timeseries", "Failures", "What went wrong, a second, by reason. Of the consumer, only what is undecodable is lost.", "ops", 8,
				["sum by (reason) (rate(producer_failures_total[$__rate_interval]))", "producer {{reason}}"],
				[`sum by (reason) (${rateOf("consumer_failures_total")})`, "consumer {{reason}}"]),
			panel("timeseries", "Insert time", "Of a batch into PostgreSQL, on average.", "s", 8,
				[`sum(${rateOf("consumer_insert_seconds_sum")})\n  / (sum(${rateOf("consumer_insert_seconds_count")}) > 0)`, "a batch"]),
			panel("timeseries", "Waiting in the producer", "Trades that no broker has acknowledged yet.", "short", 8,
				["sum(producer_waiting_messages)", "waiting"]),
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
