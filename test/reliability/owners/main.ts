/**
 * Two processes at work on one session. Run as `pnpm campaign:owners [--trials 200] [--seed 1] [--control deaf]` after `pnpm build`. Ends
 * with 1 where a promise was broken; with the control that is what is expected.
 */
import { parseArgs } from 'node:util';
import { packageConditions } from '../built.ts';
import { ownersCampaign } from './campaign.ts';

const { values } = parseArgs({
  options: {
    trials: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
    control: { type: 'string' },
  },
});
if (values.control !== undefined && values.control !== 'deaf') throw new Error('The only control is deaf.');
const { control } = values;
const { conditions, what } = packageConditions();
console.log(`Two processes with ${what}, from seed ${values.seed}.`);
const startedAt = performance.now();
const report = await ownersCampaign({
  seed: Number(values.seed),
  trials: Number(values.trials),
  conditions,
  control,
});
const { broken, ...counts } = report;
for (const problem of broken) console.error(problem);
console.log(JSON.stringify(counts));
console.log(
  `${report.trials} trials in ${Math.round((performance.now() - startedAt) / 1000)} s, ${broken.length} violations`,
);
if (broken.length > 0) process.exitCode = 1;
