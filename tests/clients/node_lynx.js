// SPDX-License-Identifier: Apache-2.0
// node-lynx.  usage: HOST PORT PREFIX [sampled]
const Lynx = require('lynx');

const [host, port, prefix, sampled] = process.argv.slice(2);
const client = new Lynx(host, Number(port), { scope: prefix, on_error: () => {} });
client.count('jobs', 6);
client.increment('jobs');
client.gauge('slots', 7);
client.gauge('slots', '+3');
client.gauge('slots', -5);
client.timing('load', 250);
client.timing('load', 750.5);
for (const name of ['anna', 'bob', 'anna'])
	client.set('users', name);
client.send({ packed: '11|c', level: '1.5|g' });
if (sampled) {
	for (let i = 0; i < 200; i++) {
		client.increment('sampled', 0.5);
		client.timing('slow', 100, 0.25);
	}
}
