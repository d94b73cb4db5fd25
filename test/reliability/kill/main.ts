/**
 * Real SIGKILLs of the built packages. Run as `pnpm campaign:kill [--kills 500] [--seed 1] [--control name] [--store sqlite]` after
 * `pnpm build`. Ends with 1 where a promise was broken; with a control that is what is expected.
 */
import { parseArgs } from 'node:util';
import { packageConditions } from '../built.ts';
import { killCampaign } from './campaign.ts';
import { CONTROLS } from './protocol.ts';
import { STORES } from './stores.ts';

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '500' },
    seed: { type: 'string', default: '1' },
    control: { type: 'string' },
    store: { type: 'string', default: 'file' },
  },
});
const control = CONTROLS.find((name) => name === values.control) ?? null;
if (values.control !== undefined && !control)
  throw new Error(`There is no control ${values.control}. Controls: ${CONTROLS.join(', ')}.`);
const store = STORES.find((name) => name === values.store);
if (!store) throw new Error(`There is no store ${values.store}. Stores: ${STORES.join(', ')}.`);
const { conditions, what } = packageConditions();
console.log(`Killing ${what} on the ${store} store, from seed ${values.seed}.`);
const startedAt = performance.now();
const report = await killCampaign({
  seed: Number(values.seed),
  kills: Number(values.kills),
  control,
  store,
  conditions,
});
for (const broken of report.broken) console.error(broken);
const { kills, sessions, byBarrier, repeated, unknown, counts } = report;
console.log(JSON.stringify({ kills, sessions, byBarrier, repeated, unknown, violations: counts }));
console.log(
  `${kills} kills in ${Math.round((performance.now() - startedAt) / 1000)} s, ${report.broken.length} violations`,
);
if (report.broken.length > 0) process.exitCode = 1;
