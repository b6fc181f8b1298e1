// SPDX-License-Identifier: Apache-2.0
import { during, make, of, panel, rate, sum } from "./common.js";

const total = (metric) => `sum (${rate(metric)})`;
const by = (label, metric) => `sum by (${label}) (${rate(metric)})`;
const some = (label, metric) => `${by(label, metric)} > 0`;
const lost = (metric) => sum("", during(metric));
const BAD_ABOVE_0 = [[null, "green"], [1, "red"]];
const SHARE = [[null, "green"], [0.8, "orange"], [0.95, "red"]];
const of_limit = `max(${of("windsock_series")} / (${of("windsock_series_limit")} > 0))`;

export default make({
	uid: "windsock-itself", title: "windsock itself", tags: ["windsock"],
	description: "What windsock receives, loses, rejects and stores.", seed: "windsock_build_info",
	rows: [
		["Now and in the selected time range", 4, [
			panel("stat", "Running", "Instances that Prometheus can scrape, of the selected ones.", "short", 3,
				[`count(${of("windsock_build_info")})`, "running"], { decimals: 0, steps: [[null, "red"], [1, "green"]] }),
			panel("stat", "Samples per second", "Valid samples at present.", "ops", 3, [total("windsock_samples_total"), "samples"], { decimals: 1 }),
			panel("stat", "Datagrams dropped", "Datagrams that the kernel dropped in the selected time range before windsock could read them. Increase the receive buffer.", "short", 3,
				[lost("windsock_kernel_drops_total"), "dropped"], { decimals: 0, steps: BAD_ABOVE_0 }),
			panel("stat", "Rejected", "Lines, samples, tags and fields that were rejected in the selected time range.", "short", 3,
				[lost("windsock_rejected_total"), "rejected"], { decimals: 0, steps: BAD_ABOVE_0 }),
			panel("stat", "Unmatched", "Samples in the selected time range that no rule matched: see /unmatched.", "short", 3,
				[lost("windsock_unmatched_total"), "unmatched"], { decimals: 0, steps: [[null, "green"], [1, "orange"]] }),
			panel("stat", "Series, share of limit", "Series as a share of the limit, for the instance closest to it. At 100 %, new series are rejected.", "percentunit", 3,
				[of_limit, "share"], { decimals: 1, steps: SHARE, none: "No limit" }),
			panel("stat", "Mapping loaded", "Whether the last reload succeeded on all instances; an instance whose reload failed keeps the previous mapping.", "bool_yes_no", 3,
				[`min(${of("windsock_config_last_reload_successful")})`, "successful"], { steps: [[null, "red"], [1, "green"]] }),
			panel("stat", "Restarts", "Starts of windsock in the selected time range.", "short", 3,
				[`sum(changes(${of("process_start_time_seconds")}[$__range]) and on (job, instance) ${of("windsock_build_info")})`, "starts"],
				{ decimals: 0, steps: [[null, "green"], [1, "orange"]] }),
		]],
		["Receiving", 8, [
			panel("timeseries", "Datagrams", "Datagrams per second.", "pps", 8,
				[by("instance", "windsock_datagrams_total"), "{{instance}}"]),
			panel("timeseries", "Samples", "Valid samples per second, by type.", "ops", 8,
				[some("type", "windsock_samples_total"), "{{type}}"], { stacked: true }),
			panel("timeseries", "Bytes", "Bytes received per second.", "Bps", 8,
				[by("instance", "windsock_bytes_total"), "{{instance}}"]),
		]],
		["Losses", 8, [
			panel("timeseries", "Dropped by the kernel", "Datagrams per second lost before windsock could read them. Above 0, increase the receive buffer.", "pps", 8,
				[by("instance", "windsock_kernel_drops_total"), "{{instance}}"]),
			panel("timeseries", "Rejected by reason", "Rejected lines, samples, tags and fields per second.", "ops", 8,
				[some("reason", "windsock_rejected_total"), "{{reason}}"], { none: "None rejected" }),
			panel("timeseries", "Rejected series by reason", "Samples per second whose series could not be created.", "ops", 8,
				[some("reason", "windsock_series_refused_total"), "{{reason}}"], { none: "None rejected" }),
		]],
		["Rules", 8, [
			panel("timeseries", "Unmatched and dropped by rules", "Samples per second that no rule matched, or that a rule dropped, such as one of two samples that Airflow sends for the same event.", "ops", 8,
				[total("windsock_unmatched_total"), "unmatched"], [total("windsock_dropped_total"), "dropped by a rule"]),
			panel("bargauge", "Busiest rules", "Samples that rules matched in the selected time range.", "short", 8,
				[`topk(10, ${sum("rule", during("windsock_rule_hits_total"))})`, "{{rule}}"], { decimals: 0, steps: [[null, "blue"]] }),
			panel("timeseries", "Cache hit ratio", "Share of the samples whose name was found in the cache.", "percentunit", 8,
				[`${by("instance", "windsock_cache_hits_total")}\n  / (${by("instance", "windsock_cache_hits_total")} + ${by("instance", "windsock_cache_misses_total")} > 0)`, "{{instance}}"], { max: 1 }),
		]],
		["Series, memory and time", 8, [
			panel("timeseries", "Series", "Current number of series.", "short", 6,
				[`sum by (instance) (${of("windsock_series")})`, "{{instance}}"], { whole: true }),
			panel("timeseries", "Memory", "Resident memory, and the part that the series use.", "bytes", 6,
				[`sum by (instance) (${of("process_resident_memory_bytes")} and on (job, instance) ${of("windsock_build_info")})`, "{{instance}} resident"],
				[`sum by (instance) (${of("windsock_store_bytes")})`, "{{instance}} series"]),
			panel("timeseries", "CPU", "Share of one CPU.", "percentunit", 6,
				[`sum by (instance) (${rate("process_cpu_seconds_total")} and on (job, instance) ${of("windsock_build_info")})`, "{{instance}}"]),
			panel("timeseries", "HTTP requests", "Requests answered and rejected per second.", "reqps", 6,
				[total("windsock_http_requests_total"), "answered"], [total("windsock_http_refused_total"), "refused"]),
		]],
	],
});
