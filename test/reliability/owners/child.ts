/** An owner of sessions in a process of its own, named by its argument. Not a test: the campaign starts two of them. */
import { appendFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { createAgent, defineTool, JournalError, openSession, RunError } from '@pawl/agent-loop';
import type { Entry, Journal, JournalStore, ToolEffect } from '@pawl/agent-loop';
import { fileStore } from '@pawl/stores/file';
import { z } from 'zod';
import type { Order, Told } from './protocol.ts';

const [, , name = '', control] = process.argv;
let ledger = '';
let kept: Entry[] = [];

function tool(toolName: string, effect: ToolEffect, ms: number) {
  return defineTool({
    name: toolName,
    description: toolName,
    input: z.object({ turn: z.number() }),
    effect,
    async run(_, { callId }) {
      await wait(ms);
      appendFileSync(ledger, `${JSON.stringify({ toolName, callId, name })}\n`);
      await wait(ms);
      return `${callId} done by ${name}`;
    },
  });
}

const agent = createAgent({
  name,
  model: 'claude-sonnet-5-5',
  tools: [tool('look', 'read', 1), tool('put', 'idempotent', 2), tool('send', 'once', 3)],
  hooks: {
    onEvent: (event) => {
      if ('seq' in event) kept.push(event);
    },
  },
});

/** The control: an owner that does not hear that it has lost the session. */
function deaf(store: JournalStore): JournalStore {
  return {
    ...store,
    async open(id, options) {
      const journal = await store.open(id, options);
      const append: Journal['append'] = async (entries, seq, how) => {
        try {
          await journal.append(entries, seq, how);
        } catch (error) {
          if (!(error instanceof JournalError && error.code === 'fenced')) throw error;
        }
      };
      const { damage, torn, length } = journal;
      return {
        damage,
        torn,
        length,
        append,
        read: (from) => journal.read(from),
        close: () => journal.close(),
      };
    },
  };
}

async function own({ sessions, id }: Order): Promise<Told> {
  let openedAt: number | null = null;
  try {
    const session = await openSession({
      agent,
      store: control === 'deaf' ? deaf(fileStore(sessions)) : fileStore(sessions),
      id,
    });
    openedAt = Date.now();
    try {
      const isOver = session.pending === null && session.messages.at(-1)?.role === 'assistant';
      if (isOver) return { end: 'over', error: null, openedAt, endedAt: Date.now(), kept };
      await (session.messages.length === 0 ? session.run('Go.') : session.resume());
      return { end: 'completed', error: null, openedAt, endedAt: Date.now(), kept };
    } finally {
      await session.close();
    }
  } catch (error) {
    const cause = RunError.is(error) ? error.cause : error;
    const isFenced = cause instanceof JournalError && cause.code === 'fenced';
    return {
      end: isFenced ? 'fenced' : 'failed',
      error: describe(error),
      openedAt,
      endedAt: Date.now(),
      kept,
    };
  }
}

function describe(error: unknown): string {
  if (RunError.is(error)) return `RunError ${error.code} because of ${describe(error.cause)}`;
  return error instanceof JournalError ? `JournalError ${error.code}` : String(error);
}

process.on('message', (order: Order) => {
  ledger = order.ledger;
  kept = [];
  void own(order).then((told) => process.send?.(told));
});
