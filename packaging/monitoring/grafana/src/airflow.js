// SPDX-License-Identifier: Apache-2.0
import { average, choice, increase, make, of, panel, rate } from "./common.js";

const dag = 'dag_id=~"$dag_id"';
const task = `${dag}, task_id=~"$task_id"`;

export default make({
	uid: "windsock-airflow", title: "Airflow monitoring", tags: ["airflow", "windsock"],
	description: "DAGs, tasks, scheduler, pools and executors of Airflow, by way of windsock.",
	seed: "airflow_scheduler_heartbeat",
	variables: [
		choice("dag_id", "DAG", "DAGs that have run", 'airflow_dag_status_count{job=~"$job", instance=~"$instance"}'),
		choice("task_id", "Task", "Tasks of these DAGs",
			'airflow_task_status_count{job=~"$job", instance=~"$instance", dag_id=~"$dag_id"}'),
		choice("pool", "Pool", "Pools of Airflow", 'airflow_pool_open_slots{job=~"$job", instance=~"$instance"}'),
	],
	rows: [
		["At a glance", 4, [
			panel("stat", "DAG runs failed", "Runs that ended in failure in the time shown.", "short", 6,
				[`sum(${increase("airflow_dag_status_count", `${dag}, status="failed"`)})`, "failed"]),
			panel("stat", "Tasks failed", "Task instances that ended in failure in the time shown.", "short", 6,
				[`sum(${increase("airflow_task_status_count", `${task}, status="failed"`)})`, "failed"]),
			panel("stat", "Import errors", "DAG files that Airflow cannot load now.", "short", 6,
				[`max(${of("airflow_dag_processing_import_errors")})`, "files"]),
			panel("stat", "Scheduler heartbeats", "Heartbeats a second. 0 means that no scheduler works.", "ops", 6,
				[`sum(${rate("airflow_scheduler_heartbeat")})`, "heartbeats"]),
		]],
		["DAGs", 8, [
			panel("timeseries", "DAG status count", "DAG runs that ended, by how, since windsock started.", "short", 12,
				[`sum by (status) (${of("airflow_dag_status_count", dag)})`, "{{status}}"]),
			panel("timeseries", "Success rate per DAG", "Share of the runs of the time shown that succeeded.", "percentunit", 12,
				[`sum by (dag_id) (${increase("airflow_dag_status_count", `${dag}, status="success"`)})\n` +
				 `  / (sum by (dag_id) (${increase("airflow_dag_status_count", dag)}) > 0)`, "{{dag_id}}"]),
			panel("timeseries", "DAG run duration", "Average by DAG and outcome.", "s", 12,
				[average("airflow_dagrun_duration_seconds", "dag_id, status", dag), "{{dag_id}} {{status}}"]),
			panel("timeseries", "Scheduling delay", "How late scheduled DAG runs start, on average.", "s", 12,
				[average("airflow_dagrun_schedule_delay_seconds", "dag_id", dag), "{{dag_id}}"]),
		]],
		["Tasks", 8, [
			panel("timeseries", "Task status count", "Task instances that ended, by how, since windsock started.", "short", 12,
				[`sum by (status) (${of("airflow_task_status_count", task)})`, "{{status}}"]),
			panel("timeseries", "Task duration", "Average by DAG and task.", "s", 12,
				[average("airflow_task_duration_seconds", "dag_id, task_id", task), "{{dag_id}} {{task_id}}"]),
			panel("bargauge", "Slowest tasks", "The ten tasks with the highest average since windsock started.", "s", 12,
				[`topk(10, sum by (dag_id, task_id) (${of("airflow_task_duration_seconds_sum", task)})\n` +
				 `  / (sum by (dag_id, task_id) (${of("airflow_task_duration_seconds_count", task)}) > 0))`, "{{dag_id}} {{task_id}}"]),
			panel("timeseries", "Queued time", "How long task instances wait in the queue, on average.", "s", 12,
				[average("airflow_task_queued_duration_seconds", "dag_id, task_id", task), "{{dag_id}} {{task_id}}"]),
		]],
		["DAG files and triggerer", 8, [
			panel("timeseries", "DAG processing duration", "Average time to load a DAG file.", "s", 8,
				[average("airflow_dag_processing_duration_seconds", "dag_file"), "{{dag_file}}"]),
			panel("timeseries", "Scheduler heartbeat", "Heartbeats a second, by instance.", "ops", 8,
				[`sum by (instance) (${rate("airflow_scheduler_heartbeat")})`, "{{instance}}"]),
			panel("timeseries", "Triggers running", "Triggers that run now, by host.", "short", 8,
				[`sum by (hostname) (${of("airflow_triggers_running")})`, "{{hostname}}"]),
		]],
		["Pools and executor", 8, [
			panel("timeseries", "Pool open slots", "Free slots. At 0, tasks wait.", "short", 8,
				[`max by (pool) (${of("airflow_pool_open_slots", 'pool=~"$pool"')})`, "{{pool}}"]),
			panel("timeseries", "Pool use", "Slots that are running and queued.", "short", 8,
				[`max by (pool) (${of("airflow_pool_running_slots", 'pool=~"$pool"')})`, "{{pool}} running"],
				[`max by (pool) (${of("airflow_pool_queued_slots", 'pool=~"$pool"')})`, "{{pool}} queued"]),
			panel("timeseries", "Executor", "Open slots, and tasks that are queued and running.", "short", 8,
				[`sum by (executor) (${of("airflow_executor_open_slots")})`, "{{executor}} open"],
				[`sum by (executor) (${of("airflow_executor_queued_tasks")})`, "{{executor}} queued"],
				[`sum by (executor) (${of("airflow_executor_running_tasks")})`, "{{executor}} running"]),
		]],
	],
});
