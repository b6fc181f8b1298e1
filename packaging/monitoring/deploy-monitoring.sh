#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: deploy-monitoring.sh [--native | --compose] [--state DIR] COMMAND
#   start             start all components, wait until they are healthy and scraped
#   status            show for each component if it is running, healthy and scraped, and where
#   logs [-f] [NAME]  show the last lines of the logs; follow them with -f or on a terminal
#   restart           stop, then start with the current settings
#   stop [--purge]    stop; --purge also deletes data and passwords
#   config            only write and check the configuration
# Uses containers if docker compose or podman-compose works, otherwise programs of this machine.
# Settings come from the environment or from DIR/.env; .env.example lists them.  The default
# for DIR is $XDG_STATE_HOME/windsock-monitoring.
# Exit codes: 0 success; 1 something failed or is not healthy; 2 wrong usage; 3 nothing is
# running (status); 4 a program, an image or a free port is missing.
set -u
umask 077

here=$(cd "$(dirname "$0")" && pwd)
state=${XDG_STATE_HOME:-${HOME:-/var/lib}/.local/state}/windsock-monitoring
backend=${MONITORING_BACKEND:-}
project=crypto-monitoring
patience=${START_TIMEOUT:-60}

# Scraped components: job name, prefix of the setting for its port (before _PORT), path of the health
# check, possible names of the program, package on Debian.
components='
airflow-exporter   WINDSOCK           /-/ready     WINDSOCK                                       windsock
prometheus         PROMETHEUS         /-/ready     prometheus                                     prometheus
alertmanager       ALERTMANAGER       /-/ready     prometheus-alertmanager,alertmanager           prometheus-alertmanager
postgres-exporter  POSTGRES_EXPORTER  /metrics     prometheus-postgres-exporter,postgres_exporter prometheus-postgres-exporter
grafana            GRAFANA            /api/health  grafana-server                                 grafana
kafka-exporter     KAFKA_EXPORTER     /metrics     KAFKA_EXPORTER                                 kafka_exporter
producer           PRODUCER           /metrics     -                                              -
consumer           CONSUMER           /metrics     -                                              -
'
# In the order in which they are started.  The optional ones are started if they are installed.
required='airflow-exporter prometheus alertmanager postgres-exporter'
ours="$required grafana kafka-exporter"
outside='producer consumer'

# Each setting with its default.  .env.example explains them.
settings='
MONITORING_ADDRESS 127.0.0.1
WINDSOCK_PORT 9092
STATSD_PORT 8125
PROMETHEUS_PORT 9090
ALERTMANAGER_PORT 9093
GRAFANA_PORT 3000
POSTGRES_EXPORTER_PORT 9187
KAFKA_EXPORTER_PORT 9308
PRODUCER_PORT 8000
CONSUMER_PORT 8001
AIRFLOW_PORT 8080
RETENTION 15d
SCRAPE_INTERVAL 15s
AIRFLOW_SCRAPE_INTERVAL 30s
EXTRA_RULES
WINDSOCK windsock
WINDSOCK_FLAGS
WINDSOCK_IMAGE windsock:0.1.0
WINDSOCK_SOURCE
KAFKA_EXPORTER kafka_exporter
KAFKA_BROKERS
COMPOSE_PROFILES
DATA_SOURCE_NAME
GRAFANA_ADMIN_PASSWORD
SLACK_URL
SLACK_CHANNEL #alerts
SMTP_HOST
SMTP_FROM alertmanager@localhost
SMTP_TO root@localhost
SMTP_USER
SMTP_PASSWORD
SMTP_TLS true
WEBHOOK_URL
WATCHDOG_URL
'

say() { printf '%s\n' "$*"; }
die()
{
	code=$1
	shift
	say "deploy-monitoring.sh: $*" >&2
	exit "$code"
}
usage() { sed -n '3,15s/^# \{0,1\}//p' "$0"; }
has() { command -v "$1" >/dev/null 2>&1; }

