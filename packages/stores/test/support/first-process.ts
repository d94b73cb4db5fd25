/**
 * Opens databases that are not there yet, at the same moments as another process does:
 * `node first-process.ts <folder> <epoch ms of the first> <count>`. Says on stdout how many it opened, or what went wrong.
 */
import { sqliteStore } from '@pawl/stores/sqlite';

const [folder = '', begin = '', count = ''] = process.argv.slice(2);
const PACE_MS = 8;

let opened = 0;
for (let index = 0; index < Number(count); index += 1) {
  while (Date.now() < Number(begin) + index * PACE_MS);
  const store = sqliteStore(`${folder}/${index}.db`);
  await store.list();
  await store.close();
  opened += 1;
}
console.log(`opened ${opened}`);
