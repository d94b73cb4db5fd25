import { casesOf } from '../bench.ts';
import { contenders } from '../contenders/index.ts';
import type { ContenderId } from '../contenders/index.ts';
import { loadContender, peakRssBytes, runPlan, settle, spentBy } from '../measure.ts';
import type { Params, Scenario } from '../scenario.ts';
import type { Goal, Table } from '../section.ts';
import { figures, median, ratioOf, short, spread, times } from '../stats.ts';
import type { Sample } from '../stats.ts';

const warmUpDeltas = 5_000;
const replies = 3;
const noTool = async (): Promise<string> => '';

async function measure(params: Params): Promise<Sample> {
  const contender = await loadContender(String(params['contender']));
  const deltas = Number(params['deltas']);
  const writeBytes = Number(params['writeBytes']);
  for (let pass = 0; pass < 2; pass += 1)
    await runPlan(contender, { deltas: warmUpDeltas, writeBytes }, noTool);
  await settle();
  const spent = await spentBy(async () => {
    for (let reply = 0; reply < replies; reply += 1) await runPlan(contender, { deltas, writeBytes }, noTool);
  });
  return {
    cpuUsPerDelta: (spent.cpuMs * 1_000) / (deltas * replies),
    wallUsPerDelta: (spent.wallMs * 1_000) / (deltas * replies),
    peakMb: peakRssBytes() / 2 ** 20,
  };
}

const measured = [
  'sdk-helper',
  'raw-stream',
  'pawl-stream',
  'pawl',
  'ai-sdk-stream',
  'openai-agents-stream',
] as const satisfies readonly ContenderId[];

const variants = [
  { title: 'written in pieces of 16 kB', writeBytes: 16_384, limit: 0.75 },
  { title: 'each event written on its own', writeBytes: 0, limit: Number.NaN },
];

/** CPU of one streamed text delta. */
export const scenario: Scenario = {
  name: 'deltas',
  title: 'CPU per streamed delta',
  method:
    'Three replies of 20,000 text deltas, after two warm-up replies of 5,000. The stream is read to its end and the text added up; ' +
    '"pawl" runs without a reader of its events.',
  async run(bench) {
    const tables: Table[] = [];
    const goals: Goal[] = [];
    for (const { title, writeBytes, limit } of variants) {
      const deltas = bench.quick ? 4_000 : 20_000;
      const cases = casesOf(measured, (contender) => ({ contender, deltas, writeBytes }));
      const samples = await bench.interleave('deltas', cases, bench.rounds(7));
      tables.push({
        head: [title, 'CPU us/delta', 'to the helper', 'wall us/delta', 'peak RSS MB'],
        rows: measured.map((id) => [
          contenders[id].label,
          spread(samples[id], 'cpuUsPerDelta'),
          times(ratioOf(samples[id], samples['sdk-helper'], 'cpuUsPerDelta')),
          short(median(figures(samples[id], 'wallUsPerDelta'))),
          short(median(figures(samples[id], 'peakMb'))),
        ]),
      });
      const reached = ratioOf(samples['pawl-stream'], samples['sdk-helper'], 'cpuUsPerDelta');
      const text = `CPU per delta to the SDK's stream helper, ${title}`;
      if (Number.isFinite(limit)) goals.push({ text, reached, limit, unit: 'x' });
    }
    return { tables, goals, notes: [] };
  },
  measure,
};
