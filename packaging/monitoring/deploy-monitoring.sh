#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: deploy-monitoring.sh [--native | --compose] [--state DIR] COMMAND
#   start             start what does not run yet, and wait until it is healthy
#   status            for each component: does it run, is it healthy, is it scraped, and where
#   logs [-f] [NAME]  the last lines of the logs; -f, or a terminal, follows them
#   restart           stop, and start with the settings as they now are
#   stop [--purge]    stop; --purge deletes data and passwords too
# Containers when docker compose or podman-compose can be used, else programs of this machine.
# Settings come from the environment or from DIR/.env; .env.example lists them.  DIR is
# $XDG_STATE_HOME/windsock-monitoring unless told.
# Exit code: 0 done, all is well; 1 something failed, or is not healthy; 2 wrong usage;
# 3 status: nothing runs; 4 something is missing here: a program, or a free port.
set -u
umask 077

here=$(cd "$(dirname "$0")" && pwd)
state=${XDG_STATE_HOME:-${HOME:-/var/lib}/.local/state}/windsock-monitoring
backend=${MONITORING_BACKEND:-}
project=crypto-monitoring
patience=${START_TIMEOUT:-60}

settings='MONITORING_ADDRESS WINDSOCK_PORT STATSD_PORT PROMETHEUS_PORT ALERTMANAGER_PORT
  GRAFANA_PORT POSTGRES_EXPORTER_PORT KAFKA_EXPORTER_PORT PRODUCER_PORT CONSUMER_PORT AIRFLOW_PORT
  RETENTION SCRAPE_INTERVAL AIRFLOW_SCRAPE_INTERVAL EXTRA_RULES WINDSOCK_FLAGS WINDSOCK
  GRAFANA_ADMIN_PASSWORD DATA_SOURCE_NAME KAFKA_BROKERS SLACK_URL SLACK_CHANNEL SMTP_HOST
  SMTP_FROM SMTP_TO SMTP_USER SMTP_PASSWORD SMTP_TLS WEBHOOK_URL WATCHDOG_URL'

say() { printf '%s\n' "$*"; }
die()
{
	code=$1
	shift
	say "deploy-monitoring.sh: $*" >&2
	exit "$code"
}
usage() { sed -n '3,14s/^# \{0,1\}//p' "$0"; }
has() { command -v "$1" >/dev/null 2>&1; }

known()
{
	for setting in $settings; do
		[ "$setting" != "$1" ] || return 0
	done
	return 1
}

