// SPDX-License-Identifier: Apache-2.0
// Shared by the dashboards: queries, variables, panels on a grid of 24 columns.
import dashboard from "@grafana/grafana-foundation-sdk/dashboard";
import common from "@grafana/grafana-foundation-sdk/common";
import prometheus from "@grafana/grafana-foundation-sdk/prometheus";
import timeseries from "@grafana/grafana-foundation-sdk/timeseries";
import stat from "@grafana/grafana-foundation-sdk/stat";
import bargauge from "@grafana/grafana-foundation-sdk/bargauge";
import table from "@grafana/grafana-foundation-sdk/table";

const source = { type: "prometheus", uid: "${datasource}" };
const kinds = { timeseries, stat, bargauge, table };
const COLUMNS = 24;

// Selects the chosen job and instances.
export const of = (metric, labels = "") =>
	`${metric}{job=~"$job", instance=~"$instance"${labels && ", " + labels}}`;
export const rate = (metric, labels) => `rate(${of(metric, labels)}[$__rate_interval])`;

// The value of a counter whose series started within a range: its first event counts, but a rate does
// not include it.  Only for a process that was scraped before the range or has started since; otherwise
// the value may be old.
const began = (m, time, seconds) =>
	`((${m} unless ${m} offset ${time})\n` +
	`    and on (job, instance) (${of("up")} offset ${time} == 1\n` +
	`      or ${of("process_start_time_seconds")} > time() - ${seconds}))`;
// Grafana does not provide $__rate_interval in seconds: this is not less, unless zoomed in closely.
const SECONDS = { $__range: "$__range_s", $__rate_interval: "5 * $__interval_ms / 1000" };

// The increase of a counter within a range.
export function during(metric, labels, time = "$__range") {
	const m = of(metric, labels);
	return `${began(m, time, SECONDS[time])}\n    or increase(${m}[${time}])`;
}
// The same for each bar of a panel: each event is in exactly one bar.
export function each(metric, labels) {
	const m = of(metric, labels);
	return `${began(m, "$__interval", "$__interval_ms / 1000")}\n` +
		`    or rate(${m}[$__rate_interval]) * $__interval_ms / 1000`;
}

export const sum = (by, text) => `sum${by && ` by (${by})`} (\n  ${text}\n)`;

// The average of a summary, from its sum and count.
export const average = (metric, by, labels, time = "$__rate_interval") =>
	`${sum(by, during(metric + "_sum", labels, time))}\n` +
	`  / (${sum(by, during(metric + "_count", labels, time))} > 0)`;

export function choice(name, label, description, metric) {
	return new dashboard.QueryVariableBuilder(name).label(label).description(description)
		.datasource(source).query(`label_values(${metric}, ${name})`)
		.definition(`label_values(${metric}, ${name})`)
		.refresh(dashboard.VariableRefresh.OnTimeRangeChanged)
		.sort(dashboard.VariableSort.AlphabeticalAsc)
		.multi(true).includeAll(true).allValue(".*")
		.current({ selected: true, text: ["All"], value: ["$__all"] });
}

// kind, title, description, unit, width, targets: [expression, legend], and settings: {...}.
export const panel = (kind, title, description, unit, span, ...rest) =>
	({ kind, title, description, unit, span, targets: rest.filter(Array.isArray),
		settings: Object.assign({}, ...rest.filter((each) => !Array.isArray(each))) });

const fixed = (color) => [{ id: "color", value: { mode: "fixed", fixedColor: color } }];
export const STATUSES = { success: "green", failed: "red", upstream_failed: "dark-red",
	up_for_retry: "orange", up_for_reschedule: "blue", deferred: "purple", skipped: "gray",
	removed: "gray", restarting: "yellow" };

const legend = (mode, place) => new common.VizLegendOptionsBuilder().showLegend(true)
	.displayMode(mode).placement(place);

