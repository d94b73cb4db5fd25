import { cpuMs } from '../clock.ts';
import type { Params, Scenario } from '../scenario.ts';
import { ratioOf, spread, times } from '../stats.ts';
import type { Sample } from '../stats.ts';

async function measure(params: Params): Promise<Sample> {
  const modules = String(params['modules']).split(' ');
  const cpuBefore = cpuMs();
  const wallBefore = performance.now();
  for (const module of modules) await import(module);
  return { cpuMs: cpuMs() - cpuBefore, wallMs: performance.now() - wallBefore };
}

const cases = {
  '@anthropic-ai/sdk': { modules: '@anthropic-ai/sdk' },
  'SDK + zod + p-limit': { modules: '@anthropic-ai/sdk zod p-limit' },
  '@pawl/agent-loop': { modules: '@pawl/agent-loop' },
  'SDK + its zod helper': { modules: '@anthropic-ai/sdk @anthropic-ai/sdk/helpers/beta/zod' },
  'ai + @ai-sdk/anthropic': { modules: 'ai @ai-sdk/anthropic' },
  '@openai/agents + extensions + @ai-sdk/anthropic': {
    modules: '@openai/agents @openai/agents-extensions/ai-sdk @ai-sdk/anthropic',
  },
} as const;

/** What loading a package costs. */
export const scenario: Scenario = {
  name: 'imports',
  title: 'Import',
  method:
    'The import of each package in a fresh process that has loaded nothing of it; the start of Node is not part. What a package loads ' +
    'only when it is first used is not in these figures, but in those of the next section.',
  async run(bench) {
    const samples = await bench.interleave('imports', cases, bench.rounds(20));
    const base = samples['@anthropic-ai/sdk'];
    return {
      tables: [
        {
          head: ['import', 'CPU ms', 'to the SDK', 'wall ms', 'to the SDK'],
          rows: Object.entries(samples).map(([label, own]) => [
            label,
            spread(own, 'cpuMs'),
            times(ratioOf(own, base, 'cpuMs')),
            spread(own, 'wallMs'),
            times(ratioOf(own, base, 'wallMs')),
          ]),
        },
      ],
      goals: [
        {
          text: "import CPU to the SDK's",
          reached: ratioOf(samples['@pawl/agent-loop'], base, 'cpuMs'),
          limit: 1.3,
          unit: 'x',
        },
      ],
      notes: [],
    };
  },
  measure,
};