# Lines NAME=value of a known NAME; the environment wins.  Nothing in the file is executed.
read_settings()
{
	[ -f "$state/.env" ] || return 0
	while IFS= read -r line || [ -n "$line" ]; do
		name=${line%%=*}
		known "$name" || continue
		# shellcheck disable=SC2034 # used by eval
		value=${line#*=}
		eval "[ -n \"\${$name+set}\" ]" || eval "$name=\$value"
	done <"$state/.env"
}

defaults()
{
	: "${MONITORING_ADDRESS:=127.0.0.1}" "${WINDSOCK_PORT:=9092}" "${STATSD_PORT:=8125}"
	: "${PROMETHEUS_PORT:=9090}" "${ALERTMANAGER_PORT:=9093}" "${GRAFANA_PORT:=3000}"
	: "${POSTGRES_EXPORTER_PORT:=9187}" "${KAFKA_EXPORTER_PORT:=9308}"
	: "${PRODUCER_PORT:=8000}" "${CONSUMER_PORT:=8001}" "${AIRFLOW_PORT:=8080}"
	: "${RETENTION:=15d}" "${SCRAPE_INTERVAL:=15s}" "${AIRFLOW_SCRAPE_INTERVAL:=30s}"
	: "${WINDSOCK_FLAGS:=}" "${EXTRA_RULES:=}" "${SMTP_TLS:=true}" "${SLACK_CHANNEL:=#alerts}"
	: "${SLACK_URL:=}" "${SMTP_HOST:=}" "${SMTP_USER:=}" "${SMTP_PASSWORD:=}" "${WEBHOOK_URL:=}"
	: "${SMTP_FROM:=alertmanager@localhost}" "${SMTP_TO:=root@localhost}" "${WATCHDOG_URL:=}"
	local_address=$MONITORING_ADDRESS
	[ "$local_address" != 0.0.0.0 ] || local_address=127.0.0.1
}

first_start()
{
	mkdir -p "$state" || die 1 "cannot make $state: choose another with --state"
	chmod 700 "$state"
	[ ! -f "$state/.env" ] || return 0
	password=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
	{
		say "# Made by deploy-monitoring.sh; settings: $here/.env.example"
		say "GRAFANA_ADMIN_PASSWORD=$password"
	} >"$state/.env"
	say "made $state/.env with a new password for Grafana's admin"
}

# ---- configuration ----

quoted() { printf '%s' "$1" | sed 's/[\\&|]/\\&/g'; }

render_prometheus()
{
	mkdir -p "$state/prometheus/rules" "$state/prometheus/targets"
	rm -f "$state"/prometheus/rules/*.yml
	for rule in "$here"/prometheus/rules/*.yml ${EXTRA_RULES:+"$EXTRA_RULES"/*.yml}; do
		[ ! -f "$rule" ] || cp "$rule" "$state/prometheus/rules/"
	done
	set -- -e "s|scrape_interval: 15s|scrape_interval: $SCRAPE_INTERVAL|" \
		-e "s|scrape_interval: 30s|scrape_interval: $AIRFLOW_SCRAPE_INTERVAL|" \
		-e "s|evaluation_interval: 15s|evaluation_interval: $SCRAPE_INTERVAL|" \
		-e "s|scrape_timeout: 10s|scrape_timeout: $(shorter "$SCRAPE_INTERVAL")|"
	if [ "$backend" = native ]; then
		a=$local_address
		set -- "$@" -e "s|airflow-exporter:9092|$a:$WINDSOCK_PORT|" \
			-e "s|producer:8000|$a:$PRODUCER_PORT|" -e "s|consumer:8001|$a:$CONSUMER_PORT|" \
			-e "s|postgres-exporter:9187|$a:$POSTGRES_EXPORTER_PORT|" \
			-e "s|kafka-exporter:9308|$a:$KAFKA_EXPORTER_PORT|" \
			-e "s|prometheus:9090|$a:$PROMETHEUS_PORT|" -e "s|grafana:3000|$a:$GRAFANA_PORT|" \
			-e "s|alertmanager:9093|$a:$ALERTMANAGER_PORT|"
	fi
	sed "$@" "$here/prometheus/prometheus.yml" >"$state/prometheus/prometheus.yml"
	render_airflow
}

# A scrape may not take longer than the interval; 10 s are enough for any.
shorter()
{
	case $1 in
	[1-9]s) echo "$1" ;;
	*ms) echo "$1" ;;
	*) echo 10s ;;
	esac
}

# Airflow's webserver has /metrics with some plugins only: a target where it answers as one.
render_airflow()
{
	target=$state/prometheus/targets/airflow.yml
	where=$local_address:$AIRFLOW_PORT
	if [ "$backend" = native ]; then
		inside=$where
	else
		inside=airflow-webserver:8080
	fi
	if curl -s -m 3 "http://$where/metrics" | grep -q '^# TYPE '; then
		printf -- '- targets: ["%s"]\n  labels: {component: airflow}\n' "$inside" >"$target"
	else
		say '[]' >"$target"
	fi
}

cut_out() { printf '/# begin %s$/,/# end %s$/d\n' "$1" "$1"; }

fill() { say "s|$1: \".*\"|$1: \"$(quoted "$2")\"|"; }

render_alertmanager()
{
	dir=$state/alertmanager
	mkdir -p "$dir/secrets"
	if [ "$backend" = native ]; then secrets=$dir/secrets; else secrets=/etc/alertmanager/secrets; fi
	{
		[ -n "$SLACK_URL" ] || cut_out slack
		[ -n "$SMTP_HOST" ] || cut_out email
		[ -n "$SMTP_USER" ] || cut_out login
		[ -n "$WEBHOOK_URL" ] || cut_out webhook
		[ -n "$WATCHDOG_URL" ] || cut_out watchdog
		say "s|tls: true # SMTP_TLS|tls: $(quoted "$SMTP_TLS")|"
		say "s|@SECRETS@|$(quoted "$secrets")|"
		fill smtp_smarthost "$SMTP_HOST"
		fill smtp_from "$SMTP_FROM"
		fill smtp_auth_username "$SMTP_USER"
		fill '- to' "$SMTP_TO"
		fill '- channel' "$SLACK_CHANNEL"
		say "s|http://localhost:9/webhook|$(quoted "$WEBHOOK_URL")|"
		say "s|http://localhost:9/watchdog|$(quoted "$WATCHDOG_URL")|"
	} >"$dir/sed"
	sed -f "$dir/sed" "$here/alertmanager/alertmanager.yml" >"$dir/alertmanager.yml"
	rm "$dir/sed"
	printf '%s' "$SLACK_URL" >"$dir/secrets/slack_url"
	printf '%s' "$SMTP_PASSWORD" >"$dir/secrets/smtp_password"
}

render()
{
	render_prometheus
	render_alertmanager
	# Users of the containers read these; the directory above, mode 700, keeps others out.
	[ "$backend" = native ] || chmod -R a+rX "$state/prometheus" "$state/alertmanager"
}

# ---- native ----

# name, port and path that says it is healthy
native_components='airflow-exporter prometheus alertmanager postgres-exporter grafana'

port_of()
{
	case $1 in
	airflow-exporter) echo "$WINDSOCK_PORT" ;;
	prometheus) echo "$PROMETHEUS_PORT" ;;
	alertmanager) echo "$ALERTMANAGER_PORT" ;;
	postgres-exporter) echo "$POSTGRES_EXPORTER_PORT" ;;
	kafka-exporter) echo "$KAFKA_EXPORTER_PORT" ;;
	grafana) echo "$GRAFANA_PORT" ;;
	producer) echo "$PRODUCER_PORT" ;;
	consumer) echo "$CONSUMER_PORT" ;;
	esac
}

health_of()
{
	case $1 in
	airflow-exporter) echo /-/ready ;;
	prometheus | alertmanager) echo /-/ready ;;
	grafana) echo /api/health ;;
	*) echo /metrics ;;
	esac
}

program_of()
{
	case $1 in
	airflow-exporter) say "${WINDSOCK:-windsock}" ;;
	prometheus) say prometheus ;;
	alertmanager) if has prometheus-alertmanager; then say prometheus-alertmanager; else say alertmanager; fi ;;
	postgres-exporter) if has prometheus-postgres-exporter; then say prometheus-postgres-exporter; else say postgres_exporter; fi ;;
	grafana) say grafana-server ;;
	esac
}

package_of()
{
	case $1 in
	airflow-exporter) say windsock ;;
	prometheus) say prometheus ;;
	alertmanager) say prometheus-alertmanager ;;
	postgres-exporter) say prometheus-postgres-exporter ;;
	grafana) say 'grafana (from apt.grafana.com)' ;;
	esac
}

# When a process began, in ticks: with its id, it is known for sure.
born() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }

running()
{
	[ -f "$state/run/$1.pid" ] || return 1
	read -r pid began <"$state/run/$1.pid" || return 1
	[ -n "$pid" ] && [ "$(born "$pid")" = "$began" ] || return 1
	case $(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null) in
	Z*) return 1 ;;
	esac
}

healthy() { curl -fs -m 5 -o /dev/null "http://$local_address:$(port_of "$1")$(health_of "$1")"; }

# Nothing listens when the connection is refused (7).
port_free()
{
	curl -s -m 2 -o /dev/null "http://$local_address:$1/"
	[ $? -eq 7 ]
}

# Starts a program that outlives this script, with its log.
launch()
{
	name=$1
	shift
	setsid "$@" >>"$state/log/$name.log" 2>&1 </dev/null 9>&- &
	say "$! $(born $!)" >"$state/run/$name.pid"
}

launch_airflow_exporter()
{
	# shellcheck disable=SC2086 # a list of words
	launch airflow-exporter "$(program_of airflow-exporter)" \
		--statsd.listen-udp="$MONITORING_ADDRESS:$STATSD_PORT" \
		--web.listen-address="$MONITORING_ADDRESS:$WINDSOCK_PORT" $WINDSOCK_FLAGS
}
launch_prometheus()
{
	launch prometheus "$(program_of prometheus)" \
		--config.file="$state/prometheus/prometheus.yml" \
		--storage.tsdb.path="$state/data/prometheus" --storage.tsdb.retention.time="$RETENTION" \
		--web.listen-address="$MONITORING_ADDRESS:$PROMETHEUS_PORT"
}
launch_alertmanager()
{
	launch alertmanager "$(program_of alertmanager)" --cluster.listen-address= \
		--config.file="$state/alertmanager/alertmanager.yml" \
		--storage.path="$state/data/alertmanager" \
		--web.listen-address="$MONITORING_ADDRESS:$ALERTMANAGER_PORT"
}
launch_postgres_exporter()
{
	launch postgres-exporter env \
		DATA_SOURCE_NAME="${DATA_SOURCE_NAME:-postgresql://postgres@localhost:5432/postgres?sslmode=disable}" \
		"$(program_of postgres-exporter)" \
		--web.listen-address="$MONITORING_ADDRESS:$POSTGRES_EXPORTER_PORT"
}
launch_grafana()
{
	launch grafana env GF_SERVER_HTTP_ADDR="$MONITORING_ADDRESS" \
		GF_SERVER_HTTP_PORT="$GRAFANA_PORT" GF_SECURITY_ADMIN_PASSWORD="$GRAFANA_ADMIN_PASSWORD" \
		GF_PATHS_DATA="$state/data/grafana" GF_PATHS_LOGS="$state/log" \
		GF_PATHS_PROVISIONING="$here/grafana/provisioning" GF_USERS_ALLOW_SIGN_UP=false \
		GF_ANALYTICS_REPORTING_ENABLED=false GF_DASHBOARDS_MIN_REFRESH_INTERVAL=5s \
		PROMETHEUS_URL="http://$local_address:$PROMETHEUS_PORT" \
		DASHBOARDS_DIR="$here/grafana/dashboards" \
		"$(program_of grafana)" --homepath "${GRAFANA_HOME:-/usr/share/grafana}"
}

# What is here to be run: Grafana is in no distribution, the rest has to be.
present()
{
	for name in $native_components; do
		if [ "$name" != grafana ] || has "$(program_of grafana)"; then
			echo "$name"
		fi
	done
}

native_check()
{
	missing=
	for name in $(present); do
		has "$(program_of "$name")" || missing="$missing $(package_of "$name")"
	done
	[ -z "$missing" ] || die 4 "not installed:$missing
  On Debian: apt-get install prometheus prometheus-alertmanager prometheus-postgres-exporter
  windsock: make install in its source, or WINDSOCK=/path/to/windsock
  Or install docker with its compose plugin, and nothing else is needed."
	for name in $(present); do
		running "$name" || port_free "$(port_of "$name")" ||
			die 4 "port $(port_of "$name") of $name is taken by something else: choose another," \
				"$(say "$name" | sed 's/airflow-exporter/windsock/; s/-/_/g' |
					tr '[:lower:]' '[:upper:]')_PORT=..."
	done
}

native_start()
{
	native_check
	has "$(program_of grafana)" ||
		say "grafana: not installed here, goes without ($(package_of grafana))"
	mkdir -p "$state/run" "$state/log" "$state/data"
	failed=0
	started=
	for name in $(present); do
		if running "$name"; then
			say "$name: runs already"
		else
			say "$name: starting"
			"launch_$(say "$name" | tr - _)"
			started="$started $name"
		fi
	done
	for name in $started; do
		native_wait "$name" || failed=1
	done
	[ $failed -eq 0 ] || die 1 "not everything started; see: $0 --state $state logs"
}

native_wait()
{
	tries=$((patience * 5))
	until healthy "$1" && running "$1"; do
		tries=$((tries - 1))
		if ! running "$1" || [ $tries -le 0 ]; then
			say "$1: does not start; its last lines:"
			tail -n 5 "$state/log/$1.log" | sed 's/^/  /'
			return 1
		fi
		sleep 0.2
	done
	say "$1: healthy, http://$local_address:$(port_of "$1")"
}

native_stop()
{
	some=
	for name in $native_components; do
		if running "$name"; then
			say "$name: stopping"
			kill "$pid"
			some=1
		fi
	done
	for name in $native_components; do
		tries=$((patience * 10))
		while running "$name"; do
			tries=$((tries - 1))
			[ $tries -gt 0 ] || { say "$name: does not stop, killed"; kill -9 "$pid"; }
			sleep 0.1
		done
		rm -f "$state/run/$name.pid"
	done
	rmdir "$state/run" 2>/dev/null
	[ -n "$some" ] || say "nothing was running"
}

native_logs()
{
	files=
	for name in ${1:-$native_components}; do
		[ ! -f "$state/log/$name.log" ] || files="$files $name.log"
	done
	[ -n "$files" ] || die 1 "no logs${1:+ of $1} under $state/log"
	cd "$state/log" || exit 1
	# shellcheck disable=SC2086 # a list of words
	exec tail -n 100 $follow $files
}

# ---- containers ----

compose() {
	MONITORING_STATE=$state $compose_program -p $project --env-file "$state/.env" \
		-f "$here/docker-compose.monitoring.yml" "$@"
}
engine() { say "$compose_program" | sed 's/[ -].*//'; }

find_compose()
{
	if docker compose version >/dev/null 2>&1 && docker info >/dev/null 2>&1; then
		compose_program='docker compose'
	elif has docker-compose && docker info >/dev/null 2>&1; then
		compose_program=docker-compose
	elif has podman-compose && podman info >/dev/null 2>&1; then
		compose_program=podman-compose
	else
		return 1
	fi
}

compose_start()
{
	$(engine) network inspect crypto-network >/dev/null 2>&1 ||
		$(engine) network create crypto-network >/dev/null || die 1 "cannot make crypto-network"
	compose up -d || die 1 "not everything started; see: $0 logs"
	for name in airflow-exporter prometheus alertmanager postgres-exporter grafana; do
		tries=$((patience * 2))
		until healthy "$name"; do
			tries=$((tries - 1))
			[ $tries -gt 0 ] || die 1 "$name is not healthy; see: $0 logs $name"
			sleep 0.5
		done
		say "$name: healthy, http://$local_address:$(port_of "$name")"
	done
}

compose_running() { compose ps -q "$1" 2>/dev/null | grep -q .; }

# ---- status ----

# up of a job: 1, 0, or nothing when Prometheus does not know it (yet)
scraped()
{
	curl -fs -m 5 -G --data-urlencode "query=max(up{job=\"$1\"})" \
		"http://$local_address:$PROMETHEUS_PORT/api/v1/query" 2>/dev/null |
		sed -n 's/.*"value":\[[^,]*,"\([^"]*\)".*/\1/p'
}

row() { printf '%-18s %-9s %-9s %-9s %s\n' "$@"; }

status_of()
{
	name=$1
	runs=no health=no scrape=no
	case $backend in
	native) ! running "$name" || runs=yes ;;
	*) ! compose_running "$name" || runs=yes ;;
	esac
	[ $runs = no ] || some=1
	! healthy "$name" || health=yes
	[ "$(scraped "$name")" != 1 ] || scrape=yes
	[ $runs$health$scrape = yesyesyes ] || all=
	row "$name" $runs $health $scrape "http://$local_address:$(port_of "$name")"
}

