# SPDX-License-Identifier: Apache-2.0
# Made by packaging/completion/generate.py.

complete -c windsock -f
function __windsock_needs_command
	test (count (commandline -opc)) -eq 1
end
complete -c windsock -n __windsock_needs_command -a check -d 'check mapping files (or the configured ones) and print their rules'
complete -c windsock -n __windsock_needs_command -a explain -d 'show what happens to StatsD lines (from standard input by default)'
complete -c windsock -n __windsock_needs_command -a healthcheck -d 'check a running windsock (the configured one, or http://host:port)'
complete -c windsock -n '__fish_seen_subcommand_from check' -F
complete -c windsock -l airflow.version -x -d 'Version of the Airflow that sends'
complete -c windsock -l statsd.listen-udp -x -d 'Address to receive StatsD on'
complete -c windsock -l statsd.workers -x -d 'Number of receiving threads'
complete -c windsock -l statsd.read-buffer -x -d 'Receive buffer to request for each socket'
complete -c windsock -l statsd.mapping-config -r -F -a 'builtin:airflow' -d 'Mapping file'
complete -c windsock -l statsd.prefix -x -d 'Prefix of all names'
complete -c windsock -l statsd.sender-label -x -d 'Adds a label with the sender\'s address to every series'
complete -c windsock -l statsd.cache-size -x -d 'Cache size'
complete -c windsock -l web.listen-address -x -d 'Address to listen on for HTTP'
complete -c windsock -l web.telemetry-path -x -a '/metrics' -d 'Path under which to expose metrics'
complete -c windsock -l web.enable-lifecycle -d 'Allow reloads with POST or PUT to /-/reload'
complete -c windsock -l no-web.enable-lifecycle -d 'Not: Allow reloads with POST or PUT to /-/reload'
complete -c windsock -l web.max-connections -x -d 'Maximum number of simultaneous HTTP connections'
complete -c windsock -l web.timeout -x -d 'Maximum duration of an HTTP request and its response'
complete -c windsock -l limits.series -x -d 'Maximum number of series'
complete -c windsock -l limits.series-per-family -x -d 'Maximum number of series per metric'
complete -c windsock -l limits.families -x -d 'Maximum number of metrics'
complete -c windsock -l limits.unmatched-families -x -d 'Maximum number of metrics created from names that no rule matches'
complete -c windsock -l log.level -x -a 'debug info warn error' -d 'Minimum log level'
complete -c windsock -l log.format -x -a 'logfmt json' -d 'Log format'
complete -c windsock -l check-config -d 'Check settings'
complete -c windsock -l no-check-config -d 'Not: Check settings'
complete -c windsock -l version -d 'Print the version and exit'
complete -c windsock -l help -d 'Print this and exit'
