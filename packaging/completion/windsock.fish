# SPDX-License-Identifier: Apache-2.0
# Made by packaging/completion/generate.py.

complete -c windsock -f
function __windsock_needs_command
	test (count (commandline -opc)) -eq 1
end
complete -c windsock -n __windsock_needs_command -a check -d 'check mapping files (or the configured ones) and print their rules'
complete -c windsock -n __windsock_needs_command -a explain -d 'say what becomes of StatsD lines (of standard input, without any)'
complete -c windsock -n __windsock_needs_command -a healthcheck -d 'ask a running windsock (the configured one, or at http://host:port)'
complete -c windsock -n '__fish_seen_subcommand_from check' -F
complete -c windsock -l airflow.version -x -d 'Version of the Airflow that sends'
complete -c windsock -l statsd.listen-udp -x -d 'Address to receive StatsD on'
complete -c windsock -l statsd.workers -x -d 'Receiving threads'
complete -c windsock -l statsd.read-buffer -x -d 'Bytes of receive buffer to ask for'
complete -c windsock -l statsd.mapping-config -r -F -a 'builtin:airflow' -d 'Mapping file'
complete -c windsock -l statsd.prefix -x -d 'Prefix of all names'
complete -c windsock -l statsd.sender-label -x -d 'Label with the address of the sender'
complete -c windsock -l statsd.cache-size -x -d 'Names a worker remembers the series of'
complete -c windsock -l web.listen-address -x -d 'Address to serve HTTP on'
complete -c windsock -l web.telemetry-path -x -a '/metrics' -d 'Path of the metrics'
complete -c windsock -l web.enable-lifecycle -d 'Allow a reload by POST or PUT to /-/reload'
complete -c windsock -l no-web.enable-lifecycle -d 'Not: Allow a reload by POST or PUT to /-/reload'
complete -c windsock -l web.max-connections -x -d 'HTTP connections at once'
complete -c windsock -l web.timeout -x -d 'Time for one HTTP request and its answer'
complete -c windsock -l limits.series -x -d 'Series at most'
complete -c windsock -l limits.series-per-family -x -d 'Series of one metric at most'
complete -c windsock -l limits.families -x -d 'Metrics at most'
complete -c windsock -l limits.unmatched-families -x -d 'Metrics made from names that no rule matches'
complete -c windsock -l log.level -x -a 'debug info warn error' -d 'Least level to log'
complete -c windsock -l log.format -x -a 'logfmt json' -d 'Format of the log'
complete -c windsock -l check-config -d 'Check settings'
complete -c windsock -l no-check-config -d 'Not: Check settings'
complete -c windsock -l version -d 'Print the version and exit'
complete -c windsock -l help -d 'Print this and exit'
