// SPDX-License-Identifier: Apache-2.0
import { STATUSES, average, choice, during, each, make, of, panel, rate, sum } from "./common.js";

const dag = 'dag_id=~"$dag_id"';
const task = `${dag}, task_id=~"$task_id"`;
const pool = 'pool=~"$pool"';
const chosen = '{job=~"$job", instance=~"$instance"';

const failed_runs = sum("", during("airflow_dag_status_count", `${dag}, status="failed"`));
const runs = (by) => sum(by, during("airflow_dag_status_count", dag));
const rate_of_success = (by) =>
	`${sum(by, during("airflow_dag_status_count", `${dag}, status="success"`))}\n` +
	`  / (${runs(by)} > 0)`;
const per_minute = (metric, by) => `sum${by} (${rate(metric)}) * 60`;
const of_pool = (state) => `max by (pool) (${of(`airflow_pool_${state}_slots`, pool)})`;
const slots = (state) => `sum (${of(`airflow_pool_${state}_slots`, pool)})`;
const GOOD_IS_HIGH = [[null, "red"], [0.9, "orange"], [0.99, "green"]];
const BAD_ABOVE_0 = [[null, "green"], [1, "red"]];
const ALIVE = [[null, "red"], [0.1, "green"]];
const this_dag = "/d/windsock-airflow?${__url_time_range}&${datasource:queryparam}&" +
	"${job:queryparam}&${instance:queryparam}&var-dag_id=${__value.raw}";

