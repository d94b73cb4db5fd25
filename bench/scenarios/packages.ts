import { packagesOf } from '../installed.ts';
import type { Scenario } from '../scenario.ts';

const trees = {
  '@anthropic-ai/sdk': ['@anthropic-ai/sdk'],
  'SDK + zod': ['@anthropic-ai/sdk', 'zod'],
  '@pawl/agent-loop': ['@pawl/agent-loop'],
  'ai + @ai-sdk/anthropic': ['ai', '@ai-sdk/anthropic'],
  '@openai/agents + extensions + @ai-sdk/anthropic': [
    '@openai/agents',
    '@openai/agents-extensions',
    '@ai-sdk/anthropic',
  ],
} as const;

/** How much comes along with each package. */
export const scenario: Scenario = {
  name: 'packages',
  title: 'Installed packages',
  method:
    'Packages in the installed tree of each, itself included: its dependencies, those of its optional ones and required ' +
    'peers that are installed, and theirs.',
  async run() {
    const counts = Object.fromEntries(
      await Promise.all(
        Object.entries(trees).map(async ([label, roots]) => [label, await packagesOf(roots)] as const),
      ),
    ) as Record<keyof typeof trees, Awaited<ReturnType<typeof packagesOf>>>;
    const own = counts['@pawl/agent-loop'];
    return {
      tables: [
        {
          head: ['package', 'packages', 'MB on disk'],
          rows: Object.entries(counts).map(([label, tree]) => [
            label,
            String(tree.names.length),
            (tree.bytes / 2 ** 20).toFixed(1),
          ]),
        },
      ],
      goals: [{ text: 'runtime packages in our tree', reached: own.names.length, limit: 25, unit: '' }],
      notes: [`Ours: ${own.names.toSorted().join(', ')}.`],
    };
  },
};
