/**
 * A program that runs a script on a session until it is done, or until it is killed: it tells every entry that was kept,
 * so that its killer knows when. Not a test: `scripts.test.ts` starts it, again and again.
 */
import { appendFileSync, writeSync } from 'node:fs';
import { createAgent, openSession, orchestrate } from '@pawl/agent-loop';
import { fileStore } from '@pawl/stores/file';

const [sessions = '', ledger = ''] = process.argv.slice(2);
const worker = createAgent({ name: 'worker', model: 'claude-sonnet-5-5' });
const session = await openSession({ agent: worker, store: fileStore(sessions), id: 'killed' });

const result = await orchestrate(
  {
    session,
    concurrency: 2,
    onEvent: (event) => {
      if ('seq' in event) writeSync(1, 'kept\n');
    },
  },
  async (team) => {
    const plan = await team.run('plan', worker, 'Plan it.');
    const parts = await team.map('parts', [1, 2, 3], async (part, inner) => {
      const draft = await inner.run('draft', worker, `Part ${part} of ${plan.text}`);
      return inner.step('note', (_, { idempotencyKey }) => {
        appendFileSync(ledger, `${idempotencyKey}\n`);
        return draft.text.length;
      });
    });
    return (await team.run('sum', worker, `Sum up ${parts.join()}`)).text;
  },
);
const { input_tokens, output_tokens } = session.usage;
await session.close();
writeSync(1, `done ${JSON.stringify({ result, usage: { input_tokens, output_tokens } })}\n`);
