#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Record what a real Airflow sends: see README.md in this folder.
#
#   AIRFLOW_VERSION=2.11.0 MODE=plain ./capture.sh
#
# Variables (all optional):
#   AIRFLOW_VERSION   2.7.3 or newer                          (2.11.0)
#   MODE              plain, influxdb or dogstatsd            (plain)
#   LEGACY_NAMES      True or False: [metrics] legacy_names_on of 3.2 and newer
#   OUT               folder for the result                   (../data)
#   PORT              somebody listens on this UDP port of 127.0.0.1: send there
#                     and record nothing; the truth alone is written
#   VENV              virtual environment to use or to make, and to leave behind
#                     (one in the working folder)
#   NAME              file name without .capture (airflow-<minor>-<mode>)
#   PYTHON            interpreter for the virtual environment (python3)
#   UPLOADED_BEFORE   take no package newer than this day, so that an old
#                     Airflow gets the dependencies of its time; empty: newest
#   AFTER             seconds to go on after the last run     (2.x: 32, 3.x: 5)
#   IDLE              [scheduler] scheduler_idle_sleep_time   (2.x: 1, 3.x: 2);
#                     whole seconds
#   DEFER             seconds that the deferred task waits    (35); not under
#                     4 x IDLE, or 3.x starts it again before it has seen the
#                     end of the first part, and calls the task failed
#   LIMIT             seconds for everything                  (900)
#   KEEP              1: keep the working folder
set -euo pipefail

AIRFLOW_VERSION=${AIRFLOW_VERSION:-2.11.0}
MODE=${MODE:-plain}
LEGACY_NAMES=${LEGACY_NAMES:-}
PYTHON=${PYTHON:-python3}
DEFER=${DEFER:-35}
LIMIT=${LIMIT:-900}
KEEP=${KEEP:-0}
port=${PORT:-}

here=$(cd "$(dirname "$0")" && pwd)
out=${OUT:-$here/../data}
major=${AIRFLOW_VERSION%%.*}
minor=$(cut -d. -f1,2 <<<"$AIRFLOW_VERSION")
name=${NAME:-airflow-$minor-$MODE}

# 3.x sends about twice as much: keep the file small.
if [ "$major" = 2 ]; then
    AFTER=${AFTER:-32} IDLE=${IDLE:-1}
else
    AFTER=${AFTER:-5} IDLE=${IDLE:-2}
fi

case $AIRFLOW_VERSION in
2.7.3) before=${UPLOADED_BEFORE-2023-11-10} ;;
2.11.0) before=${UPLOADED_BEFORE-2025-05-25} ;;
*) before=${UPLOADED_BEFORE-} ;;
esac

say() { printf 'capture: %s\n' "$*" >&2; }
die() {
    say "$*"
    exit 1
}
unreachable() {
    say "$*"
    exit 75 # as EX_TEMPFAIL
}
# left: seconds until LIMIT, at least 1.
left() { echo $((LIMIT - SECONDS > 1 ? LIMIT - SECONDS : 1)); }

case $MODE in
plain | influxdb | dogstatsd) ;;
*) die "MODE must be plain, influxdb or dogstatsd, not '$MODE'" ;;
esac
case $major in
2 | 3) ;;
*) die "AIRFLOW_VERSION must be 2.x or 3.x, not '$AIRFLOW_VERSION'" ;;
esac

tmp=$(mktemp -d "${TMPDIR:-/tmp}/airflow-capture.XXXXXX")
procs=()   # process ids of the Airflow components, each leader of its session
recorder=  # process id of record.py

# stop_all: end the components, then what is left of their sessions.
stop_all() {
    local p i
    for p in "${procs[@]}"; do
        kill -TERM "$p" 2>/dev/null || true
    done
    for p in "${procs[@]}"; do
        for ((i = 0; i < 150; i++)); do
            kill -0 "$p" 2>/dev/null || break
            sleep 0.1
        done
        kill -KILL -- "-$p" 2>/dev/null || true
    done
    for p in "${procs[@]}"; do
        wait "$p" 2>/dev/null || true
    done
    procs=()
}