# ---- settings ----

# Lines NAME=value of a known NAME; the environment takes precedence.  Nothing in the file is executed.
read_settings()
{
	[ -f "$state/.env" ] || return 0
	while IFS= read -r line || [ -n "$line" ]; do
		setting=${line%%=*}
		say "$settings" | grep -qx "$setting\( .*\)\{0,1\}" || continue
		# shellcheck disable=SC2034 # used by eval
		value=${line#*=}
		eval "[ -n \"\${$setting+set}\" ]" || eval "$setting=\$value"
	done <"$state/.env"
}

# Compose gets settings that are set through its environment; it has the same defaults.
defaults()
{
	# shellcheck disable=SC2034 # value: used by eval
	while read -r setting value; do
		[ -n "$setting" ] || continue
		eval "[ -z \"\${$setting:-}\" ]" || export "${setting?}"
		eval ": \"\${$setting:=\$value}\""
	done <<-END
	$settings
	END
	local_address=$MONITORING_ADDRESS
	[ "$local_address" != 0.0.0.0 ] || local_address=127.0.0.1
}

first_start()
{
	chmod 700 "$state"
	[ ! -f "$state/.env" ] || return 0
	password=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
	{
		say "# Created by deploy-monitoring.sh; settings: $here/.env.example"
		say "GRAFANA_ADMIN_PASSWORD=$password"
	} >"$state/.env"
	say "created $state/.env with a new password for Grafana's admin"
}

# Column 1 to 5 of a component's row.
column()
{
	wanted=$2
	# shellcheck disable=SC2046 # a row is a list of words
	set -- $(say "$components" | grep "^$1 ")
	eval "say \"\$$wanted\""
}
port_of() { eval "say \"\$$(column "$1" 2)_PORT\""; }
address_of() { say "http://$local_address:$(port_of "$1")"; }

# Some programs are told by a setting; the first of the others that is here, or the first.
program_of()
{
	case $1 in
	airflow-exporter) say "$WINDSOCK" && return ;;
	kafka-exporter) say "$KAFKA_EXPORTER" && return ;;
	esac
	programs=$(column "$1" 4 | tr ',' ' ')
	for program in $programs; do
		if has "$program"; then
			say "$program"
			return
		fi
	done
	say "${programs%% *}"
}

# ---- configuration ----

quoted() { printf '%s' "$1" | sed 's/[\\&|]/\\&/g'; }

# A scrape may not take longer than the interval; 10 s are enough for any.
shorter()
{
	case $1 in
	[1-9]s | *ms) say "$1" ;;
	*) say 10s ;;
	esac
}

# One line, one interval: t leaves a line that was changed.
prometheus_sed()
{
	say "s|scrape_interval: 30s|scrape_interval: $AIRFLOW_SCRAPE_INTERVAL|;t"
	say "s|_interval: 15s|_interval: $SCRAPE_INTERVAL|;t"
	say "s|scrape_timeout: 10s|scrape_timeout: $(shorter "$SCRAPE_INTERVAL")|;t"
	[ "$backend" = native ] || return 0
	for name in $ours $outside; do
		say "s|\"$name:[0-9]*\"|\"$local_address:$(port_of "$name")\"|"
	done
}

# make install writes its own place into runbook_url; this is for a source that is not installed.
with_links()
{
	if [ -f "$here/../../docs/runbook.md" ]; then
		docs=$(cd "$here/../../docs" && pwd)
		sed "s|file:///usr/share/doc/windsock/|file://$(quoted "$docs")/|" "$1"
	else
		cat "$1"
	fi
}

