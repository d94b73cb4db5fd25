import { casesOf } from '../bench.ts';
import { contenders } from '../contenders/index.ts';
import type { ContenderId } from '../contenders/index.ts';
import { loadContender, runPlan, settle, spentBy } from '../measure.ts';
import type { Params, Scenario } from '../scenario.ts';
import { figures, median, ratioOf, spread, times } from '../stats.ts';
import type { Sample } from '../stats.ts';

const kilobytes = [16, 64, 256] as const;

async function measure(params: Params): Promise<Sample> {
  const contender = await loadContender(String(params['contender']));
  const inputChars = Number(params['kb']) * 1_024;
  const answer = async (): Promise<string> => 'stored';
  for (let pass = 0; pass < 3; pass += 1) await runPlan(contender, { steps: 2, inputChars: 65_536 }, answer);
  await settle();
  const spent = await spentBy(() => runPlan(contender, { steps: 2, inputChars }, answer));
  return { cpuMs: spent.cpuMs, cpuUsPerKb: (spent.cpuMs * 1_000) / Number(params['kb']) };
}

const measured = [
  'raw-stream',
  'pawl-stream',
  'pawl',
  'sdk-helper',
  'ai-sdk-stream',
  'openai-agents-stream',
] as const satisfies readonly ContenderId[];

/** CPU of large streamed tool inputs. */
export const scenario: Scenario = {
  name: 'tool-input',
  title: 'Streamed tool input',
  method:
    'One reply with one tool call whose input streams in deltas of 32 characters, and the reply after its result; three runs of 64 kB first. Linear ' +
    'means that 256 kB cost four times what 64 kB cost: growth 1.00x is linear, 4.00x is quadratic.',
  async run(bench) {
    const ids = measured.flatMap((id) => kilobytes.map((kb) => `${id} ${kb}` as const));
    const cases = casesOf(ids, (id) => {
      const [contender = '', kb] = id.split(' ');
      return { contender, kb: Number(kb) };
    });
    const samples = await bench.interleave('tool-input', cases, bench.rounds(5));
    const growth = (id: (typeof measured)[number]): number =>
      median(figures(samples[`${id} 256`], 'cpuUsPerKb')) /
      median(figures(samples[`${id} 64`], 'cpuUsPerKb'));
    return {
      tables: [
        {
          head: [
            'tool input',
            ...kilobytes.map((kb) => `${kb} kB, CPU ms`),
            '256 kB to raw',
            'growth 64-256 kB',
          ],
          rows: measured.map((id) => [
            contenders[id].label,
            ...kilobytes.map((kb) => spread(samples[`${id} ${kb}`], 'cpuMs')),
            times(ratioOf(samples[`${id} 256`], samples['raw-stream 256'], 'cpuMs')),
            times(growth(id)),
          ]),
        },
      ],
      goals: [
        {
          text: 'growth of the CPU per kB from 64 kB to 256 kB',
          reached: growth('pawl-stream'),
          limit: 1.3,
          unit: 'x',
        },
      ],
      notes: [],
    };
  },
  measure,
};
