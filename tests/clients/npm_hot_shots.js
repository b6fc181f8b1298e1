// SPDX-License-Identifier: Apache-2.0
// hot-shots of npm: DogStatsD, then the tags of Telegraf.  usage: HOST PORT PREFIX sampled
const StatsD = require('hot-shots');

const [host, port, prefix] = process.argv.slice(2);
const base = { host, port: Number(port), cacheDns: true };

function close(client) {
	return new Promise((resolve) => client.close(resolve));
}

async function dogstatsd() {
	const client = new StatsD({ ...base, prefix: prefix + '.', globalTags: { env: 'prod' },
		maxBufferSize: 512 });
	client.increment('jobs', 3, { dag: 'a' });
	client.increment('jobs', 4, ['dag:a']);
	client.gauge('slots', 7);
	client.gaugeDelta('slots', 3);
	client.gaugeDelta('slots', -5);
	client.timing('load', 250);
	client.timing('load', 750.5);
	client.histogram('size', 12);
	client.distribution('spread', 3);
	for (const name of ['anna', 'bob', 'anna'])
		client.set('users', name);
	client.childClient({ prefix: 'child.', globalTags: { team: 'b' } }).increment('jobs', 2);
	client.event('deployed', 'a text\nof two lines', {}, { dag: 'a' });
	client.check('db.up', client.CHECKS.OK, { message: 'well' });
	for (let i = 0; i < 200; i++) {
		client.increment('sampled', 1, 0.5);
		client.timing('slow', 100, 0.25);
	}
	await close(client);
}

async function telegraf() {
	const client = new StatsD({ ...base, prefix: prefix + '.telegraf.', telegraf: true,
		globalTags: { env: 'prod' } });
	client.increment('jobs', 7, { dag: 'a' });
	client.timing('load', 250, { dag: 'a' });
	await close(client);
}

dogstatsd().then(telegraf);