render_prometheus()
{
	dir=$state/prometheus
	mkdir -p "$dir/rules" "$dir/targets"
	rm -f "$dir"/rules/*.yml
	for rule in "$here"/prometheus/rules/*.yml ${EXTRA_RULES:+"$EXTRA_RULES"/*.yml}; do
		[ ! -f "$rule" ] || with_links "$rule" >"$dir/rules/${rule##*/}"
	done
	prometheus_sed >"$dir/sed"
	sed -f "$dir/sed" "$here/prometheus/prometheus.yml" >"$dir/prometheus.yml"
	rm "$dir/sed"
	render_airflow
}

# Airflow's webserver has /metrics with some plugins only: a target where it answers as one.
render_airflow()
{
	target=$state/prometheus/targets/airflow.yml
	where=$local_address:$AIRFLOW_PORT
	inside=$where
	[ "$backend" = native ] || inside=airflow-webserver:8080
	if curl -s -m 3 "http://$where/metrics" | grep -q '^# TYPE '; then
		printf -- '- targets: ["%s"]\n  labels: {component: airflow}\n' "$inside" >"$target"
	else
		say '[]' >"$target"
	fi
}

# Cuts out the parts of the template whose setting is empty.
without() { [ -n "$2" ] || printf '/# begin %s$/,/# end %s$/d\n' "$1" "$1"; }
fill() { say "s|$1: \".*\"|$1: \"$(quoted "$2")\"|"; }

alertmanager_sed()
{
	secrets=$dir/secrets
	[ "$backend" = native ] || secrets=/etc/alertmanager/secrets
	without slack "$SLACK_URL"
	without email "$SMTP_HOST"
	without login "$SMTP_USER"
	without webhook "$WEBHOOK_URL"
	without watchdog "$WATCHDOG_URL"
	say "s|tls: true # SMTP_TLS|tls: $(quoted "$SMTP_TLS")|"
	say "s|@SECRETS@|$(quoted "$secrets")|"
	fill smtp_smarthost "$SMTP_HOST"
	fill smtp_from "$SMTP_FROM"
	fill smtp_auth_username "$SMTP_USER"
	fill '- to' "$SMTP_TO"
	fill '- channel' "$SLACK_CHANNEL"
	say "s|http://localhost:9/webhook|$(quoted "$WEBHOOK_URL")|"
	say "s|http://localhost:9/watchdog|$(quoted "$WATCHDOG_URL")|"
}

render_alertmanager()
{
	dir=$state/alertmanager
	mkdir -p "$dir/secrets"
	alertmanager_sed >"$dir/sed"
	sed -f "$dir/sed" "$here/alertmanager/alertmanager.yml" >"$dir/alertmanager.yml"
	rm "$dir/sed"
	printf '%s' "$SLACK_URL" >"$dir/secrets/slack_url"
	printf '%s' "$SMTP_PASSWORD" >"$dir/secrets/smtp_password"
}

# Compose finds its file beside .env, which says where the rest is, so that plain
# `docker-compose -f docker-compose.monitoring.yml logs prometheus` works there.
render_compose()
{
	cp "$here/docker-compose.monitoring.yml" "$state/"
	: "${WINDSOCK_SOURCE:=$(cd "$here/../.." && pwd)}"
	MONITORING_STATE=$state MONITORING_HOME=$here
	export WINDSOCK_SOURCE MONITORING_STATE MONITORING_HOME
	{
		grep -v '^COMPOSE_PROJECT_NAME=\|^MONITORING_STATE=\|^MONITORING_HOME=' "$state/.env"
		say "COMPOSE_PROJECT_NAME=$project"
		say "MONITORING_STATE=$state"
		say "MONITORING_HOME=$here"
	} >"$state/.env.new" && mv "$state/.env.new" "$state/.env"
	# Users of the containers read these; the directory above, mode 700, keeps others out.
	chmod -R a+rX "$state/prometheus" "$state/alertmanager"
}

render()
{
	render_prometheus
	render_alertmanager
	[ "$backend" = native ] || render_compose
}