# Not ours to start: shown, and no reason to fail.
status_outside()
{
	health=no scrape=no
	! healthy "$1" || health=yes
	[ "$(scraped "$1")" != 1 ] || scrape=yes
	row "$1" external $health $scrape "http://$local_address:$(port_of "$1")"
}

status()
{
	some='' all=1
	row COMPONENT RUNS HEALTHY SCRAPED ADDRESS
	if [ "$backend" = native ]; then
		for name in $(present); do status_of "$name"; done
		has "$(program_of grafana)" || row grafana absent - - "not installed"
		status_outside kafka-exporter
	else
		for name in $native_components kafka-exporter; do status_of "$name"; done
	fi
	status_outside producer
	status_outside consumer
	say "StatsD for Airflow: $local_address:$STATSD_PORT (UDP); files: $state ($backend)"
	[ -n "$some" ] || return 3
	[ -n "$all" ]
}

# ---- commands ----

start()
{
	first_start
	read_settings
	defaults
	[ -n "${GRAFANA_ADMIN_PASSWORD:-}" ] || die 1 "no GRAFANA_ADMIN_PASSWORD in $state/.env"
	# What runs keeps its files until restart.
	render
	"${backend}_start"
}

stop()
{
	if [ "$backend" = native ]; then
		native_stop
	elif [ -f "$state/.env" ]; then
		compose down ${purge:+-v} || exit 1
	fi
	rm -rf "$state/prometheus" "$state/alertmanager"
	if [ -n "$purge" ]; then
		rm -rf "$state/data" "$state/log" "$state/.env" "$state/lock"
		rmdir "$state" 2>/dev/null
	fi
	return 0
}

