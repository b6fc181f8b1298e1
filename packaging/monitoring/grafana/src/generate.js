// SPDX-License-Identifier: Apache-2.0
// usage: node generate.js directory
import { writeFileSync } from "node:fs";

for (const name of ["airflow", "crypto-pipeline", "windsock"]) {
	const { default: json } = await import(`./${name}.js`);
	writeFileSync(`${process.argv[2]}/${name}.json`, JSON.stringify(json, null, 2) + "\n");
}
