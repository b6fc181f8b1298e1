// SPDX-License-Identifier: Apache-2.0
// node-statsd of npm.  usage: HOST PORT PREFIX sampled
const StatsD = require('node-statsd');

const [host, port, prefix] = process.argv.slice(2);
const client = new StatsD({ host, port: Number(port), prefix: prefix + '.', global_tags: ['env:prod'] });
let open = 1;
const sent = () => {
	if (--open === 0)
		client.close();
};
const send = (method, ...words) => {
	open++;
	client[method](...words, sent);
};
send('increment', 'jobs', 3, 1, ['dag:a']);
send('increment', 'jobs', 4, 1, ['dag:a']);
send('gauge', 'slots', 5);
send('timing', 'load', 250);
send('timing', 'load', 750.5);
send('histogram', 'size', 12);
for (const name of ['anna', 'bob', 'anna'])
	send('set', 'users', name);
for (let i = 0; i < 200; i++)
	client.increment('sampled', 1, 0.5);
setTimeout(sent, 300); // a sample that is not taken tells nobody
