// SPDX-License-Identifier: Apache-2.0
import { make, of, panel, rate } from "./common.js";

const total = (metric) => `sum(${rate(metric)})`;
const by = (label, metric) => `sum by (${label}) (${rate(metric)})`;

export default make({
	uid: "windsock-itself", title: "windsock itself", tags: ["windsock"],
	description: "What windsock receives, loses, refuses and holds.", seed: "windsock_build_info",
	rows: [
		["Receiving", 8, [
			panel("timeseries", "Datagrams", "Datagrams a second.", "pps", 8,
				[by("instance", "windsock_datagrams_total"), "{{instance}}"]),
			panel("timeseries", "Samples", "Samples understood a second, by type.", "ops", 8,
				[by("type", "windsock_samples_total"), "{{type}}"]),
			panel("timeseries", "Bytes", "Bytes received a second.", "Bps", 8,
				[by("instance", "windsock_bytes_total"), "{{instance}}"]),
		]],
		["Losses", 8, [
			panel("timeseries", "Dropped by the kernel", "Datagrams lost before windsock could read them. Above 0, enlarge the receive buffer.", "pps", 8,
				[by("instance", "windsock_kernel_drops_total"), "{{instance}}"]),
			panel("timeseries", "Rejected", "Lines and samples not used, by reason.", "ops", 8,
				[by("reason", "windsock_rejected_total"), "{{reason}}"]),
			panel("timeseries", "Unmatched and refused", "Samples without a rule, dropped by a rule, and refused a series.", "ops", 8,
				[total("windsock_unmatched_total"), "unmatched"], [total("windsock_dropped_total"), "dropped by a rule"],
				[total("windsock_series_refused_total"), "series refused"]),
		]],
		["Series and memory", 8, [
			panel("timeseries", "Series", "Series held, by instance, and their limit (0 is none).", "short", 8,
				[of("windsock_series"), "{{instance}}"], [of("windsock_series_limit"), "{{instance}} limit"]),
			panel("timeseries", "Memory", "Memory in use, and what of it the series hold.", "bytes", 8,
				[of("process_resident_memory_bytes") + ' and on (job, instance) windsock_build_info', "{{instance}} resident"],
				[of("windsock_store_bytes"), "{{instance}} series"]),
			panel("timeseries", "HTTP requests", "Requests answered and refused a second.", "reqps", 8,
				[total("windsock_http_requests_total"), "requests"], [total("windsock_http_refused_total"), "refused"]),
		]],
	],
});