# With the programs that are installed; they report the errors.
check_config()
{
	if has promtool; then
		told=$(promtool check config "$state/prometheus/prometheus.yml" 2>&1) ||
			die 1 "Prometheus rejected its configuration:
$told"
	fi
	if has amtool; then
		told=$(amtool check-config "$state/alertmanager/alertmanager.yml" 2>&1) ||
			die 1 "Alertmanager rejected its configuration:
$told"
	fi
}

# ---- native ----

# Start time of a process in ticks: together with its id, it identifies the process.
born() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }

# Leaves its id in $pid.
running()
{
	[ -f "$state/run/$1.pid" ] || return 1
	read -r pid began <"$state/run/$1.pid" || return 1
	[ -n "$pid" ] && [ "$(born "$pid")" = "$began" ] || return 1
	case $(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null) in
	Z*) return 1 ;;
	esac
}

healthy() { curl -fs -m 5 -o /dev/null "$(address_of "$1")$(column "$1" 3)"; }

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
		PROMETHEUS_URL="$(address_of prometheus)" DASHBOARDS_DIR="$here/grafana/dashboards" \
		"$(program_of grafana)" --homepath "${GRAFANA_HOME:-/usr/share/grafana}"
}
launch_kafka_exporter()
{
	launch kafka-exporter "$(program_of kafka-exporter)" --kafka.server="$KAFKA_BROKERS" \
		--web.listen-address="$MONITORING_ADDRESS:$KAFKA_EXPORTER_PORT"
}

# Components that can be run.  Grafana and kafka_exporter are not in distributions: they are optional.
present()
{
	say "$required" | tr ' ' '\n'
	! has "$(program_of grafana)" || say grafana
	[ -z "$KAFKA_BROKERS" ] || ! has "$(program_of kafka-exporter)" || say kafka-exporter
}

native_check()
{
	missing=
	for name in $required; do
		has "$(program_of "$name")" || missing="$missing $(column "$name" 5)"
	done
	[ -z "$missing" ] || die 4 "not installed:$missing
  On Debian: apt-get install prometheus prometheus-alertmanager prometheus-postgres-exporter
  windsock: make install in its source, or WINDSOCK=/path/to/windsock
  Or install docker with its compose plugin; then nothing else is needed."
	for name in $(present); do
		running "$name" || port_free "$(port_of "$name")" ||
			die 4 "port $(port_of "$name") of $name is in use:" \
				"set another one with $(column "$name" 2)_PORT=..."
	done
}

native_start()
{
	for name in grafana kafka-exporter; do
		present | grep -qx $name || say "$name: not started, $(absent_because $name)"
	done
	mkdir -p "$state/run" "$state/log" "$state/data"
	started=
	for name in $(present); do
		if running "$name"; then
			say "$name: already running"
		else
			say "$name: starting"
			"launch_$(say "$name" | tr - _)"
			started="$started $name"
		fi
	done
	failed=0
	for name in $started; do
		native_wait "$name" || failed=1
	done
	[ $failed -eq 0 ] || die 1 "not everything started; see: $0 --state $state logs"
}

absent_because()
{
	if has "$(program_of "$1")"; then say "KAFKA_BROKERS is not set"; else say "not installed"; fi
}

native_wait()
{
	tries=$((patience * 5))
	until healthy "$1" && running "$1"; do
		tries=$((tries - 1))
		if ! running "$1" || [ $tries -le 0 ]; then
			say "$1: failed to start; last lines of its log:"
			tail -n 5 "$state/log/$1.log" | sed 's/^/  /'
			return 1
		fi
		sleep 0.2
	done
	say "$1: healthy, $(address_of "$1")"
}

