// SPDX-License-Identifier: Apache-2.0
// Draws a dashboard with Grafana's own components, from window.picture: {dashboard, results, from,
// to}; results[panel id] is {step, answers: [{refId, legend, result}]} as Prometheus answered.
import React from "react";
import { createRoot } from "react-dom/client";
// Required, not imported: what they themselves import by default is the whole module otherwise.
const {
	FieldType, ThemeContext, VizOrientation, applyFieldOverrides, createTheme, dateTime,
	getDisplayValueAlignmentFactors, getFieldDisplayValues, standardTransformers,
	standardFieldConfigEditorRegistry, standardTransformersRegistry, toDataFrame,
	transformDataFrame,
} = require("@grafana/data");
const { BarGauge, BigValue, GlobalStyles, Table, TimeSeries, VizRepeater } = require("@grafana/ui");

const CELL = 30, GAP = 8, HEAD = 32, PAD = 8;
const theme = createTheme({ colors: { mode: "light" } });
const { dashboard, results, from, to } = window.picture;

// What a panel's field settings are where its JSON has none.
const CUSTOM = { drawStyle: "line", lineWidth: 1, fillOpacity: 0, showPoints: "auto", pointSize: 5,
	spanNulls: false, gradientMode: "none", lineInterpolation: "linear", barAlignment: 0,
	axisPlacement: "auto", scaleDistribution: { type: "linear" }, thresholdsStyle: { mode: "off" },
	hideFrom: { tooltip: false, viz: false, legend: false }, stacking: { group: "A", mode: "none" } };
const THRESHOLDS = { mode: "absolute", steps: [{ value: -Infinity, color: "green" }] };

// Which settings there are: those of all panels, and those that belong to a kind.
const setting = (isCustom) => (path) => ({
	id: isCustom ? `custom.${path}` : path, path, isCustom, name: path, editor: () => null,
	override: () => null, process: (value) => value, shouldApply: () => true,
});
standardFieldConfigEditorRegistry.setInit(() => [
	..."unit min max decimals displayName noValue thresholds mappings color links".split(" ")
		.map(setting(false)),
	...[...Object.keys(CUSTOM), "axisSoftMin", "axisSoftMax", "lineStyle", "width", "align",
		"cellOptions"].map(setting(true)),
]);
standardTransformersRegistry.setInit(() =>
	[...new Set(Object.values(standardTransformers))].map((transformation) =>
		({ id: transformation.id, name: transformation.name, transformation: () => transformation })));

const named = (legend, labels) => legend.replace(/{{\s*(\w+)\s*}}/g, (_, name) => labels[name] ?? "");
const number = (text) => (text === "NaN" ? null : Number(text.replace("Inf", "Infinity")));

// As Grafana does: a line ends where a step has no value.
const gapped = (points, step) => points.flatMap(([at, value], i) =>
	(i + 1 < points.length && points[i + 1][0] - at > 1.5 * step
		? [[at, value], [at + step, "NaN"]] : [[at, value]]));

function series({ legend, result }, step) {
	return result.map(({ metric, values, value }) => {
		const points = values ? gapped(values, step) : [value];
		return toDataFrame({ fields: [
			{ name: "Time", type: FieldType.time, values: points.map(([at]) => at * 1000) },
			{ name: "Value", type: FieldType.number, values: points.map(([, v]) => number(v)),
				labels: metric, config: { displayNameFromDS: named(legend, metric) } },
		] });
	});
}

function table({ refId, result }, several) {
	const labels = [...new Set(result.flatMap(({ metric }) => Object.keys(metric)))].sort();
	return toDataFrame({ refId, fields: [
		{ name: "Time", type: FieldType.time, values: result.map(({ value }) => value[0] * 1000) },
		...labels.map((name) => ({ name, type: FieldType.string,
			values: result.map(({ metric }) => metric[name] ?? "") })),
		{ name: several ? `Value #${refId}` : "Value", type: FieldType.number,
			values: result.map(({ value }) => number(value[1])) },
	] });
}

const withFieldConfig = (panel, data) => applyFieldOverrides({
	data, fieldConfig: panel.fieldConfig, theme, timeZone: "utc", replaceVariables: (text) => text });

const timeRange = { from: dateTime(from * 1000), to: dateTime(to * 1000),
	raw: { from: "now-1h", to: "now" } };

function values(panel, data) {
	return getFieldDisplayValues({ fieldConfig: panel.fieldConfig, data, theme, timeZone: "utc",
		reduceOptions: { values: false, calcs: ["lastNotNull"], ...panel.options?.reduceOptions },
		replaceVariables: (text) => text, sparkline: false });
}

function Stat({ panel, data, width, height }) {
	const o = panel.options ?? {};
	return <VizRepeater width={width} height={height} source={data} renderCounter={0} itemSpacing={3}
		getValues={() => values(panel, data)} autoGrid orientation={o.orientation ?? VizOrientation.Auto}
		renderValue={({ value, width, height, count }) => <BigValue theme={theme} value={value.display}
			width={width} height={height} colorMode={o.colorMode ?? "value"} graphMode="none" count={count}
			justifyMode={o.justifyMode ?? "auto"} textMode={o.textMode ?? "auto"} />} />;
}

