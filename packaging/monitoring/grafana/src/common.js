// SPDX-License-Identifier: Apache-2.0
// What the dashboards have in common: variables, panels on a grid of 24 columns.
import dashboard from "@grafana/grafana-foundation-sdk/dashboard";
import common from "@grafana/grafana-foundation-sdk/common";
import prometheus from "@grafana/grafana-foundation-sdk/prometheus";
import timeseries from "@grafana/grafana-foundation-sdk/timeseries";
import stat from "@grafana/grafana-foundation-sdk/stat";
import bargauge from "@grafana/grafana-foundation-sdk/bargauge";

const source = { type: "prometheus", uid: "${datasource}" };
const kinds = { timeseries, stat, bargauge };
const COLUMNS = 24;

// Of the job and the instances that are chosen.
export const of = (metric, labels = "") =>
	`${metric}{job=~"$job", instance=~"$instance"${labels && ", " + labels}}`;
export const rate = (metric, labels) => `rate(${of(metric, labels)}[$__rate_interval])`;
export const increase = (metric, labels) => `increase(${of(metric, labels)}[$__range])`;

// The average of a summary, from its sum and its count.
export const average = (metric, by, labels) =>
	`sum by (${by}) (${rate(metric + "_sum", labels)})\n` +
	`  / (sum by (${by}) (${rate(metric + "_count", labels)}) > 0)`;

export function choice(name, label, description, metric) {
	return new dashboard.QueryVariableBuilder(name).label(label).description(description)
		.datasource(source).query(`label_values(${metric}, ${name})`)
		.definition(`label_values(${metric}, ${name})`)
		.refresh(dashboard.VariableRefresh.OnTimeRangeChanged)
		.sort(dashboard.VariableSort.AlphabeticalAsc)
		.multi(true).includeAll(true).allValue(".*")
		.current({ selected: true, text: ["All"], value: ["$__all"] });
}

// kind, title, description, unit, width and targets: [expression, legend].
export const panel = (kind, title, description, unit, span, ...targets) =>
	({ kind, title, description, unit, span, targets });

function built(p, x, y, height) {
	const b = new kinds[p.kind].PanelBuilder().title(p.title).description(p.description)
		.unit(p.unit).datasource(source).gridPos({ x, y, w: p.span, h: height });
	if (p.kind === "timeseries")
		b.legend(new common.VizLegendOptionsBuilder().showLegend(true)
			.displayMode(common.LegendDisplayMode.List).placement(common.LegendPlacement.Bottom)
			.calcs([]));
	p.targets.forEach(([expr, legend], i) => {
		const query = new prometheus.DataqueryBuilder().expr(expr).legendFormat(legend)
			.refId(String.fromCharCode(65 + i)).datasource(source);
		b.withTarget(p.kind === "timeseries" ? query.range() : query.instant());
	});
	return b;
}

// rows: [title, height, panels]; panels fill lines of 24 columns.
export function make({ uid, title, description, tags, seed, variables = [], rows }) {
	const d = new dashboard.DashboardBuilder(title).uid(uid).description(description).tags(tags)
		.refresh("5s").time({ from: "now-1h", to: "now" }).timezone("browser").readonly()
		.tooltip(dashboard.DashboardCursorSync.Crosshair)
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