cleanup() {
    local status=$?
    trap - EXIT
    trap '' INT TERM HUP
    stop_all
    if [ -n "$recorder" ]; then
        kill -KILL "$recorder" 2>/dev/null || true
        wait "$recorder" 2>/dev/null || true
    fi
    if [ "$KEEP" = 1 ]; then
        say "kept: $tmp"
    else
        rm -rf "$tmp"
    fi
    exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# until_true WHAT COMMAND...: repeat until it succeeds, the time is over or a
# component has died.
until_true() {
    local what=$1 p
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$LIMIT" ] || {
            [ ! -s "$tmp/ask.txt" ] || say "$(cat "$tmp/ask.txt")"
            die "no time left while waiting for: $what"
        }
        for p in "${procs[@]}"; do
            kill -0 "$p" 2>/dev/null || {
                tail -n 20 "$tmp"/*.log >&2
                die "an Airflow process ended while waiting for: $what"
            }
        done
        sleep 1
    done
}

# ---- the virtual environment ------------------------------------------------

say "installing apache-airflow $AIRFLOW_VERSION (mode $MODE)"
venv=${VENV:-$tmp/venv}
[ -x "$venv/bin/python" ] || "$PYTHON" -m venv "$venv" || die "cannot make a virtual environment"
wanted=("apache-airflow[statsd]==$AIRFLOW_VERSION")
[ "$MODE" = dogstatsd ] && wanted+=(datadog)
pip=("$venv/bin/python" -m pip --quiet --disable-pip-version-check
    --no-input --retries 2 --timeout 30)
install() {
    timeout "$(left)" nice "${pip[@]}" install "$@" >"$tmp/pip.log" 2>&1 && return
    tail -n 15 "$tmp/pip.log" >&2
    timeout 60 "${pip[@]}" index versions apache-airflow >"$tmp/pip.log" 2>&1 ||
        unreachable "PyPI could not be reached"
    die "pip cannot install '$*': is there such a version?"
}
install --upgrade pip
if [ -n "$before" ]; then
    install --uploaded-prior-to "$before" "${wanted[@]}"
else
    install "${wanted[@]}"
fi
export PATH="$venv/bin:$PATH"

version_of() {
    "$venv/bin/python" -c '
import sys
from importlib.metadata import version
print(version(sys.argv[1]))' "$1"
}

# ---- the recorder -----------------------------------------------------------

executor=LocalExecutor
parts="scheduler (with dag processor), triggerer"
if [ "$major" = 2 ]; then
    executor=SequentialExecutor # the only one that 2.x allows on SQLite
else
    parts="scheduler, dag-processor, triggerer, api-server"
fi
settings="statsd_on = True, statsd_host = 127.0.0.1, statsd_prefix = airflow"
client="statsd $(version_of statsd)"
case $MODE in
influxdb) settings+=", statsd_influxdb_enabled = True" ;;
dogstatsd)
    settings+=", statsd_datadog_enabled = True"
    settings+=", statsd_datadog_tags = env:test,site:lab"
    client="datadog $(version_of datadog)"
    ;;
esac
[ -z "$LEGACY_NAMES" ] || settings+=", legacy_names_on = $LEGACY_NAMES"

record() {
    "$PYTHON" "$here/record.py" "$tmp/result" --port-file "$tmp/port" \
        --meta "airflow: $AIRFLOW_VERSION" \
        --meta "python: $("$venv/bin/python" -c 'import platform as p; print(p.python_version())')" \
        --meta "client: $client" \
        --meta "mode: $MODE" \
        --meta "date: $(date -u +%Y-%m-%dT%H:%M:%SZ)" \
        --meta "metrics: $settings" \
        --meta "scheduler: scheduler_idle_sleep_time = $IDLE" \
        --meta "executor: $executor, SQLite" \
        --meta "processes: $parts" \
        --meta "host: airflow-host.example" \
        --meta "dags: tests/capture/dags, see its files" \
        2>"$tmp/recorder.log" &
    recorder=$!
    until_true "the recorder" test -s "$tmp/port"
    port=$(cat "$tmp/port")
}
[ -n "$port" ] || record

# ---- Airflow ----------------------------------------------------------------

# Nothing from the caller's own Airflow.
for v in ${!AIRFLOW__*}; do unset "$v"; done
export AIRFLOW_HOME=$tmp/home
mkdir -p "$AIRFLOW_HOME"
cp -R "$here/dags" "$AIRFLOW_HOME/dags"
rm -rf "$AIRFLOW_HOME/dags/__pycache__"
cp -R "$here/support" "$AIRFLOW_HOME/support"
export PYTHONPATH=$AIRFLOW_HOME/support PYTHONDONTWRITEBYTECODE=1
export NO_PROXY=127.0.0.1,localhost no_proxy=127.0.0.1,localhost
export TZ=UTC
export AIRFLOW__CORE__EXECUTOR=$executor
export AIRFLOW__CORE__LOAD_EXAMPLES=False
export AIRFLOW__CORE__DAGS_FOLDER=$AIRFLOW_HOME/dags
# Otherwise a file without the word "airflow" in it is not parsed.
export AIRFLOW__CORE__DAG_DISCOVERY_SAFE_MODE=False
export AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION=False
export AIRFLOW__CORE__HOSTNAME_CALLABLE=capture_host.name
export AIRFLOW__CORE__PARALLELISM=4
export AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME=$IDLE
export CAPTURE_DEFER=$DEFER CAPTURE_POKE=$((4 * IDLE)) # for dags/dynamic.py
export AIRFLOW__USAGE_DATA_COLLECTION__ENABLED=False
export AIRFLOW__METRICS__STATSD_ON=True
export AIRFLOW__METRICS__STATSD_HOST=127.0.0.1
export AIRFLOW__METRICS__STATSD_PORT=$port
export AIRFLOW__METRICS__STATSD_PREFIX=airflow
case $MODE in
influxdb) export AIRFLOW__METRICS__STATSD_INFLUXDB_ENABLED=True ;;
dogstatsd)
    export AIRFLOW__METRICS__STATSD_DATADOG_ENABLED=True
    export AIRFLOW__METRICS__STATSD_DATADOG_TAGS=env:test,site:lab
    # The client's own telemetry and origin detection stay at their defaults.
    ;;
esac
[ -z "$LEGACY_NAMES" ] || export AIRFLOW__METRICS__LEGACY_NAMES_ON=$LEGACY_NAMES

free_port() {
    "$PYTHON" -c '
import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])'
}
secret() { "$PYTHON" -c 'import secrets; print(secrets.token_hex(32))'; }

if [ "$major" = 3 ]; then
    api=$(free_port)
    AIRFLOW__API_AUTH__JWT_SECRET=$(secret)
    AIRFLOW__API__SECRET_KEY=$(secret)
    export AIRFLOW__API_AUTH__JWT_SECRET AIRFLOW__API__SECRET_KEY
    export AIRFLOW__API__HOST=127.0.0.1 AIRFLOW__API__PORT=$api
    export AIRFLOW__API__WORKERS=1
    export AIRFLOW__API__BASE_URL=http://127.0.0.1:$api
    export AIRFLOW__CORE__EXECUTION_API_SERVER_URL=http://127.0.0.1:$api/execution/
fi

# once COMMAND...: one airflow command in the foreground.
once() {
    timeout "$(left)" airflow "$@" >"$tmp/cli.log" 2>&1 && return
    tail -n 20 "$tmp/cli.log" >&2
    die "'airflow $*' failed"
}
# start NAME...: one component in the background.
start() {
    say "starting: airflow $*"
    setsid nice -n 5 airflow "$@" >"$tmp/$1.log" 2>&1 &
    procs+=($!)
}
api_answers() {
    "$PYTHON" - "http://127.0.0.1:$api/api/v2/version" <<'PY' 2>/dev/null
import sys, urllib.request
urllib.request.urlopen(sys.argv[1], timeout=5).read()
PY
}
db=$AIRFLOW_HOME/airflow.db
ask() { "$PYTHON" "$here/metadata.py" "$1" "$db" >"$tmp/ask.txt" 2>&1; }

say "preparing the database"
once db migrate
once pools import "$here/pools.json"
if [ "$major" = 3 ]; then
    start api-server --port "$api" --host 127.0.0.1
    until_true "the API server" api_answers
    start dag-processor
    start scheduler --skip-serve-logs
else
    start scheduler --skip-serve-logs
fi
start triggerer --skip-serve-logs
until_true "all DAGs in the database" ask ready
once dags trigger by_hand
say "waiting until all runs are finished"
until_true "the end of all runs" ask finished
say "$(cat "$tmp/ask.txt") after $SECONDS s; $AFTER s more"
sleep "$AFTER"
stop_all
say "stopped"

# ---- the result -------------------------------------------------------------

ask expected || die "not what the DAGs should have done: $(cat "$tmp/ask.txt")"
mkdir -p "$out"
"$PYTHON" "$here/metadata.py" truth "$db" "airflow=$AIRFLOW_VERSION" "mode=$MODE" \
    "executor=$executor" "host=airflow-host.example" >"$tmp/truth.json" ||
    die "cannot read the truth"
cp "$tmp/truth.json" "$out/$name.truth.json"
[ -n "$recorder" ] || exit 0
kill -TERM "$recorder"
wait "$recorder" || die "the recorder failed: $(cat "$tmp/recorder.log")"
recorder=
cp "$tmp/result" "$out/$name.capture"
say "$(tail -n 1 "$tmp/recorder.log"), $(wc -c <"$out/$name.capture") bytes: $out/$name.capture"
