# SPDX-License-Identifier: Apache-2.0
# ruby-statsd.  usage: HOST PORT PREFIX [sampled]
require 'statsd'

client = Statsd.new(ARGV[0], ARGV[1].to_i).tap { |s| s.namespace = ARGV[2] }
client.count('jobs', 6)
client.increment('jobs')
client.gauge('slots', 7)
client.gauge('slots', '+3')
client.gauge('slots', -5)
client.timing('load', 250)
client.timing('load', 750.5)
%w[anna bob anna].each { |name| client.set('users', name) }
client.batch do |packed|
  packed.count('packed', 5)
  packed.gauge('level', 1.5)
  packed.count('packed', 6)
end
if ARGV[3]
  200.times do
    client.increment('sampled', 0.5)
    client.timing('slow', 100, 0.25)
  end
end
