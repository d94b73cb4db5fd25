import type { ContenderId } from '../contenders/index.ts';
import { contenders } from '../contenders/index.ts';
import { loadContender, runPlan, spentBy } from '../measure.ts';
import type { Params, Scenario } from '../scenario.ts';
import { figures, median, spread, times } from '../stats.ts';
import type { Sample } from '../stats.ts';

const steps = 200;
const result = 'r'.repeat(200);
const warmUps = 6;
const measured = [
  'pawl-unpriced',
  'pawl',
  'pawl-limit',
  'pawl-budget',
] as const satisfies readonly ContenderId[];

/** Every order that things can have: each of them follows each other equally often. */
function ordersOf<T>(things: readonly T[]): T[][] {
  if (things.length < 2) return [[...things]];
  return things.flatMap((first) =>
    ordersOf(things.filter((thing) => thing !== first)).map((rest) => [first, ...rest]),
  );
}

/**
 * A few percent are less than two processes differ by, so all ways take turns in one process, in every order. Nothing
 * collects garbage by force: that throws compiled code away, and what is measured then is how code starts. Ratios are
 * taken within a turn.
 */
async function measure(params: Params): Promise<Sample> {
  const turns = Number(params['turns']);
  const ways = await Promise.all(measured.map(async (id) => [id, await loadContender(id)] as const));
  const orders = ordersOf(ways);
  const spent: Record<string, number>[] = [];
  for (let turn = -warmUps; turn < turns; turn += 1) {
    const cpu: Record<string, number> = {};
    // Neighbours in the list begin alike: seven is prime to their number.
    for (const [id, contender] of orders[(Math.abs(turn) * 7) % orders.length] ?? [])
      cpu[id] = (await spentBy(() => runPlan(contender, { steps }, async () => result))).cpuMs / steps;
    if (turn >= 0) spent.push(cpu);
  }
  const of = (id: string): number[] => spent.map((cpu) => cpu[id] ?? Number.NaN);
  const base = of('pawl-unpriced');
  const sample: Record<string, number> = {};
  for (const id of measured) {
    sample[id] = median(of(id));
    sample[`${id}-ratio`] = median(of(id).map((cpu, turn) => cpu / (base[turn] ?? Number.NaN)));
  }
  return sample;
}

/** What the bill and a budget add to a step. */
export const scenario: Scenario = {
  name: 'money',
  title: 'Money',
  method:
    `Runs of ${steps} steps with one small tool call each, of four agents that take turns in one process: without any prices, with ` +
    'the price list (as every agent has it), with `limits.usd`, which each request has to pass, and with a shared budget as well. ' +
    'Ratios are to the first.',
  async run(bench) {
    const turns = bench.quick ? 24 : 72;
    const { all } = await bench.interleave('money', { all: { turns } }, bench.rounds(5));
    const ratio = (id: string): number => median(figures(all, `${id}-ratio`));
    return {
      tables: [
        {
          head: [`${steps} steps`, 'CPU ms/step', 'to without prices'],
          rows: measured.map((id) => [contenders[id].label, spread(all, id), times(ratio(id))]),
        },
      ],
      goals: [
        { text: 'CPU per step with the bill', reached: ratio('pawl'), limit: 1.03, unit: 'x' },
        {
          text: 'CPU per step with the bill and a limit of money',
          reached: ratio('pawl-limit'),
          limit: 1.03,
          unit: 'x',
        },
      ],
      notes: [],
    };
  },
  measure,
};