function Gauge({ panel, data, width, height }) {
	const o = panel.options ?? {};
	return <VizRepeater width={width} height={height} source={data} renderCounter={0} itemSpacing={8}
		getValues={() => values(panel, data)} orientation={o.orientation ?? VizOrientation.Horizontal}
		minVizHeight={o.minVizHeight ?? 16} maxVizHeight={o.maxVizHeight ?? 300}
		minVizWidth={o.minVizWidth ?? 8}
		getAlignmentFactors={(v) => getDisplayValueAlignmentFactors(v)}
		renderValue={({ value, width, height, orientation, alignmentFactors }) => <BarGauge theme={theme}
			width={width} height={height} orientation={orientation} value={value.display}
			field={value.field} display={value.view?.getFieldDisplayProcessor(value.colIndex)}
			displayMode={o.displayMode ?? "gradient"} showUnfilled={o.showUnfilled ?? true}
			valueDisplayMode={o.valueMode} alignmentFactors={alignmentFactors} namePlacement={o.namePlacement} />} />;
}

function Graph({ panel, data, width, height }) {
	const legend = { showLegend: true, displayMode: "list", placement: "bottom", calcs: [],
		...panel.options?.legend };
	return <TimeSeries frames={data} timeRange={timeRange} timeZone="utc" width={width}
		height={height} legend={legend} structureRev={1} />;
}

const Rows = ({ data, width, height, panel }) =>
	<Table data={data[0]} width={width} height={height}
		initialSortBy={panel.options?.sortBy?.map(({ displayName, desc }) => ({ id: displayName, desc }))} />;

const kinds = { timeseries: Graph, stat: Stat, bargauge: Gauge, table: Rows };
function defaults(panel) {
	const { defaults = {}, overrides = [] } = panel.fieldConfig ?? {};
	const steps = defaults.thresholds?.steps.map((s) => ({ ...s, value: s.value ?? -Infinity }));
	const graph = panel.type === "timeseries";
	return { ...panel, fieldConfig: { overrides, defaults: { ...defaults,
		color: defaults.color ?? { mode: graph ? "palette-classic" : "thresholds" },
		thresholds: steps ? { ...defaults.thresholds, steps } : THRESHOLDS,
		custom: graph ? { ...CUSTOM, ...defaults.custom } : defaults.custom ?? {} } } };
}

async function frames(panel) {
	const { answers, step } = results[panel.id];
	const tables = panel.type === "table";
	const plain = answers.flatMap((answer) =>
		tables ? [table(answer, answers.length > 1)] : series(answer, step));
	const done = panel.transformations?.length
		? await new Promise((ready) => transformDataFrame(panel.transformations, plain,
			{ interpolate: (text) => text }).subscribe(ready))
		: plain;
	return withFieldConfig(panel, done);
}

const card = { position: "absolute", background: theme.colors.background.primary, overflow: "hidden",
	border: `1px solid ${theme.colors.border.weak}`, borderRadius: 2, boxSizing: "border-box" };
const column = (window.innerWidth - GAP) / 24;
const TOP = 76;

function Panel({ panel, data }) {
	const { x, y, w, h } = panel.gridPos;
	const place = { left: x * column + GAP, top: TOP + y * (CELL + GAP), width: w * column - GAP,
		height: h * CELL + (h - 1) * GAP };
	if (panel.type === "row")
		return <div style={{ position: "absolute", ...place, lineHeight: `${CELL}px`, fontSize: 16 }}>
			<span style={{ fontSize: 10, marginRight: 8 }}>▼</span>{panel.title}</div>;
	const inner = { width: place.width - 2 * PAD - 2, height: place.height - HEAD - PAD - 2 };
	const Kind = kinds[panel.type];
	const empty = !data.some((frame) => frame.length);
	return <div style={{ ...card, ...place }}>
		<div style={{ height: HEAD, lineHeight: `${HEAD}px`, padding: `0 ${PAD}px`, fontWeight: 500,
			whiteSpace: "nowrap" }}>{panel.title}</div>
		<div style={{ position: "relative", margin: `0 ${PAD}px`, ...inner }}>
			{empty ? <div style={{ textAlign: "center", paddingTop: inner.height / 2 - 12,
				color: theme.colors.text.secondary }}>{panel.fieldConfig.defaults.noValue ?? "No data"}</div>
				: <Kind panel={panel} data={data} {...inner} />}
		</div>
	</div>;
}

function Head() {
	const time = (at) => new Date(at * 1000).toISOString().slice(0, 16).replace("T", " ");
	const box = { display: "inline-block", border: `1px solid ${theme.colors.border.medium}`,
		borderRadius: 2, padding: "2px 8px", marginRight: 12, fontSize: 12,
		background: theme.colors.background.primary };
	return <div style={{ padding: 8 }}>
		<div style={{ display: "flex", justifyContent: "space-between", fontSize: 18, marginBottom: 6 }}>
			<span>{dashboard.title}</span><span style={{ fontSize: 13 }}>{time(from)} to {time(to)} UTC</span>
		</div>
		{dashboard.templating.list.map((v) => <span key={v.name} style={box}>
			<b style={{ fontWeight: 500 }}>{v.label}</b> {v.type === "datasource" ? "Prometheus" : "All"}</span>)}
	</div>;
}

const panels = dashboard.panels.map((panel) => (panel.type === "row" ? panel : defaults(panel)));
const data = await Promise.all(panels.map((panel) => (panel.type === "row" ? [] : frames(panel))));
document.body.style.background = theme.colors.background.canvas;
createRoot(document.getElementById("root")).render(
	<ThemeContext.Provider value={theme}>
		<GlobalStyles />
		<Head />
		{panels.map((panel, i) => <Panel key={panel.id} panel={panel} data={data[i]} />)}
	</ThemeContext.Provider>);
window.height = TOP + GAP + Math.max(...panels.map(({ gridPos: { y, h } }) => y + h)) * (CELL + GAP);