native_stop()
{
	some=
	for name in $ours; do
		if running "$name"; then
			say "$name: stopping"
			kill "$pid"
			some=1
		fi
	done
	for name in $ours; do
		tries=$((patience * 10))
		while running "$name"; do
			tries=$((tries - 1))
			[ $tries -gt 0 ] || { say "$name: did not stop, killed"; kill -9 "$pid"; }
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
	for name in ${1:-$ours}; do
		[ ! -f "$state/log/$name.log" ] || files="$files $name.log"
	done
	[ -n "$files" ] || die 1 "no logs${1:+ of $1} in $state/log"
	cd "$state/log" || exit 1
	# shellcheck disable=SC2086 # a list of words
	exec tail -n 100 $follow $files
}

# ---- containers ----

# In the directory of .env: podman-compose does not support another location.
compose()
{
	( cd "$state" && $compose_program -p $project -f docker-compose.monitoring.yml "$@" )
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

compose_check()
{
	$(engine) image inspect "$WINDSOCK_IMAGE" >/dev/null 2>&1 ||
		[ -f "${WINDSOCK_SOURCE:-$here/../..}/packaging/oci/Containerfile" ] ||
		die 4 "no image $WINDSOCK_IMAGE, and no source to build it from:
  set WINDSOCK_SOURCE=/path/to/windsock/source, or WINDSOCK_IMAGE to an existing image"
}

compose_start()
{
	$(engine) network inspect crypto-network >/dev/null 2>&1 ||
		$(engine) network create crypto-network >/dev/null || die 1 "cannot create crypto-network"
	# By name: podman-compose of Debian 12 does not know profiles.
	services=$ours
	case ,$COMPOSE_PROFILES, in
	*,pipeline,*) services="$services $outside" ;;
	esac
	# shellcheck disable=SC2086 # a list of words
	compose up -d $services || die 1 "not everything started; see: $0 logs"
	started=
	for name in $required grafana; do
		tries=$((patience * 2))
		until healthy "$name"; do
			tries=$((tries - 1))
			[ $tries -gt 0 ] || die 1 "$name is not healthy; see: $0 logs $name"
			sleep 0.5
		done
		say "$name: healthy, $(address_of "$name")"
		started="$started $name"
	done
}

# By the label that both kinds of compose set; podman-compose has no ps for a single service.
compose_running()
{
	$(engine) ps -q --filter "label=com.docker.compose.project=$project" \
		--filter "label=com.docker.compose.service=$1" 2>/dev/null | grep -q .
}

compose_stop()
{
	if [ -f "$state/docker-compose.monitoring.yml" ]; then
		compose down ${purge:+-v} || exit 1
	else
		say "nothing was running"
	fi
}

compose_logs()
{
	[ -f "$state/docker-compose.monitoring.yml" ] || die 1 "nothing was started with $state"
	compose logs --tail=100 $follow ${1:+"$1"}
}

# ---- what Prometheus says ----

# up of a job, from a scrape since $2: 1, 0, or nothing if there was none
scraped()
{
	curl -fs -m 5 -G \
		--data-urlencode "query=max(up{job=\"$1\"} and timestamp(up{job=\"$1\"}) >= ${2:-0})" \
		"$(address_of prometheus)/api/v1/query" 2>/dev/null |
		sed -n 's/.*"value":\[[^,]*,"\([^"]*\)".*/\1/p'
}

# Prometheus spreads the first scrapes over the interval.
wait_scraped()
{
	[ -z "$started" ] || say "waiting for Prometheus to scrape all components"
	for name in $started; do
		tries=$patience
		until [ "$(scraped "$name" "$since")" = 1 ]; do
			tries=$((tries - 1))
			[ $tries -gt 0 ] || die 1 "$name is not scraped; see $(address_of prometheus)/targets"
			sleep 1
		done
		say "$name: scraped"
	done
}

# ---- status ----

row() { printf '%-18s %-9s %-9s %-9s %s\n' "$@"; }

status_of()
{
	health=no scrape=no
	! healthy "$1" || health=yes
	[ "$(scraped "$1")" != 1 ] || scrape=yes
	row "$1" "$2" $health $scrape "$(address_of "$1")"
	[ "$2$health$scrape" = yesyesyes ]
}

