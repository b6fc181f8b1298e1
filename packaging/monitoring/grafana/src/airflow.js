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
	description: "DAGs, tasks, scheduler, pools and executors of Airflow, from windsock's metrics.",
	seed: "airflow_scheduler_heartbeat",
	variables: [
		choice("dag_id", "DAG", "DAGs that have run", `airflow_dag_status_count${chosen}}`),
		choice("task_id", "Task", "Tasks of these DAGs",
			`airflow_task_status_count${chosen}, dag_id=~"$dag_id"}`),
		choice("pool", "Pool", "Pools of Airflow", `airflow_pool_open_slots${chosen}}`),
	],
	rows: [
		["Overview", 8, [
			panel("timeseries", "DAG Status Count", "DAG runs that ended, by status. The legend shows the numbers for the selected time range.", "short", 8,
				[sum("status", each("airflow_dag_status_count", dag)), "{{status}}"], { bars: true, colors: STATUSES }),
			panel("timeseries", "Task Status Count", "Tries of task instances that ended, or were deferred or rescheduled, by status. The legend shows the numbers for the selected time range.", "short", 8,
				[`${sum("status", each("airflow_task_status_count", task))} > 0`, "{{status}}"], { bars: true, colors: STATUSES, none: "None ended" }),
			panel("timeseries", "Task Duration", "Average by DAG and task.", "s", 8,
				[average("airflow_task_duration_seconds", "dag_id, task_id", task), "{{dag_id}} {{task_id}}"], { many: true, joined: true }),
			panel("timeseries", "DAG Processing Duration", "Average time to load a DAG file.", "s", 8,
				[average("airflow_dag_processing_duration_seconds", "dag_file"), "{{dag_file}}"], { many: true, joined: true }),
			panel("timeseries", "Scheduler Heartbeat", "Heartbeats per minute. At 0, no scheduler is running.", "opm", 8,
				[per_minute("airflow_scheduler_heartbeat", " by (instance)"), "{{instance}}"]),
			panel("timeseries", "Pool Open Slots", "Free slots. At 0, tasks wait. Pools without a limit are not shown.", "short", 8,
				[`max by (pool) (${of("airflow_pool_open_slots", pool)}) < Inf`, "{{pool}}"], { many: true, whole: true }),
		]],
		["Now and in the selected time range", 4, [
			panel("stat", "Failed DAG runs", "Runs that failed in the selected time range.", "short", 3,
				[failed_runs, "failed"], { decimals: 0, steps: BAD_ABOVE_0 }),
			panel("stat", "Failed tasks", "Task instances that failed in the selected time range.", "short", 3,
				[sum("", during("airflow_task_status_count", `${task}, status="failed"`)), "failed"], { decimals: 0, steps: BAD_ABOVE_0 }),
			panel("stat", "DAG run success rate", "Share of the runs that ended in the selected time range.", "percentunit", 3,
				[rate_of_success(""), "succeed"], { decimals: 1, steps: GOOD_IS_HIGH }),
			panel("stat", "Running tasks", "Task instances that the executor is currently running.", "short", 3,
				[`sum(${of("airflow_executor_running_tasks")})`, "running"], { decimals: 0 }),
			panel("stat", "Queued tasks", "Task instances that are currently waiting for the executor.", "short", 3,
				[`sum(${of("airflow_executor_queued_tasks")})`, "queued"], { decimals: 0, steps: [[null, "green"], [50, "orange"]] }),
			panel("stat", "Starving tasks", "Task instances that could run if their pool had free slots.", "short", 3,
				[`sum(${of("airflow_scheduler_tasks_starving")})`, "starving"], { decimals: 0, steps: [[null, "green"], [1, "orange"]] }),
			panel("stat", "Import errors", "DAG files that Airflow currently cannot load.", "short", 3,
				[`max(${of("airflow_dag_processing_import_errors")})`, "files"], { decimals: 0, steps: BAD_ABOVE_0 }),
			panel("stat", "Heartbeats per minute", "Heartbeats of all schedulers. At 0, none is running.", "short", 3,
				[per_minute("airflow_scheduler_heartbeat", ""), "heartbeats"], { decimals: 1, steps: ALIVE }),
		]],
		["DAGs", 9, [
			panel("bargauge", "Success rate per DAG", "Share of runs in the selected time range that succeeded; the fifteen worst DAGs.", "percentunit", 8,
				[`sort(bottomk(15, ${rate_of_success("dag_id")}))`, "{{dag_id}}"], { max: 1, decimals: 0, steps: GOOD_IS_HIGH }),
			panel("table", "DAGs in the selected time range", "Runs that ended, failed runs, and average duration. Click a DAG to select it.", "short", 8,
				[runs("dag_id")], [sum("dag_id", during("airflow_dag_status_count", `${dag}, status="failed"`))],
				[average("airflow_dagrun_duration_seconds", "dag_id", dag, "$__range")],
				{ sorted: ["Failed", true], columns: [
					["dag_id", "DAG", { links: [{ title: "Only this DAG", url: this_dag }] }],
					["Value #A", "Runs", { decimals: 0, "custom.width": 70 }],
					["Value #B", "Failed", { decimals: 0, "custom.width": 80, thresholds: { mode: "absolute", steps: [{ value: null, color: "text" }, { value: 1, color: "red" }] }, "custom.cellOptions": { type: "color-text" } }],
					["Value #C", "Duration", { unit: "s", decimals: 1, "custom.width": 90 }]] }),
			panel("timeseries", "DAG run duration", "Average by DAG and outcome.", "s", 8,
				[average("airflow_dagrun_duration_seconds", "dag_id, status", dag), "{{dag_id}} {{status}}"], { many: true, joined: true }),
			panel("timeseries", "Scheduling delay", "Average delay of scheduled DAG runs. The delay of catch-up runs counts from their scheduled time.", "s", 12,
				[average("airflow_dagrun_schedule_delay_seconds", "dag_id", dag), "{{dag_id}}"], { many: true, joined: true }),
			panel("timeseries", "First task delay", "Average time from the scheduled start of a DAG run to the start of its first task.", "s", 12,
				[average("airflow_dagrun_first_task_scheduling_delay_seconds", "dag_id", dag), "{{dag_id}}"], { many: true, joined: true }),
		]],
		["Tasks", 9, [
			panel("bargauge", "Slowest tasks", "The ten tasks with the highest average duration in the selected time range.", "s", 12,
				[`topk(10, ${average("airflow_task_duration_seconds", "dag_id, task_id", task, "$__range")})`, "{{dag_id}} {{task_id}}"], { steps: [[null, "blue"]] }),
			panel("bargauge", "Tasks with the most failures", "The ten tasks with the most failed tries in the selected time range, including retries.", "short", 12,
				[`topk(10, ${sum("dag_id, task_id", during("airflow_task_status_count", `${task}, status=~"failed|up_for_retry"`))} > 0)`, "{{dag_id}} {{task_id}}"],
				{ decimals: 0, none: "None failed", steps: [[null, "red"]] }),
			panel("timeseries", "Task waiting time", "Average time that task instances are scheduled until the executor gets them, and queued until a worker gets them. Airflow 3 does not send the latter.", "s", 12,
				[average("airflow_task_scheduled_duration_seconds", "dag_id, task_id", task), "{{dag_id}} {{task_id}} scheduled"],
				[average("airflow_task_queued_duration_seconds", "dag_id, task_id", task), "{{dag_id}} {{task_id}} queued"], { many: true, joined: true }),
			panel("timeseries", "Failed tries by operator", "For all DAGs, including retries.", "short", 12,
				[sum("operator", each("airflow_operator_failures_total")), "{{operator}}"], { bars: true, none: "None failed" }),
		]],
		["Scheduler", 8, [
			panel("timeseries", "Scheduler loop", "Average duration of the loop, and of the critical section, which only one scheduler can enter.", "s", 8,
				[average("airflow_scheduler_scheduler_loop_duration_seconds", "instance"), "{{instance}} loop"],
				[average("airflow_scheduler_critical_section_duration_seconds", "instance"), "{{instance}} critical section"]),
			panel("timeseries", "Tasks at the scheduler", "Task instances that are ready for the executor, and those that are starving for slots of their pool.", "short", 8,
				[`sum(${of("airflow_scheduler_tasks_executable")})`, "executable"],
				[`sum(${of("airflow_scheduler_tasks_starving")})`, "starving"], { whole: true, colors: { starving: "red" } }),
			panel("timeseries", "Lost tasks", "Orphaned task instances that were adopted or cleared, and those killed because of missing heartbeats.", "short", 8,
				[sum("", each("airflow_scheduler_orphaned_tasks_adopted_total")), "adopted"],
				[sum("", each("airflow_scheduler_orphaned_tasks_cleared_total")), "cleared"],
				[sum("", each("airflow_task_instances_without_heartbeats_killed_total")), "without heartbeat"],
				[sum("", each("airflow_scheduler_tasks_killed_externally_total")), "killed externally"], { bars: true }),
		]],
		["DAG files", 8, [
			panel("timeseries", "Total parse time", "Time to load all DAG files once.", "s", 8,
				[`max by (instance) (${of("airflow_dag_processing_total_parse_time_seconds")})`, "{{instance}}"]),
			panel("timeseries", "Time since last processed", "Time since Airflow last processed each DAG file.", "s", 8,
				[`max by (dag_file) (${of("airflow_dag_processing_last_run_seconds_ago")})`, "{{dag_file}}"], { many: true }),
			panel("timeseries", "DAGs and import errors", "DAGs found, and files that cannot be loaded.", "short", 8,
				[`max(${of("airflow_dagbag_size")})`, "DAGs"],
				[`max(${of("airflow_dag_processing_import_errors")})`, "import errors"], { whole: true, colors: { "import errors": "red" } }),
		]],
		["Triggerer", 8, [
			panel("timeseries", "Triggers", "Running triggers, and how many more could run, by host. Airflow 2 does not send the latter.", "short", 8,
				[`sum by (hostname) (${of("airflow_triggers_running")})`, "{{hostname}} running"],
				[`sum by (hostname) (${of("airflow_triggerer_capacity_left")})`, "{{hostname}} capacity left"], { whole: true }),
			panel("timeseries", "Finished triggers", "Triggers that ended, by outcome, and how often one of them blocked all others.", "short", 8,
				[sum("", each("airflow_triggers_succeeded_total")), "succeeded"],
				[sum("", each("airflow_triggers_failed_total")), "failed"],
				[sum("", each("airflow_triggers_blocked_main_thread_total")), "blocked the others"],
				{ bars: true, colors: { succeeded: "green", failed: "red", "blocked the others": "orange" } }),
			panel("timeseries", "Other heartbeats", "Heartbeats per minute of the triggerer (since 2.8) and the DAG processor (since 3.0).", "opm", 8,
				[per_minute("airflow_triggerer_heartbeat", ""), "triggerer"],
				[per_minute("airflow_dag_processor_heartbeat", ""), "DAG processor"]),
		]],
		["Pools and executor", 8, [
			panel("timeseries", "Pool slots", "Used slots of the pools by state, and task instances waiting for a slot.", "short", 12,
				[slots("running"), "running"], [slots("queued"), "queued"],
				[slots("deferred"), "deferred"], [slots("scheduled"), "scheduled, waiting"], { stacked: true, whole: true }),
			panel("timeseries", "Pool usage", "Share of the slots of each pool that running or queued task instances occupy.", "percentunit", 12,
				[`(${of_pool("running")}\n  + ${of_pool("queued")})\n` +
				 `/ (${of_pool("open")}\n  + ${of_pool("running")}\n  + ${of_pool("queued")} > 0)`, "{{pool}}"], { many: true, max: 1 }),
			panel("timeseries", "Starving tasks by pool", "Task instances that a scheduler did not queue because of a lack of slots.", "short", 12,
				[`max by (pool) (${of("airflow_pool_starving_tasks", pool)})`, "{{pool}}"], { many: true, whole: true }),
			panel("timeseries", "Executor", "Open slots, queued tasks and running tasks.", "short", 12,
				[`sum by (executor) (${of("airflow_executor_open_slots")})`, "{{executor}} open"],
				[`sum by (executor) (${of("airflow_executor_queued_tasks")})`, "{{executor}} queued"],
				[`sum by (executor) (${of("airflow_executor_running_tasks")})`, "{{executor}} running"], { whole: true }),
		]],
	],
});
