import { type Agent, createAgent, defineTool } from '@pawl/agent-loop';
import { z } from 'zod';

const PAGES: Readonly<Record<string, string>> = {
  'pawl.md': `A pawl is the catch that keeps a ratchet from slipping back. ${'It drops into the next tooth. '.repeat(60)}`,
  'ratchet.md': `A ratchet is a wheel with slanted teeth. ${'It turns one way and not the other. '.repeat(60)}`,
  'escapement.md': `An escapement lets a clock's wheel pass tooth by tooth. ${'The pendulum keeps the beat. '.repeat(60)}`,
};

// Long enough to be worth caching: the house rules of an archive are.
const SYSTEM = [
  'You are the archivist of a collection of mechanisms. Search first, then read what you found, then answer briefly.',
  ...Array.from(
    { length: 40 },
    (_, index) =>
      `Rule ${index + 1}: name the page that each statement comes from, and say so where the archive holds nothing.`,
  ),
].join('\n');

/** An agent with two tools over a small archive. */
export function createArchivist(model: string): Agent {
  return createAgent({
    name: 'archivist',
    model,
    system: SYSTEM,
    tools: [
      defineTool({
        name: 'search',
        description: 'Names the pages that mention a word.',
        input: z.object({ word: z.string() }),
        effect: 'read',
        run: ({ word }) => Object.keys(PAGES).filter((page) => PAGES[page]?.includes(word)),
      }),
      defineTool({
        name: 'read_page',
        description: 'The text of a page.',
        input: z.object({ page: z.string() }),
        effect: 'read',
        run: ({ page }) => PAGES[page] ?? `There is no page ${page}.`,
      }),
    ],
    limits: { turns: 8 },
  });
}