status_ours()
{
	for name in $ours; do
		runs=no
		! "${backend}_running" "$name" || runs=yes
		[ $runs = no ] || some=1
		if [ "$backend$runs" = nativeno ] && ! present | grep -qx "$name"; then
			status_of "$name" absent
		else
			status_of "$name" $runs || all=
		fi
	done
}
native_running() { running "$1"; }

# Components that the script does not start are shown, but do not make the command fail.
status()
{
	some='' all=1
	row COMPONENT RUNS HEALTHY SCRAPED ADDRESS
	status_ours
	for name in $outside; do
		status_of "$name" external
	done
	say "StatsD for Airflow: $local_address:$STATSD_PORT (UDP); files: $state ($backend)"
	[ -n "$some" ] || return 3
	[ -n "$all" ]
}

# ---- commands ----

config()
{
	[ -n "$GRAFANA_ADMIN_PASSWORD" ] || die 1 "no GRAFANA_ADMIN_PASSWORD in $state/.env"
	render
	check_config
}

# Running components keep their configuration until a restart.
start()
{
	"${backend}_check"
	config
	since=$(date +%s)
	"${backend}_start"
	wait_scraped
}

stop()
{
	"${backend}_stop"
	rm -rf "$state/prometheus" "$state/alertmanager" "$state/docker-compose.monitoring.yml"
	if [ -n "$purge" ]; then
		rm -rf "$state/data" "$state/log" "$state/.env" "$state/lock"
		rmdir "$state" 2>/dev/null
	fi
	return 0
}

# Check first: do not stop what could not be started again.
restart()
{
	"${backend}_check"
	config
	stop
	start
}

# One at a time; the lock is released when this process ends.
alone()
{
	mkdir -p "$state" || die 1 "cannot create $state: choose another directory with --state"
	exec 9>"$state/lock"
	flock -w "$patience" 9 || die 1 "another deploy-monitoring.sh is using $state"
}

known()
{
	for name in $ours; do
		[ "$name" != "$1" ] || return 0
	done
	return 1
}

command='' follow='' purge='' only=''
[ ! -t 1 ] || follow=-f
while [ $# -gt 0 ]; do
	case $1 in
	--native) backend=native ;;
	--compose) backend=compose ;;
	--state)
		[ $# -ge 2 ] || die 2 "--state needs a directory"
		state=$2
		shift
		;;
	--state=*) state=${1#*=} ;;
	-f | --follow) follow=-f ;;
	--purge) purge=1 ;;
	-h | --help) usage && exit 0 ;;
	start | status | logs | restart | stop | config)
		[ -z "$command" ] || die 2 "give only one command: $command or $1"
		command=$1
		;;
	-*) die 2 "unknown option $1; see --help" ;;
	*)
		[ "$command" = logs ] || die 2 "unknown command $1; see --help"
		known "$1" || die 2 "unknown component $1; choose one of: $ours"
		only=$1
		;;
	esac
	shift
done
[ -n "$command" ] || { usage >&2; exit 2; }
[ -z "$purge" ] || [ "$command" = stop ] || die 2 "--purge is only valid with stop"
case $state in
/*) ;;
*) state=$PWD/$state ;;
esac
has curl || die 4 "curl is needed: apt-get install curl"
{ has flock && has setsid; } || die 4 "flock and setsid are needed: apt-get install util-linux"
case $backend in
'') if find_compose; then backend=compose; else backend=native; fi ;;
compose) find_compose || die 4 "docker compose, docker-compose or podman-compose is not available" ;;
native) ;;
*) die 2 "MONITORING_BACKEND must be native or compose, not $backend" ;;
esac
case $command in
start | restart | config) alone; first_start ;;
stop) alone ;;
esac
read_settings
defaults

case $command in
start) start ;;
stop) stop ;;
restart) restart ;;
config) config ;;
status) status ;;
logs) "${backend}_logs" "$only" ;;
esac