# One at a time; flock lets go when this process ends.
alone()
{
	mkdir -p "$state" || die 1 "cannot make $state: choose another with --state"
	exec 9>"$state/lock"
	flock -w "$patience" 9 || die 1 "another deploy-monitoring.sh is at work on $state"
}

command='' follow='' purge='' only=''
[ ! -t 1 ] || follow=-f
while [ $# -gt 0 ]; do
	case $1 in
	--native) backend=native ;;
	--compose) backend=compose ;;
	--state)
		[ $# -ge 2 ] || die 2 "--state wants a directory"
		state=$2
		shift
		;;
	--state=*) state=${1#*=} ;;
	-f | --follow) follow=-f ;;
	--purge) purge=1 ;;
	-h | --help) usage && exit 0 ;;
	start | status | logs | restart | stop)
		[ -z "$command" ] || die 2 "one command at a time: $command or $1?"
		command=$1
		;;
	-*) die 2 "unknown option $1; --help" ;;
	*)
		[ "$command" = logs ] || die 2 "unknown command $1; --help"
		only=$1
		;;
	esac
	shift
done
[ -n "$command" ] || { usage >&2; exit 2; }
case $state in
/*) ;;
*) state=$PWD/$state ;;
esac
has curl || die 4 "curl is needed: apt-get install curl"
{ has flock && has setsid; } || die 4 "flock and setsid are needed: apt-get install util-linux"
case $backend in
'') if find_compose; then backend=compose; else backend=native; fi ;;
compose) find_compose || die 4 "no usable docker compose, docker-compose or podman-compose here" ;;
native) ;;
*) die 2 "MONITORING_BACKEND is native or compose, not $backend" ;;
esac
read_settings
defaults
for name in $settings; do
	# shellcheck disable=SC2163 # the variable named
	[ "$backend" = native ] || ! eval "[ -n \"\${$name:-}\" ]" || export "$name"
done

case $command in
start) alone; start ;;
stop) alone; stop ;;
restart) alone; stop; start ;;
status) status ;;
logs) if [ "$backend" = native ]; then native_logs "$only"; else compose logs --tail=100 $follow ${only:+"$only"}; fi ;;
esac
