/**
 * Crashes of the loop over the file store on a simulated disk. Run as `pnpm campaign:crash [--crashes 1000000] [--seed 1]
 * [--control name] [--points]`. Ends with 1 where a promise was broken; with a control that is what is expected.
 */
import { parseArgs } from 'node:util';
import { coverPoints, crashCampaign } from './campaign.ts';
import { CONTROLS } from './controls.ts';
import type { Control } from './controls.ts';

const { values } = parseArgs({
  options: {
    crashes: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: '1' },
    control: { type: 'string' },
    points: { type: 'boolean', default: false },
  },
});
const seed = Number(values.seed);
const startedAt = performance.now();
const seconds = (): string => `${Math.round((performance.now() - startedAt) / 1000)} s`;

if (values.points) {
  for (const ending of ['kill', 'power'] as const) {
    const points = await coverPoints(seed, ending);
    console.log(
      `${ending} at each of ${points} fault points of a run of 5 turns with 3 tools, seed ${seed}: 0 violations`,
    );
  }
} else {
  const change = values.control === undefined ? undefined : CONTROLS[values.control as Control];
  if (values.control !== undefined && !change)
    throw new Error(`There is no control ${values.control}. Controls: ${Object.keys(CONTROLS).join(', ')}.`);
  let nextTold = 50_000;
  const { trials, crashes, powerLosses, takeovers, flips } = await crashCampaign({
    seed,
    crashes: Number(values.crashes),
    change,
    onTrial: (report) => {
      if (report.crashes < nextTold) return;
      nextTold += 50_000;
      console.log(`${report.crashes} crashes after ${seconds()}, next seed ${report.nextSeed}`);
    },
  });
  console.log(
    `${crashes} crashes and ${powerLosses} losses of power in ${trials} sessions, ${takeovers} takeovers, ` +
      `${flips} changed bytes, from seed ${seed}, in ${seconds()}: 0 violations`,
  );
}
