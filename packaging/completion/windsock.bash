# SPDX-License-Identifier: Apache-2.0
# Made by packaging/completion/generate.py.
# shellcheck shell=bash

_windsock()
{
	local cur=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} flag='' command=''
	COMPREPLY=()

	# --flag=value is three words where `=` breaks words, as it does unless told.
	if [[ $cur == --*=* ]]; then
		flag=${cur%%=*} cur=${cur#*=}
	elif [[ $cur == '=' ]]; then
		flag=$before cur=''
	elif [[ $before == '=' ]]; then
		flag=${COMP_WORDS[COMP_CWORD - 2]}
	elif [[ $before == --* ]]; then
		flag=$before
		case $flag in
		--web.enable-lifecycle | --check-config | --version | --help) flag='' ;;
		esac
	fi
	((COMP_CWORD > 1)) && command=${COMP_WORDS[1]}

	case $flag in
	--statsd.mapping-config)
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -W 'builtin:airflow' -- "$cur"; compgen -f -- "$cur")
		return ;;
	--log.level)
		mapfile -t COMPREPLY < <(compgen -W 'debug info warn error' -- "$cur")
		return ;;
	--log.format)
		mapfile -t COMPREPLY < <(compgen -W 'logfmt json' -- "$cur")
		return ;;
	--web.telemetry-path)
		mapfile -t COMPREPLY < <(compgen -W '/metrics' -- "$cur")
		return ;;
	--airflow.version | \
		--statsd.listen-udp | \
		--statsd.workers | \
		--statsd.read-buffer | \
		--statsd.prefix | \
		--statsd.sender-label | \
		--statsd.cache-size | \
		--web.listen-address | \
		--web.max-connections | \
		--web.timeout | \
		--limits.series | \
		--limits.series-per-family | \
		--limits.families | \
		--limits.unmatched-families)
		return ;;
	--web.enable-lifecycle | --check-config | --version | --help)
		mapfile -t COMPREPLY < <(compgen -W 'true false' -- "$cur")
		return ;;
	esac
	if [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W '--airflow.version= --statsd.listen-udp= --statsd.workers= --statsd.read-buffer=
			--statsd.mapping-config= --statsd.prefix= --statsd.sender-label=
			--statsd.cache-size= --web.listen-address= --web.telemetry-path=
			--web.enable-lifecycle --web.max-connections= --web.timeout= --limits.series=
			--limits.series-per-family= --limits.families= --limits.unmatched-families=
			--log.level= --log.format= --check-config --version --help
			--no-web.enable-lifecycle --no-check-config' -- "$cur")
		[[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace
	elif ((COMP_CWORD == 1)); then
		mapfile -t COMPREPLY < <(compgen -W 'check explain healthcheck' -- "$cur")
	elif [[ $command == check ]]; then
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
	fi
}
complete -F _windsock windsock
