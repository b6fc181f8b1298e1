# SPDX-License-Identifier: Apache-2.0
# libnet-statsd-perl.  usage: HOST PORT PREFIX [sampled]
use strict;
use warnings;
use Net::Statsd;

my ($host, $port, $prefix, $sampled) = @ARGV;
$Net::Statsd::HOST = $host;
$Net::Statsd::PORT = $port;
Net::Statsd::update_stats("$prefix.jobs", 3);
Net::Statsd::update_stats("$prefix.jobs", 3);
Net::Statsd::increment("$prefix.jobs");
# Several of one name go into one datagram.
Net::Statsd::gauge("$prefix.slots" => 7, "$prefix.slots" => '+3', "$prefix.slots" => '-5');
Net::Statsd::timing("$prefix.load", 250);
Net::Statsd::timing("$prefix.load", 750.5);  # sent as a whole number
Net::Statsd::gauge("$prefix.level" => 1.5);
if ($sampled) {
	for (1 .. 200) {
		Net::Statsd::increment("$prefix.sampled", 0.5);
		Net::Statsd::timing("$prefix.slow", 100, 0.25);
	}
}
