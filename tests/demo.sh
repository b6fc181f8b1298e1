#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# demo.sh BUILD: windsock on its defaults, real Airflow traffic replayed into it.
set -eu
build=$1
# The recording is of 2.11, some of whose timers are in seconds.
"$build/windsock" --airflow.version=2.11 &
pid=$!
trap 'kill $pid 2>/dev/null; wait $pid 2>/dev/null' EXIT
trap 'exit 0' INT TERM
get() {
	python3 -c 'import sys, urllib.request
print(urllib.request.urlopen(sys.argv[1], timeout=5).read().decode())' "$1"
}
tries=0
until get http://localhost:9092/-/ready >/dev/null 2>&1; do
	kill -0 $pid 2>/dev/null || exit 1
	tries=$((tries + 1))
	[ $tries -lt 100 ] || { echo "windsock did not become ready" >&2; exit 1; }
	sleep 0.1
done
python3 tests/replay.py airflow-2.11-plain.capture 8125
echo
get http://localhost:9092/metrics | grep -E '^airflow_(dag_status_count|task_status_count|pool_open_slots|scheduler_heartbeat|dagrun_duration_seconds_sum)' | grep -v ' 0$' | head -25
echo
echo "http://localhost:9092/          state at a glance"
echo "http://localhost:9092/metrics   for Prometheus"
echo "Ctrl-C ends the demo."
wait $pid
