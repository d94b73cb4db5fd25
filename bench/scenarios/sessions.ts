import { casesOf } from '../bench.ts';
import { cpuMs } from '../clock.ts';
import { contenders } from '../contenders/index.ts';
import type { ContenderId } from '../contenders/index.ts';
import { loadContender, runPlan, settle, spentBy } from '../measure.ts';
import type { Params, Scenario } from '../scenario.ts';
import { bytesKept } from '../session-folder.ts';
import { figures, median, ratioOf, short, spread, times } from '../stats.ts';
import type { Sample } from '../stats.ts';

/** A step is a reply and a message with its results: at 1,000 messages. */
const steps = 500;
const resultBytes = 2000;
const window = 50;
const warmUpSteps = 200;

async function measure(params: Params): Promise<Sample> {
  const contender = await loadContender(String(params['contender']));
  const result = 'r'.repeat(resultBytes);
  await runPlan(contender, { steps: warmUpSteps }, async () => result);
  await settle();
  const before = bytesKept();
  const marks: number[] = [];
  const spent = await spentBy(() =>
    runPlan(contender, { steps }, async () => {
      marks.push(cpuMs());
      return result;
    }),
  );
  const between = (from: number, to: number): number =>
    (marks.at(to) ?? Number.NaN) - (marks.at(from) ?? Number.NaN);
  return {
    cpuPerStep: spent.cpuMs / steps,
    wallPerStep: spent.wallMs / steps,
    lastCpuPerStep: between(-1 - window, -1) / window,
    growth: between(-1 - window, -1) / between(9, 9 + window),
    bytesPerStep: (bytesKept() - before) / steps,
  };
}

const measured = ['raw-jsonl', 'raw', 'pawl', 'pawl-session'] as const satisfies readonly ContenderId[];

/** What keeping a session costs. */
export const scenario: Scenario = {
  name: 'sessions',
  title: 'Sessions on disk',
  method:
    `A run of ${steps} steps with results of ${resultBytes} B, ${2 * steps} messages in the end. The raw loop appends each message to a file and ` +
    `never syncs; ours keeps a journal and syncs before each request. Growth: CPU of the last ${window} steps to that of ${window} from step 10 on.`,
  async run(bench) {
    const cases = casesOf(measured, (contender) => ({ contender }));
    const samples = await bench.interleave('sessions', cases, bench.rounds(5));
    const of = (id: (typeof measured)[number], name: string): number => median(figures(samples[id], name));
    const ratio = (id: (typeof measured)[number], name: string): number =>
      ratioOf(samples[id], samples['raw-jsonl'], name);
    return {
      tables: [
        {
          head: [
            `${steps} steps`,
            'CPU ms/step',
            'to raw',
            'wall ms/step',
            `CPU ms/step, last ${window}`,
            'to raw',
            'growth',
            'bytes/step',
          ],
          rows: measured.map((id) => [
            contenders[id].label,
            spread(samples[id], 'cpuPerStep'),
            times(ratio(id, 'cpuPerStep')),
            short(of(id, 'wallPerStep')),
            short(of(id, 'lastCpuPerStep')),
            times(ratio(id, 'lastCpuPerStep')),
            times(of(id, 'growth')),
            short(of(id, 'bytesPerStep')),
          ]),
        },
      ],
      goals: [
        {
          text: 'CPU of a turn at message 1,000',
          reached: ratio('pawl-session', 'lastCpuPerStep'),
          limit: 0.5,
          unit: 'x',
        },
        {
          text: 'CPU of a turn at turn 500 to that at turn 10',
          reached: of('pawl-session', 'growth'),
          limit: 1.1,
          unit: 'x',
        },
        {
          text: 'bytes written per turn',
          reached: ratio('pawl-session', 'bytesPerStep'),
          limit: 1.15,
          unit: 'x',
        },
      ],
      notes: [],
    };
  },
  measure,
};
