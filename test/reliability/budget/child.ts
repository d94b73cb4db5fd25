/**
 * Spends a budget in a process of its own: `node child.ts <store> <path> <url> <label> <usd> <sessions>`. Runs as many
 * sessions at once, goes on with those that an earlier process left, and tells each outcome on stdout. Waits for a line on
 * stdin before it begins.
 */
import { writeSync } from 'node:fs';
import Anthropic from '@anthropic-ai/sdk';
import { createAgent, createBudget, defineTool, openSession, RunError } from '@pawl/agent-loop';
import { fileStore } from '@pawl/stores/file';
import { sqliteStore } from '@pawl/stores/sqlite';

const [kind, path = '', url = '', label = '', usd = '', sessions = ''] = process.argv.slice(2);
const say = (text: string): void => void writeSync(1, `${text}\n`);

const store = kind === 'sqlite' ? sqliteStore(path) : fileStore(path);
const agent = createAgent({
  model: 'claude-sonnet-5-5',
  client: new Anthropic({ apiKey: 'k', baseURL: url, maxRetries: 2 }),
  maxTokens: 1500,
  tools: [
    defineTool({
      name: 'look',
      description: 'Looks.',
      effect: 'read',
      input: { type: 'object' },
      run: () => 'seen',
    }),
  ],
  budget: createBudget({ usd: Number(usd), store, per: 'month' }),
});

say('ready');
await new Promise((resolve) => process.stdin.once('data', resolve));
await Promise.all(
  Array.from({ length: Number(sessions) }, async (_, index) => {
    const session = await openSession({ agent, store, id: `${label}-${index}` });
    try {
      if (session.pending) say(`resumed ${(await session.resume()).outcome}`);
      else if (session.messages.length === 0) say(`ran ${(await session.run('Go.')).outcome}`);
    } catch (error) {
      say(`failed ${RunError.is(error) ? error.code : String(error)}`);
    }
    await session.close();
  }),
);
say('done');
process.exit();