// Settings of a panel, and the calls of the SDK for them.
const settings = {
	decimals: (b, digits) => b.decimals(digits),
	// Whole numbers, possibly zero.
	whole: (b) => b.decimals(0).axisSoftMax(1),
	min: (b, value) => b.min(value),
	max: (b, value) => b.max(value),
	none: (b, text) => b.noValue(text),
	points: (b, most) => b.maxDataPoints(most),
	links: (b, links) => b.dataLinks(links.map(([title, url]) =>
		new dashboard.DashboardLinkBuilder(title).url(url))),
	// Color thresholds: [value, color], the first without a value.
	steps: (b, steps) => b.thresholds(new dashboard.ThresholdsConfigBuilder()
		.mode(dashboard.ThresholdsMode.Absolute)
		.steps(steps.map(([value, color]) => ({ value, color }))))
		.colorScheme(new dashboard.FieldColorBuilder().mode(dashboard.FieldColorModeId.Thresholds)),
	colors: (b, colors) => Object.entries(colors).forEach(([name, color]) =>
		b.overrideByName(name, fixed(color))),
	dashed: (b, name) => b.overrideByRegexp(name, [
		{ id: "custom.lineStyle", value: { fill: "dash", dash: [8, 8] } },
		{ id: "custom.fillOpacity", value: 0 }]),
	stacked: (b) => b.stacking(new common.StackingConfigBuilder().group("A")
		.mode(common.StackingMode.Normal)).fillOpacity(30),
	// Bars that contain what was counted since the previous one.
	bars: (b) => settings.stacked(b) && b.drawStyle(common.GraphDrawStyle.Bars).fillOpacity(80)
		.lineWidth(0).maxDataPoints(30).decimals(0).min(0).axisSoftMax(1)
		.legend(legend(common.LegendDisplayMode.List, common.LegendPlacement.Bottom).calcs(["sum"])),
	// Many series: a table next to the graph, the highest values first.
	many: (b) => b.fillOpacity(0).legend(legend(common.LegendDisplayMode.Table, common.LegendPlacement.Right)
		.calcs(["lastNotNull", "max"]).sortBy("Max").sortDesc(true)),
	// Occasional values, such as those of runs: connected.
	joined: (b) => b.spanNulls(true),
	// Columns of a table from its queries: [name, settings by id], the labels first.
	columns: (b, columns) => {
		const names = Object.fromEntries(columns.map(([from, to]) => [from, to]));
		const index = Object.fromEntries(columns.map(([from], i) => [from, i]));
		b.withTransformation({ id: "merge", options: {} });
		b.withTransformation({ id: "organize", options: {
			excludeByName: { Time: true }, indexByName: index, renameByName: names } });
		columns.forEach(([, name, ids]) => ids && b.overrideByName(name,
			Object.entries(ids).map(([id, value]) => ({ id, value }))));
	},
	sorted: (b, [name, desc]) => b.sortBy([
		new common.TableSortByFieldStateBuilder().displayName(name).desc(desc)]),
};

const last = () => new common.ReduceDataOptionsBuilder().values(false).calcs(["lastNotNull"]);

// Defaults of each kind of panel.
const basics = {
	timeseries: (b) => b.fillOpacity(8).lineWidth(1).showPoints(common.VisibilityMode.Auto)
		.axisSoftMin(0)
		.legend(legend(common.LegendDisplayMode.List, common.LegendPlacement.Bottom).calcs([]))
		.tooltip(new common.VizTooltipOptionsBuilder().mode(common.TooltipDisplayMode.Multi)
			.sort(common.SortOrder.Descending)),
	stat: (b) => b.reduceOptions(last()).graphMode(common.BigValueGraphMode.None)
		.colorMode(common.BigValueColorMode.Value).textMode(common.BigValueTextMode.Value),
	bargauge: (b) => b.reduceOptions(last()).orientation(common.VizOrientation.Horizontal)
		.displayMode(common.BarGaugeDisplayMode.Basic).min(0)
		.namePlacement(common.BarGaugeNamePlacement.Left).maxVizHeight(28),
	table: (b) => b,
};

function built(p, x, y, height) {
	const b = new kinds[p.kind].PanelBuilder().title(p.title).description(p.description)
		.unit(p.unit).datasource(source).gridPos({ x, y, w: p.span, h: height });
	basics[p.kind](b);
	Object.entries(p.settings).forEach(([name, value]) => settings[name](b, value));
	p.targets.forEach(([expr, text], i) => {
		const query = new prometheus.DataqueryBuilder().expr(expr)
			.refId(String.fromCharCode(65 + i)).datasource(source);
		if (p.kind === "table")
			query.format(prometheus.PromQueryFormat.Table);
		else
			query.legendFormat(text);
		b.withTarget(p.kind === "timeseries" ? query.range() : query.instant());
	});
	return b;
}

// rows: [title, height, panels]; panels fill lines of 24 columns.
export function make({ uid, title, description, tags, seed, variables = [], rows }) {
	const d = new dashboard.DashboardBuilder(title).uid(uid).description(description).tags(tags)
		.refresh("5s").time({ from: "now-1h", to: "now" }).timezone("browser").readonly()
		.tooltip(dashboard.DashboardCursorSync.Crosshair)
		.links([new dashboard.DashboardLinkBuilder("Dashboards").type(dashboard.DashboardLinkType.Dashboards)
			.tags(["windsock"]).asDropdown(true).keepTime(true)])
		.withVariable(new dashboard.DatasourceVariableBuilder("datasource").label("Data source")
			.type("prometheus"))
		.withVariable(choice("job", "Job", "Scrape jobs", seed))
		.withVariable(choice("instance", "Instance", "Scrape targets",
			`${seed}{job=~"$job"}`));
	variables.forEach((v) => d.withVariable(v));
	let y = 0;
	for (const [name, height, panels] of rows) {
		d.withRow(new dashboard.RowBuilder(name).gridPos({ x: 0, y: y++, w: COLUMNS, h: 1 }));
		let x = 0;
		for (const p of panels) {
			if (x + p.span > COLUMNS) {
				x = 0;
				y += height;
			}
			d.withPanel(built(p, x, y, height));
			x += p.span;
		}
		y += height;
	}
	const json = d.build();
	json.panels.forEach((p, i) => { p.id = i + 1; });
	return json;
}
