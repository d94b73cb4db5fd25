/**
 * A program that goes on with a session until it is done, or until it is killed at the barrier it was told of. Not a test:
 * the campaign starts it, again and again.
 */
import { appendFileSync, readFileSync, writeSync } from 'node:fs';
import { createAgent, defineTool, openSession } from '@pawl/agent-loop';
import type { AgentEvent, Entry, JournalStore, ToolContext, ToolEffect } from '@pawl/agent-loop';
import { z } from 'zod';
import type { Barrier, Done, LedgerLine, Orders, ToolName } from './protocol.ts';
import { openStore } from './stores.ts';

const orders = JSON.parse(process.argv[2] ?? '') as Orders;

/** Says that the barrier is reached, and does nothing more: not a timer, not a callback. */
function reach(name: Barrier, callId: string): void {
  if (orders.barrier?.name !== name || orders.barrier.callId !== callId) return;
  writeSync(1, 'reached\n');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

function note(line: LedgerLine): void {
  appendFileSync(orders.ledger, `${JSON.stringify(line)}\n`);
}

function effectsOf(callId: string): number {
  const lines = readFileSync(orders.ledger, 'utf8').trimEnd().split('\n');
  return lines.filter((line) => line.includes('"effect"') && line.includes(`"${callId}"`)).length;
}

const schema = z.object({ turn: z.number(), text: z.string() });
type Input = z.infer<typeof schema>;

function tool(name: ToolName, effect: ToolEffect) {
  return defineTool({
    name,
    description: `${name} something`,
    input: schema,
    effect,
    ...(name === 'sure' && {
      reconcile: (_: Input, { callId }: ToolContext) =>
        effectsOf(callId) > 0 ? `${callId} was done` : undefined,
    }),
    async run(input, { callId, idempotencyKey: key }) {
      // The tools of a turn are at work at the same time.
      await new Promise((resolve) => setTimeout(resolve, 2));
      note({ what: 'effect', tool: name, callId, key, input: JSON.stringify(input) });
      reach('mid-effect', callId);
      await new Promise((resolve) => setTimeout(resolve, 2));
      reach('after-effect', callId);
      return `${callId} done`;
    },
  });
}

/** The store of the built package, with the barriers around its appends. */
function watched(store: JournalStore): JournalStore {
  return {
    ...store,
    async open(id, options) {
      const journal = await store.open(id, options);
      let dropped = 0;
      const append = async (entries: readonly Entry[], seq: number, how?: { readonly sync?: boolean }) => {
        for (const entry of entries) if (entry.type === 'tool-start') reach('before-intent', entry.callId);
        // The control acknowledges results that it does not keep, and tells the process that it did.
        const kept =
          orders.control === 'drops-appends' ? entries.filter(({ type }) => type !== 'tool-end') : entries;
        const renumbered = kept.map((entry, index) => ({ ...entry, seq: seq - dropped + index }));
        await journal.append(dropped > 0 || kept !== entries ? renumbered : entries, seq - dropped, how);
        dropped += entries.length - kept.length;
        note({ what: 'kept', entries: seq + entries.length });
        for (const entry of entries) {
          if (entry.type === 'tool-start') reach('after-intent', entry.callId);
          if (entry.type === 'tool-end') reach('after-result', entry.callId);
        }
      };
      return {
        get length() {
          return (journal.length ?? 0) + dropped;
        },
        damage: journal.damage,
        torn: journal.torn,
        append,
        read: (from) => journal.read(from),
        close: () => journal.close(),
      };
    },
  };
}

function onEvent(event: AgentEvent): void {
  if (event.type === 'tool-input-delta') reach('mid-reply', event.callId);
}

const agent = createAgent({
  name: 'killed',
  model: 'claude-sonnet-5-5',
  tools: [
    tool('look', 'read'),
    tool('put', 'idempotent'),
    tool('send', orders.control === 'wrong-effect' ? 'idempotent' : 'once'),
    tool('sure', 'once'),
  ],
  hooks: { onEvent },
});
const opened = await openStore(orders.store, orders.sessions);
const session = await openSession({ agent, store: watched(opened.store), id: orders.id });
const isOver = session.pending === null && session.messages.at(-1)?.role === 'assistant';
if (session.messages.length === 0) await session.run('Go.');
else if (!isOver) await session.resume();
const { input_tokens, cache_creation_input_tokens, cache_read_input_tokens, output_tokens } = session.usage;
await session.close();
await opened.close();
const done: Done = {
  usage: {
    input: input_tokens + cache_creation_input_tokens + cache_read_input_tokens,
    output: output_tokens,
  },
};
writeSync(1, `done ${JSON.stringify(done)}\n`);
