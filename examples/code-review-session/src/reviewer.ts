import { fileURLToPath } from 'node:url';
import { betaGlobTool, betaGrepTool, betaReadTool } from '@anthropic-ai/sdk/tools/agent-toolset/node';
import { type Agent, createAgent, defineTool } from '@pawl/agent-loop';

/** The code that is reviewed: what it is after the change, and the change itself in `change.diff`. */
const SHOP = fileURLToPath(new URL('../fixtures/shop', import.meta.url));

/** What is asked of the reviewer, run by run. The last one is asked in another process. */
export const QUESTIONS = {
  read: 'Read change.diff and the files it touches. What is wrong in the lines it adds?',
  callers: 'Does it break code that the diff does not show? Search for everything it removes or renames.',
  review:
    'Write the review: a verdict, then every finding, the worst first. Use what you know; look nothing up.',
} as const;

const SYSTEM = `You review changes to a TypeScript project whose files you can read and search.
Write each finding as one line: "- path:line: what is wrong". Call tools that do not depend on each other in one turn.`;

/** An agent that reads, and changes nothing. Every process of the review makes the same one. */
export function createReviewer(model: string): Agent {
  const context = { workdir: SHOP };
  return createAgent({
    name: 'reviewer',
    model,
    system: SYSTEM,
    tools: [betaReadTool(context), betaGrepTool(context), betaGlobTool(context)].map((tool) =>
      defineTool(tool, { effect: 'read', timeoutMs: 30_000 }),
    ),
    limits: { turns: 12, timeMs: 300_000 },
  });
}
