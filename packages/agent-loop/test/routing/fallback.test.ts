import { reply, text, thinking, toolUse, whole } from '@pawl/emulator';
import { describe, expect, it } from 'vitest';
import { defineTool } from '../../src/index.ts';
import { memoryStore } from '../../src/store.ts';
import { conversations, expectSound, play, stage, story } from '../loop/stage.ts';
import { types, world } from '../session/world.ts';

const boundary = whole({
  type: 'fallback',
  from: { model: 'claude-opus-5-5' },
  to: { model: 'claude-sonnet-5-5' },
  trigger: { type: 'refusal', category: 'cyber' },
});
const options = { model: 'claude-opus-5-5', fallback: ['claude-sonnet-5-5'] } as const;

/** A tool that notes what it was called with. */
function noting(effect: 'read' | 'once') {
  const ran: string[] = [];
  const tool = defineTool({
    name: 'note',
    description: 'Notes.',
    input: {
      type: 'object',
      properties: { what: { type: 'string' } },
      required: ['what'],
      additionalProperties: false,
    },
    effect,
    run: ({ what }: { what: string }) => {
      ran.push(what);
      return `noted ${what}`;
    },
  });
  return { ran, tool };
}
const calls = [
  text('I note.'),
  toolUse('note', { what: 'declined' }, { id: 'toolu_1' }),
  boundary,
  text('I do it.'),
  toolUse('note', { what: 'served' }, { id: 'toolu_2' }),
];
const kept = [
  { type: 'text', text: 'I note.' },
  { type: 'fallback', from: { model: 'claude-opus-5-5' }, to: { model: 'claude-sonnet-5-5' } },
  { type: 'text', text: 'I do it.' },
  { type: 'tool_use', id: 'toolu_2', name: 'note', input: { what: 'served' } },
];

describe('a model that declines in the middle of a reply, in whose place another one goes on', () => {
  it.each(['once', 'read'] as const)(
    'has its calls taken back: not answered, not sent, and not run (%s)',
    async (effect) => {
      const { ran, tool } = noting(effect);
      const set = stage({ ...options, tools: [tool], steps: [reply(calls), reply('Done.')] });
      const { events, result } = await play(set.agent);
      expect(result).toMatchObject({ outcome: 'completed', text: 'Done.' });
      if (effect === 'once') expect(ran).toEqual(['served']);
      const [, second] = conversations(set.emulator) as { content: object[] }[][];
      expect(second?.slice(1)).toMatchObject([
        { role: 'assistant', content: kept },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_2', content: 'noted served' }] },
      ]);
      if (effect === 'once')
        expect(story(events).filter((line) => line.startsWith('tool-'))).toEqual([
          'tool-start: note',
          'tool-end: note ok',
        ]);
      expectSound(set);
    },
  );

  it('keeps its thinking where it was, and its last words where there were no calls', async () => {
    const steps = [
      reply([thinking('Hm.'), text('I'), boundary, thinking('So.'), text('Yes.')]),
      reply('Sure.'),
    ];
    const w = world({ store: memoryStore(), ...options, steps });
    const session = await w.open();
    await session.run('May I?');
    await session.run('Sure?');
    await session.close();
    const messages = w.emulator.requests[1]?.body?.messages as { content: { type: string }[] }[];
    expect(messages[1]?.content.map(({ type }) => type)).toEqual([
      'thinking',
      'text',
      'fallback',
      'thinking',
      'text',
    ]);
    expect(w.emulator.refusals).toEqual([]);
  });

  it('is gone on with like that after a crash', async () => {
    const { ran, tool } = noting('once');
    const steps = [reply(calls), reply('Done.')];
    const first = world({ store: memoryStore(), ...options, tools: [tool], steps });
    const session = await first.open();
    await session.run('Go.');
    await session.close();
    const entries = await first.entries();
    const at = entries.findIndex(({ type }) => type === 'reply');
    const store = memoryStore();
    const journal = await store.open('review');
    await journal.append(entries.slice(0, at + 1), 0);
    await journal.close();
    ran.length = 0;
    const after = world({ store, ...options, tools: [tool], steps: steps.slice(1) });
    const resumed = await after.open();
    expect(await resumed.resume()).toMatchObject({ outcome: 'completed', text: 'Done.' });
    await resumed.close();
    expect(ran).toEqual(['served']);
    expect(types(await after.entries()).filter((type) => type.startsWith('tool-'))).toEqual([
      'tool-start note 1',
      'tool-end note ok',
    ]);
    expect(after.emulator.refusals).toEqual([]);
  });
});
