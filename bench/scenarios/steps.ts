import { casesOf } from '../bench.ts';
import type { Bench } from '../bench.ts';
import { contenders } from '../contenders/index.ts';
import type { ContenderId } from '../contenders/index.ts';
import { cpuMs } from '../clock.ts';
import { loadContender, peakRssBytes, runPlan, spentBy } from '../measure.ts';
import type { Params, Scenario } from '../scenario.ts';
import type { Goal, Table } from '../section.ts';
import { figures, median, ratioOf, short, spread, times } from '../stats.ts';
import type { Sample } from '../stats.ts';

const warmUpSteps = 200;
/** Steps at each end of a run that are compared for growth. */
const windowSteps = 50;

async function measure(params: Params): Promise<Sample> {
  const contender = await loadContender(String(params['contender']));
  const steps = Number(params['steps']);
  const writeBytes = Number(params['writeBytes']);
  const result = 'r'.repeat(Number(params['resultBytes']));
  // No garbage is collected by force in between: that throws compiled code away.
  await runPlan(contender, { steps: warmUpSteps, writeBytes }, async () => result);
  const marks: number[] = [];
  const spent = await spentBy(() =>
    runPlan(contender, { steps, writeBytes }, async () => {
      const call = marks.length;
      const counted = call <= windowSteps || call >= steps - 2 - windowSteps;
      marks.push(counted ? cpuMs() : Number.NaN);
      return result;
    }),
  );
  const between = (from: number, to: number): number =>
    (marks.at(to) ?? Number.NaN) - (marks.at(from) ?? Number.NaN);
  const growth = between(-1 - windowSteps, -1) / between(0, windowSteps);
  return {
    cpuPerStep: spent.cpuMs / steps,
    wallPerStep: spent.wallMs / steps,
    growth,
    peakMb: peakRssBytes() / 2 ** 20,
  };
}

interface Variant {
  readonly title: string;
  readonly steps: number;
  readonly resultBytes: number;
  readonly writeBytes: number;
  readonly contenders: readonly ContenderId[];
  readonly rounds: number;
  /** Too slow at this size for more than one round. */
  readonly once?: readonly ContenderId[];
}

const ours = ['pawl', 'pawl-stream', 'pawl-global-fetch'] as const;
const peers = ['sdk-runner', 'ai-sdk', 'openai-agents'] as const;

const variants: readonly Variant[] = [
  {
    title: '200 steps, 200 B results',
    steps: 200,
    resultBytes: 200,
    writeBytes: 16_384,
    contenders: ['raw', 'raw-stream', ...ours, ...peers],
    rounds: 7,
  },
  {
    title: '1000 steps, 200 B results',
    steps: 1_000,
    resultBytes: 200,
    writeBytes: 16_384,
    contenders: ['raw', 'raw-stream', ...ours, ...peers],
    rounds: 5,
    once: ['openai-agents'],
  },
  {
    title: '200 steps, 1 kB results',
    steps: 200,
    resultBytes: 1_000,
    writeBytes: 16_384,
    contenders: ['raw', ...ours, ...peers],
    rounds: 5,
  },
  {
    title: '1000 steps, 1 kB results',
    steps: 1_000,
    resultBytes: 1_000,
    writeBytes: 16_384,
    contenders: ['raw', ...ours],
    rounds: 3,
  },
  {
    title: '200 steps, 200 B results, each event of a streamed reply written on its own',
    steps: 200,
    resultBytes: 200,
    writeBytes: 0,
    contenders: ['raw', 'raw-stream', ...ours],
    rounds: 5,
  },
];

type Samples = Readonly<Record<string, readonly Sample[]>>;

async function runVariant(bench: Bench, variant: Variant): Promise<Samples> {
  const { steps, resultBytes, writeBytes } = variant;
  const shorter = bench.quick ? Math.min(steps, 120) : steps;
  const cases = casesOf(variant.contenders, (contender) => ({
    contender,
    steps: shorter,
    resultBytes,
    writeBytes,
  }));
  return bench.interleave('steps', cases, bench.rounds(variant.rounds), variant.once);
}

function tableOf(variant: Variant, samples: Samples): Table {
  const base = samples['raw'] ?? [];
  return {
    head: [variant.title, 'CPU ms/step', 'to raw', 'wall to raw', 'last 50 / first 50', 'peak RSS MB'],
    rows: variant.contenders.map((id) => {
      const own = samples[id] ?? [];
      return [
        contenders[id].label,
        spread(own, 'cpuPerStep'),
        times(ratioOf(own, base, 'cpuPerStep')),
        times(ratioOf(own, base, 'wallPerStep')),
        times(median(figures(own, 'growth'))),
        short(median(figures(own, 'peakMb'))),
      ];
    }),
  };
}

function goalsOf(variant: Variant, samples: Samples, limit: number): Goal[] {
  const base = samples['raw'] ?? [];
  const name = `CPU per step, ${variant.title}`;
  const ratio = (id: ContenderId): number => ratioOf(samples[id] ?? [], base, 'cpuPerStep');
  return [
    { text: name, reached: ratio('pawl'), limit, unit: 'x' },
    { text: `${name}, plain global fetch`, reached: ratio('pawl-global-fetch'), limit: 1.1, unit: 'x' },
    {
      text: `last 50 steps to the first 50, ${variant.title}`,
      reached: median(figures(samples['pawl'] ?? [], 'growth')),
      limit: 1.3,
      unit: 'x',
    },
  ];
}

/** CPU of one step of the loop, in short and long runs. */
export const scenario: Scenario = {
  name: 'steps',
  title: 'CPU per step',
  method:
    `One run with one small tool call a step, after a warm-up run of ${warmUpSteps} steps in the same process. The server ` +
    'writes a reply at once unless a table says otherwise. CPU is user and system time of the whole process. Peak RSS is that ' +
    'of the process, runtime and libraries included. OpenAI Agents runs 1,000 steps in one round only.',
  async run(bench) {
    const tables: Table[] = [];
    const goals: Goal[] = [];
    for (const [index, variant] of variants.entries()) {
      const samples = await runVariant(bench, variant);
      tables.push(tableOf(variant, samples));
      if (index < 2) goals.push(...goalsOf(variant, samples, index === 0 ? 0.5 : 0.25));
    }
    return { tables, goals, notes: [] };
  },
  measure,
};
