import {
  compaction,
  type EmulatedRequest,
  fault,
  reply,
  serverToolUse,
  text,
  thinking,
  toolUse,
  whole,
} from '@pawl/emulator';
import { z } from 'zod';
import type { Outcome } from '../../src/index.ts';
import type { Shape } from './crash-world.ts';

const trio = (turn: number) => [
  thinking(`Turn ${turn}.`),
  toolUse('look', { turn }, { id: `toolu_look_${turn}` }),
  toolUse('put', { turn }, { id: `toolu_put_${turn}` }),
  toolUse('send', { turn }, { id: `toolu_send_${turn}` }),
];

const replies = ({ body }: EmulatedRequest): number =>
  body.messages.filter(({ role }) => role === 'assistant').length;

/** What a run is doing when it is killed. A shape is made anew for every world: some remember what was asked. */
export interface CrashShape {
  readonly name: string;
  readonly outcome: Outcome;
  readonly make: () => Shape;
}

/** Each turn's first reply breaks off, after its calls have begun to stream. */
const retry: CrashShape = {
  name: 'a retry',
  outcome: 'completed',
  make() {
    const asked = new Map<number, number>();
    return {
      agent: { limits: { turnRetries: 1 } },
      respond(request) {
        const turn = replies(request);
        const times = (asked.get(turn) ?? 0) + 1;
        asked.set(turn, times);
        const content = turn < 1 ? trio(turn) : [text('Done.')];
        return times % 2 === 1
          ? reply(content, { fault: fault.earlyEnd({ afterEvents: 9 }) })
          : reply(content);
      },
    };
  },
};

const correction: CrashShape = {
  name: 'an output that is corrected',
  outcome: 'completed',
  make: () => ({
    agent: { output: z.object({ answer: z.number() }) as never },
    respond(request) {
      const turn = replies(request);
      if (turn === 0) return reply(trio(0));
      return reply(turn < 3 ? '{"answer":"none"}' : '{"answer":42}');
    },
  }),
};

const pause: CrashShape = {
  name: 'a paused turn',
  outcome: 'completed',
  make: () => ({
    agent: { tools: [{ type: 'web_search_20260318', name: 'web_search' }] },
    respond({ body }) {
      const last = body.messages.at(-1);
      const open = JSON.stringify(last?.content).includes('srvtoolu_1') && last?.role === 'assistant';
      if (open)
        return reply([
          whole({ type: 'web_search_tool_result', tool_use_id: 'srvtoolu_1', content: [] }),
          text('Found.'),
          toolUse('put', { turn: 0 }, { id: 'toolu_put_0' }),
          toolUse('send', { turn: 0 }, { id: 'toolu_send_0' }),
        ]);
      if (last?.role === 'user' && JSON.stringify(last).includes('tool_result')) return reply('Done.');
      return reply(
        [text('Searching.'), serverToolUse('web_search', { query: 'pawl' }, { id: 'srvtoolu_1' })],
        {
          stopReason: 'pause_turn',
        },
      );
    },
  }),
};

const approval: CrashShape = {
  name: 'an approval that is waited for',
  outcome: 'completed',
  make: () => ({
    asks: ['put', 'send'],
    respond(request) {
      const turn = replies(request);
      return turn < 2 ? reply(trio(turn)) : reply('Done.');
    },
  }),
};

const truncated: CrashShape = {
  name: 'a truncated reply',
  outcome: 'truncated',
  make: () => ({
    respond(request) {
      const turn = replies(request);
      return turn === 0
        ? reply(trio(0))
        : reply([text('And'), ...trio(1).slice(1)], { stopReason: 'max_tokens' });
    },
  }),
};

const compacted: CrashShape = {
  name: 'a compaction',
  outcome: 'completed',
  make: () => ({
    agent: {
      betas: ['compact-2026-01-12'],
      request: { context_management: { edits: [{ type: 'compact_20260112' }] } },
    },
    respond(request) {
      const turn = replies(request);
      if (turn === 0) return reply(trio(0));
      if (turn === 1) return reply(compaction('They want it done.'), { stopReason: 'compaction' });
      return reply('Done.');
    },
  }),
};

/** Everything a run can be doing that a plain turn of tools does not show. */
export const crashShapes: readonly CrashShape[] = [retry, correction, pause, approval, truncated, compacted];
