/**
 * Opens databases that are not there yet, at the same moments as another process does: forked as
 * `first-process.ts <folder> <count>`, says that it is ready, is told the epoch milliseconds of the first, and says how
 * many it opened.
 */
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { sqliteStore } from '@pawl/stores/sqlite';

const [folder = '', count = ''] = process.argv.slice(2);
const PACE_MS = 8;

process.send?.('ready');
const [begin] = (await once(process, 'message')) as [number];
let opened = 0;
for (let index = 0; index < Number(count); index += 1) {
  const at = begin + index * PACE_MS;
  // Timers are late by a millisecond or two: the last of the way is not slept.
  await delay(Math.max(0, at - Date.now() - 3));
  while (Date.now() < at);
  const store = sqliteStore(`${folder}/${index}.db`);
  await store.list();
  await store.close();
  opened += 1;
}
process.send?.(`opened ${opened}`, () => process.disconnect());
