import { reply } from '@pawl/emulator';
import { expect, test } from 'vitest';
import { type AgentOptions, createAgent } from '../../src/index.ts';
import { expectSound, play, stage } from '../loop/stage.ts';

test('is sent as edits of the API, results of tools first, with the betas that these need', async () => {
  const set = stage({
    context: {
      compactAt: 120_000,
      instructions: 'Keep all figures.',
      clearToolUsesAt: 60_000,
      keepToolUses: 5,
    },
    betas: ['compact-2026-01-12', 'files-api-2025-04-14'],
    steps: [reply('Done.')],
  });
  await play(set.agent);
  const [request] = set.emulator.requests;
  expect(request?.headers['anthropic-beta']).toBe(
    'compact-2026-01-12,files-api-2025-04-14,context-management-2025-06-27',
  );
  expect(request?.body?.['context_management']).toEqual({
    edits: [
      {
        type: 'clear_tool_uses_20250919',
        trigger: { type: 'input_tokens', value: 60_000 },
        keep: { type: 'tool_uses', value: 5 },
      },
      {
        type: 'compact_20260112',
        trigger: { type: 'input_tokens', value: 120_000 },
        instructions: 'Keep all figures.',
      },
    ],
  });
  expectSound(set);
});

test.each<[name: string, context: AgentOptions['context'], beta: string, edits: object[]]>([
  [
    'a summary',
    { compactAt: 50_000 },
    'compact-2026-01-12',
    [{ type: 'compact_20260112', trigger: { type: 'input_tokens', value: 50_000 } }],
  ],
  [
    'old results of tools',
    { clearToolUsesAt: 1 },
    'context-management-2025-06-27',
    [
      {
        type: 'clear_tool_uses_20250919',
        trigger: { type: 'input_tokens', value: 1 },
        keep: { type: 'tool_uses', value: 3 },
      },
    ],
  ],
])('one of the two alone: %s', async (_, context, beta, edits) => {
  const set = stage({ ...(context && { context }), steps: [reply('Done.')] });
  await play(set.agent);
  const [request] = set.emulator.requests;
  expect(request?.headers['anthropic-beta']).toBe(beta);
  expect(request?.body?.['context_management']).toEqual({ edits });
  expectSound(set);
});

test.each<[given: unknown, message: string]>([
  ['auto', 'context: must be an object, got "auto".'],
  [{}, 'context: does nothing: give compactAt, clearToolUsesAt or countFrom, in prompt tokens.'],
  [
    { compactat: 1 },
    'context: there is no option "compactat". Did you mean compactAt? Known: compactAt, instructions, clearToolUsesAt, keepToolUses, countFrom.',
  ],
  [{ compactAt: 49_999 }, 'context.compactAt: must be at least 50,000 tokens, got 49999.'],
  [{ compactAt: 60_000.5 }, 'context.compactAt: must be a whole number above 0, got 60000.5.'],
  [{ compactAt: '60k' }, 'context.compactAt: must be a whole number above 0, got "60k".'],
  [{ compactAt: 60_000, instructions: ' ' }, 'context.instructions: must be a text, got " ".'],
  [
    { clearToolUsesAt: 9, instructions: 'Be short.' },
    'context.instructions: are for a summary: they do nothing without compactAt.',
  ],
  [{ compactAt: 60_000, keepToolUses: 0 }, 'context.keepToolUses: does nothing without clearToolUsesAt.'],
  [{ countFrom: 0 }, 'context.countFrom: must be a whole number above 0, got 0.'],
  [{ clearToolUsesAt: 0 }, 'context.clearToolUsesAt: must be a whole number above 0, got 0.'],
  [
    { compactAt: 60_000, clearToolUsesAt: 60_000 },
    'context.clearToolUsesAt: must be below compactAt (60000), or nothing is left to clear; got 60000.',
  ],
])('is checked when an agent is made: %j', (context, message) => {
  const make = (): unknown => createAgent({ model: 'claude-sonnet-5-5', context: context as never });
  expect(make).toThrow(message);
});

test.each(['context_management', 'compaction', 'thread'])('does not go together with request.%s', (field) => {
  const request = { [field]: { type: 'summarize' } };
  expect(() => createAgent({ model: 'claude-sonnet-5-5', context: { compactAt: 50_000 }, request })).toThrow(
    `context: does not go together with request.${field}. Give one of them.`,
  );
});
