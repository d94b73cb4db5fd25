import { setTimeout as sleep } from 'node:timers/promises';
import { casesOf } from '../bench.ts';
import { contenders } from '../contenders/index.ts';
import type { ContenderId } from '../contenders/index.ts';
import { loadContender, runPlan, settle, spentBy } from '../measure.ts';
import type { Params, Scenario } from '../scenario.ts';
import { figures, median, ratioOf, short, spread, times } from '../stats.ts';
import type { Sample } from '../stats.ts';

const tools = 64;
const toolMs = 50;
const runs = 10;

async function measure(params: Params): Promise<Sample> {
  const contender = await loadContender(String(params['contender']));
  const answer = async (): Promise<string> => {
    await sleep(toolMs);
    return 'done';
  };
  const walls: number[] = [];
  const cpus: number[] = [];
  for (let run = 0; run < 3; run += 1) await runPlan(contender, { steps: 2, tools }, answer);
  await settle();
  for (let run = 0; run < runs; run += 1) {
    const spent = await spentBy(() => runPlan(contender, { steps: 2, tools }, answer));
    walls.push(spent.wallMs);
    cpus.push(spent.cpuMs);
  }
  return { wallMs: median(walls), cpuMs: median(cpus) };
}

const measured = [
  'raw',
  'pawl',
  'sdk-runner',
  'ai-sdk',
  'openai-agents',
] as const satisfies readonly ContenderId[];

/** Wall time of many tools in one turn. */
export const scenario: Scenario = {
  name: 'parallel',
  title: '64 parallel tools',
  method:
    `One reply with ${tools} tool calls of ${toolMs} ms, and the reply after their results; the raw loop uses Promise.all. ` +
    `Median of ${runs} runs in each process. Concurrency limits are raised to ${tools} where there are any.`,
  async run(bench) {
    const cases = casesOf(measured, (contender) => ({ contender }));
    const samples = await bench.interleave('parallel', cases, bench.rounds(5));
    const ratio = (id: (typeof measured)[number], name: string): number =>
      ratioOf(samples[id], samples.raw, name);
    return {
      tables: [
        {
          head: [`${tools} tools of ${toolMs} ms`, 'wall ms', 'to raw', 'CPU ms', 'CPU to raw'],
          rows: measured.map((id) => [
            contenders[id].label,
            spread(samples[id], 'wallMs'),
            times(ratio(id, 'wallMs')),
            short(median(figures(samples[id], 'cpuMs'))),
            times(ratio(id, 'cpuMs')),
          ]),
        },
      ],
      goals: [
        { text: `wall of ${tools} parallel tools`, reached: ratio('pawl', 'wallMs'), limit: 1.05, unit: 'x' },
      ],
      notes: [],
    };
  },
  measure,
};
