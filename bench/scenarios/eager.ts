import { setTimeout as sleep } from 'node:timers/promises';
import { casesOf } from '../bench.ts';
import { contenders } from '../contenders/index.ts';
import type { ContenderId } from '../contenders/index.ts';
import { loadContender, runPlan, spentBy } from '../measure.ts';
import type { Params, Scenario } from '../scenario.ts';
import type { Goal, Table } from '../section.ts';
import { ratioOf, spread, times } from '../stats.ts';
import type { Sample } from '../stats.ts';

const tools = 3;

async function measure(params: Params): Promise<Sample> {
  const contender = await loadContender(String(params['contender']));
  const [gapMs, tailMs, toolMs] = [
    Number(params['gapMs']),
    Number(params['tailMs']),
    Number(params['toolMs']),
  ];
  await runPlan(contender, { steps: 2, tools }, async () => 'done');
  const spent = await spentBy(() =>
    runPlan(contender, { steps: 2, tools, gapMs, tailMs }, async () => {
      await sleep(toolMs);
      return 'done';
    }),
  );
  return { wallMs: spent.wallMs };
}

const measured = [
  'raw-stream',
  'raw-serial',
  'raw',
  'pawl',
  'sdk-runner',
  'sdk-runner-eager',
  'ai-sdk-stream',
  'openai-agents-stream',
] as const satisfies readonly ContenderId[];

interface Variant {
  readonly gapMs: number;
  readonly tailMs: number;
  readonly toolMs: number;
}

const variants: readonly Variant[] = [
  { gapMs: 300, tailMs: 300, toolMs: 300 },
  { gapMs: 300, tailMs: 600, toolMs: 600 },
];

/** Tools that start while the reply still streams. */
export const scenario: Scenario = {
  name: 'eager',
  title: 'Eager start',
  method:
    `A reply that streams ${tools} calls of a read tool some time apart and ends some time after the last, then the reply after their ` +
    'results. The loop that waits starts its tools, all at once, when the reply has ended. The best that can be had is the ' +
    'longer of the reply and its last tool: for the two tables 0.75x and 0.67x.',
  async run(bench) {
    const tables: Table[] = [];
    const goals: Goal[] = [];
    for (const { gapMs, tailMs, toolMs } of variants) {
      const cases = casesOf(measured, (contender) => ({ contender, gapMs, tailMs, toolMs }));
      const samples = await bench.interleave('eager', cases, bench.rounds(3));
      const waiting = samples['raw-stream'];
      const title = `calls ${gapMs} ms apart, end ${tailMs} ms later, tools of ${toolMs} ms`;
      tables.push({
        head: [title, 'wall ms', 'to waiting', 'to one by one'],
        rows: measured.map((id) => [
          contenders[id].label,
          spread(samples[id], 'wallMs'),
          times(ratioOf(samples[id], waiting, 'wallMs')),
          times(ratioOf(samples[id], samples['raw-serial'], 'wallMs')),
        ]),
      });
      const reached = ratioOf(samples['pawl'], waiting, 'wallMs');
      goals.push({ text: `wall to a loop that waits, ${title}`, reached, limit: 0.7, unit: 'x' });
    }
    return { tables, goals, notes: [] };
  },
  measure,
};