export default make({
	uid: "windsock-airflow", title: "Airflow monitoring", tags: ["airflow", "windsock"],
	description: "DAGs, tasks, scheduler, pools and executors of Airflow, by way of windsock.",
	seed: "airflow_scheduler_heartbeat",
	variables: [
		choice("dag_id", "DAG", "DAGs that have run", `airflow_dag_status_count${chosen}}`),
		choice("task_id", "Task", "Tasks of these DAGs",
			`airflow_task_status_count${chosen}, dag_id=~"$dag_id"}`),
		choice("pool", "Pool", "Pools of Airflow", `airflow_pool_open_slots${chosen}}`),
	],
	rows: [
		["Overview", 8, [
			panel("timeseries", "DAG Status Count", "DAG runs that ended, by how. The legend has the numbers of the time shown.", "short", 8,
				[sum("status", each("airflow_dag_status_count", dag)), "{{status}}"], { bars: true, colors: STATUSES }),
			panel("timeseries", "Task Status Count", "Task instances that ended a try, or were put off, by how. The legend has the numbers of the time shown.", "short", 8,
				[`${sum("status", each("airflow_task_status_count", task))} > 0`, "{{status}}"], { bars: true, colors: STATUSES, none: "None ended" }),
			panel("timeseries", "Task Duration", "Average by DAG and task.", "s", 8,
				[average("airflow_task_duration_seconds", "dag_id, task_id", task), "{{dag_id}} {{task_id}}"], { many: true, joined: true }),
			panel("timeseries", "DAG Processing Duration", "Average time to load a DAG file.", "s", 8,
				[average("airflow_dag_processing_duration_seconds", "dag_file"), "{{dag_file}}"], { many: true, joined: true }),
			panel("timeseries", "Scheduler Heartbeat", "Heartbeats a minute. At 0 no scheduler works.", "opm", 8,
				[per_minute("airflow_scheduler_heartbeat", " by (instance)"), "{{instance}}"]),
			panel("timeseries", "Pool Open Slots", "Free slots. At 0, tasks wait. Pools without a limit are not shown.", "short", 8,
				[`max by (pool) (${of("airflow_pool_open_slots", pool)}) < Inf`, "{{pool}}"], { many: true, whole: true }),
		]],
		["Now, and in the time shown", 4, [
			panel("stat", "DAG runs failed", "Runs that ended in failure in the time shown.", "short", 3,
				[failed_runs, "failed"], { decimals: 0, steps: BAD_ABOVE_0 }),
			panel("stat", "Tasks failed", "Task instances that ended in failure in the time shown.", "short", 3,
				[sum("", during("airflow_task_status_count", `${task}, status="failed"`)), "failed"], { decimals: 0, steps: BAD_ABOVE_0 }),
			panel("stat", "DAG runs that succeed", "Share of the runs that ended in the time shown.", "percentunit", 3,
				[rate_of_success(""), "succeed"], { decimals: 1, steps: GOOD_IS_HIGH }),
			panel("stat", "Tasks running", "Task instances that the executor runs now.", "short", 3,
				[`sum(${of("airflow_executor_running_tasks")})`, "running"], { decimals: 0 }),
			panel("stat", "Tasks queued", "Task instances that wait for the executor now.", "short", 3,
				[`sum(${of("airflow_executor_queued_tasks")})`, "queued"], { decimals: 0, steps: [[null, "green"], [50, "orange"]] }),
			panel("stat", "Tasks starving", "Task instances that could run now if their pool had slots.", "short", 3,
				[`sum(${of("airflow_scheduler_tasks_starving")})`, "starving"], { decimals: 0, steps: [[null, "green"], [1, "orange"]] }),
			panel("stat", "Import errors", "DAG files that Airflow cannot load now.", "short", 3,
				[`max(${of("airflow_dag_processing_import_errors")})`, "files"], { decimals: 0, steps: BAD_ABOVE_0 }),
			panel("stat", "Heartbeats a minute", "Of all schedulers. At 0 none works.", "short", 3,
				[per_minute("airflow_scheduler_heartbeat", ""), "heartbeats"], { decimals: 1, steps: ALIVE }),
		]],
		["DAGs", 9, [
			panel("bargauge", "Success rate per DAG", "Share of the runs of the time shown that succeeded; the fifteen worst.", "percentunit", 8,
				[`sort(bottomk(15, ${rate_of_success("dag_id")}))`, "{{dag_id}}"], { max: 1, decimals: 0, steps: GOOD_IS_HIGH }),
			panel("table", "DAGs in the time shown", "Runs that ended, those that failed, and how long they took on average. A click chooses the DAG.", "short", 8,
				[runs("dag_id")], [sum("dag_id", during("airflow_dag_status_count", `${dag}, status="failed"`))],
				[average("airflow_dagrun_duration_seconds", "dag_id", dag, "$__range")],
				{ sorted: ["Failed", true], columns: [
					["dag_id", "DAG", { links: [{ title: "Only this DAG", url: this_dag }] }],
					["Value #A", "Runs", { decimals: 0, "custom.width": 70 }],
					["Value #B", "Failed", { decimals: 0, "custom.width": 80, thresholds: { mode: "absolute", steps: [{ value: null, color: "text" }, { value: 1, color: "red" }] }, "custom.cellOptions": { type: "color-text" } }],
					["Value #C", "Duration", { unit: "s", decimals: 1, "custom.width": 90 }]] }),
			panel("timeseries", "DAG run duration", "Average by DAG and outcome.", "s", 8,
				[average("airflow_dagrun_duration_seconds", "dag_id, status", dag), "{{dag_id}} {{status}}"], { many: true, joined: true }),
			panel("timeseries", "Scheduling delay", "How late scheduled DAG runs start, on average. Runs that are caught up count from when they were due.", "s", 12,
				[average("airflow_dagrun_schedule_delay_seconds", "dag_id", dag), "{{dag_id}}"], { many: true, joined: true }),
			panel("timeseries", "First task delay", "From the start that a DAG run was due to the start of its first task, on average.", "s", 12,
				[average("airflow_dagrun_first_task_scheduling_delay_seconds", "dag_id", dag), "{{dag_id}}"], { many: true, joined: true }),
		]],
		["Tasks", 9, [
			panel("bargauge", "Slowest tasks", "The ten tasks with the highest average in the time shown.", "s", 12,
				[`topk(10, ${average("airflow_task_duration_seconds", "dag_id, task_id", task, "$__range")})`, "{{dag_id}} {{task_id}}"], { steps: [[null, "blue"]] }),
			panel("bargauge", "Tasks that fail most", "The ten tasks with the most tries that failed in the time shown, retries included.", "short", 12,
				[`topk(10, ${sum("dag_id, task_id", during("airflow_task_status_count", `${task}, status=~"failed|up_for_retry"`))} > 0)`, "{{dag_id}} {{task_id}}"],
				{ decimals: 0, none: "None failed", steps: [[null, "red"]] }),
			panel("timeseries", "Waiting time of tasks", "How long task instances are scheduled before the executor gets them, and queued before a worker does, on average. Airflow 3 does not tell the second.", "s", 12,
				[average("airflow_task_scheduled_duration_seconds", "dag_id, task_id", task), "{{dag_id}} {{task_id}} scheduled"],
				[average("airflow_task_queued_duration_seconds", "dag_id, task_id", task), "{{dag_id}} {{task_id}} queued"], { many: true, joined: true }),
			panel("timeseries", "Tries that failed, by operator", "Of all DAGs: retries included.", "short", 12,
				[sum("operator", each("airflow_operator_failures_total")), "{{operator}}"], { bars: true, none: "None failed" }),
		]],
		["Scheduler", 8, [
			panel("timeseries", "Scheduler loop", "Average time of the loop, and of the part of it that only one scheduler may be in.", "s", 8,
				[average("airflow_scheduler_scheduler_loop_duration_seconds", "instance"), "{{instance}} loop"],
				[average("airflow_scheduler_critical_section_duration_seconds", "instance"), "{{instance}} critical section"]),
			panel("timeseries", "Tasks at the scheduler", "Task instances that it could give to the executor, and those that starve for slots of their pool.", "short", 8,
				[`sum(${of("airflow_scheduler_tasks_executable")})`, "executable"],
				[`sum(${of("airflow_scheduler_tasks_starving")})`, "starving"], { whole: true, colors: { starving: "red" } }),
			panel("timeseries", "Tasks lost", "Task instances that had no scheduler and were adopted or cleared, and those killed for want of a heartbeat.", "short", 8,
				[sum("", each("airflow_scheduler_orphaned_tasks_adopted_total")), "adopted"],
				[sum("", each("airflow_scheduler_orphaned_tasks_cleared_total")), "cleared"],
				[sum("", each("airflow_task_instances_without_heartbeats_killed_total")), "without heartbeat"],
				[sum("", each("airflow_scheduler_tasks_killed_externally_total")), "killed from outside"], { bars: true }),
		]],
		["DAG files", 8, [
			panel("timeseries", "All DAG files once", "Time to load all DAG files once.", "s", 8,
				[`max by (instance) (${of("airflow_dag_processing_total_parse_time_seconds")})`, "{{instance}}"]),
			panel("timeseries", "Since last loaded", "How old what Airflow knows of each DAG file is.", "s", 8,
				[`max by (dag_file) (${of("airflow_dag_processing_last_run_seconds_ago")})`, "{{dag_file}}"], { many: true }),
			panel("timeseries", "DAGs and import errors", "DAGs found, and files that cannot be loaded.", "short", 8,
				[`max(${of("airflow_dagbag_size")})`, "DAGs"],
				[`max(${of("airflow_dag_processing_import_errors")})`, "import errors"], { whole: true, colors: { "import errors": "red" } }),
		]],
		["Triggerer", 8, [
			panel("timeseries", "Triggers", "Triggers that run now, and how many more could, by host. Airflow 2 does not tell how many more.", "short", 8,
				[`sum by (hostname) (${of("airflow_triggers_running")})`, "{{hostname}} running"],
				[`sum by (hostname) (${of("airflow_triggerer_capacity_left")})`, "{{hostname}} room for"], { whole: true }),
			panel("timeseries", "Triggers that ended", "By how, and times that one of them held up all others.", "short", 8,
				[sum("", each("airflow_triggers_succeeded_total")), "succeeded"],
				[sum("", each("airflow_triggers_failed_total")), "failed"],
				[sum("", each("airflow_triggers_blocked_main_thread_total")), "held up the others"],
				{ bars: true, colors: { succeeded: "green", failed: "red", "held up the others": "orange" } }),
			panel("timeseries", "Other heartbeats", "Heartbeats a minute of the triggerer (2.8) and the DAG processor (3.0).", "opm", 8,
				[per_minute("airflow_triggerer_heartbeat", ""), "triggerer"],
				[per_minute("airflow_dag_processor_heartbeat", ""), "DAG processor"]),
		]],
		["Pools and executor", 8, [
			panel("timeseries", "Slots of pools", "What the slots of the pools are taken by, and task instances that wait for one.", "short", 12,
				[slots("running"), "running"], [slots("queued"), "queued"],
				[slots("deferred"), "deferred"], [slots("scheduled"), "scheduled, waiting"], { stacked: true, whole: true }),
			panel("timeseries", "Pool use", "Share of the slots of each pool that are taken by task instances that run or are queued.", "percentunit", 12,
				[`(${of_pool("running")}\n  + ${of_pool("queued")})\n` +
				 `/ (${of_pool("open")}\n  + ${of_pool("running")}\n  + ${of_pool("queued")} > 0)`, "{{pool}}"], { many: true, max: 1 }),
			panel("timeseries", "Starving tasks by pool", "Task instances that a scheduler did not queue for want of slots.", "short", 12,
				[`max by (pool) (${of("airflow_pool_starving_tasks", pool)})`, "{{pool}}"], { many: true, whole: true }),
			panel("timeseries", "Executor", "Open slots, and tasks that are queued and running.", "short", 12,
				[`sum by (executor) (${of("airflow_executor_open_slots")})`, "{{executor}} open"],
				[`sum by (executor) (${of("airflow_executor_queued_tasks")})`, "{{executor}} queued"],
				[`sum by (executor) (${of("airflow_executor_running_tasks")})`, "{{executor}} running"], { whole: true }),
		]],
	],
});
