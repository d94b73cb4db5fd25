/**
 * One process of the shop: goes on with the order, whatever state it is in. With `--dies` it kills itself once the card
 * is charged, while the other tools are at work.
 */
import { openSession } from '@pawl/agent-loop';
import { fileStore } from '@pawl/stores/file';
import { createDesk, TASK } from './desk.ts';
import { Ledger } from './ledger.ts';

const [folder = '', model = '', flag] = process.argv.slice(2);
const dies = flag === '--dies';
const ledger = new Ledger(`${folder}/ledger.jsonl`);

const desk = createDesk({
  ledger,
  model,
  answersAfterMs: dies ? 60_000 : 10,
  onCharged: () => {
    // No handler, no clean-up: the process is gone. Until then the other tools have had time to begin.
    if (dies) setTimeout(() => process.kill(process.pid, 'SIGKILL'), 100);
  },
});

const session = await openSession({ agent: desk, store: fileStore(`${folder}/sessions`), id: 'order-4711' });
try {
  for (const { callId, tool } of session.pending?.approvals ?? []) {
    // What a person would do: look at the bank's account, which is the ledger here, and decide.
    console.log(
      `  ${tool} was started, and nobody knows whether it happened. The bank shows the charge: not again.`,
    );
    await session.approve(callId, { allow: false, reason: 'The bank shows the charge. It is done.' });
  }
  const result = await (session.pending ? session.resume() : session.run(TASK));
  console.log(`  ${result.outcome} after ${result.turns} turns: ${result.text}`);
} finally {
  await session.close();
}
