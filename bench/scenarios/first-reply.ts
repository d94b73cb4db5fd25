import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { casesOf } from '../bench.ts';
import { cpuMs } from '../clock.ts';
import { contenders } from '../contenders/index.ts';
import type { ContenderId } from '../contenders/index.ts';
import { promptFor } from '../plan.ts';
import type { Params, Scenario } from '../scenario.ts';
import { ratioOf, spread, times } from '../stats.ts';
import type { Sample } from '../stats.ts';
import type * as Zod from 'zod';

/** The copy of zod that our loop and the SDK's helpers import; the tool must not bring a second one. */
const sharedZod = join(import.meta.dirname, '../../packages/agent-loop/node_modules/zod/index.js');

async function measure(params: Params): Promise<Sample> {
  const id = String(params['contender']) as ContenderId;
  const cpuBefore = cpuMs();
  const wallBefore = performance.now();
  const zod = params['sharedZod'] === true ? pathToFileURL(sharedZod).href : 'zod';
  const { z } = (await import(zod)) as typeof Zod;
  const contender = await contenders[id].load();
  const input = z.object({ key: z.string(), note: z.string() });
  let calls = 0;
  await contender.run({
    model: 'claude-sonnet-5-5',
    system: 'Be brief.',
    prompt: promptFor({ steps: 2 }),
    maxSteps: 5,
    tool: {
      name: 'lookup',
      description: 'Looks up one item.',
      input,
      run: async () => `result ${(calls += 1)}`,
    },
  });
  if (calls !== 1) throw new Error(`${calls} tool calls instead of 1`);
  return { cpuMs: cpuMs() - cpuBefore, wallMs: performance.now() - wallBefore };
}

const measured = [
  'raw',
  'raw-stream',
  'pawl',
  'pawl-global-fetch',
  'sdk-runner',
  'ai-sdk',
  'openai-agents',
] as const satisfies readonly ContenderId[];

const withSharedZod: ReadonlySet<string> = new Set(['pawl', 'pawl-global-fetch', 'sdk-runner']);

/** What a short program costs from its imports to its answer. */
export const scenario: Scenario = {
  name: 'first-reply',
  title: 'From import to the first answer',
  method:
    'In a fresh process: the imports, one zod tool, and a run of two steps with one tool call, nothing warmed up. What a package ' +
    'loads only when it is first used counts here.',
  async run(bench) {
    const cases = casesOf(measured, (contender) => ({
      contender,
      sharedZod: withSharedZod.has(contender),
    }));
    const samples = await bench.interleave('first-reply', cases, bench.rounds(9));
    return {
      tables: [
        {
          head: ['import and two steps', 'CPU ms', 'to raw', 'wall ms', 'to raw'],
          rows: measured.map((id) => [
            contenders[id].label,
            spread(samples[id], 'cpuMs'),
            times(ratioOf(samples[id], samples.raw, 'cpuMs')),
            spread(samples[id], 'wallMs'),
            times(ratioOf(samples[id], samples.raw, 'wallMs')),
          ]),
        },
      ],
      goals: [],
      notes: [],
    };
  },
  measure,
};
