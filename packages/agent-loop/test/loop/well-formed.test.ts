import { reply, toolUse } from '@pawl/emulator';
import { describe, expect, test } from 'vitest';
import type { RunInput } from '../../src/index.ts';
import { memoryStore } from '../../src/store.ts';
import { entriesIn, ID, noting, world } from '../session/world.ts';
import { entriesOf, expectSound, expectStablePrefix, play, stage } from './stage.ts';

const HALF = 'cut \ud83d';
const MENDED = 'cut \ufffd';

describe('half of a surrogate pair, which the API refuses, is mended in an input as in a result', () => {
  test.each<[what: string, input: RunInput, sent: unknown]>([
    ['a text', HALF, MENDED],
    [
      'a block',
      [
        { type: 'text', text: HALF },
        { type: 'text', text: 'whole 🎉' },
      ],
      [
        { type: 'text', text: MENDED },
        { type: 'text', text: 'whole 🎉' },
      ],
    ],
    [
      'a text within a block',
      [{ type: 'document', title: 'a', source: { type: 'text', media_type: 'text/plain', data: HALF } }],
      [{ type: 'document', title: 'a', source: { type: 'text', media_type: 'text/plain', data: MENDED } }],
    ],
  ])('%s', async (_, input, sent) => {
    const set = stage({ steps: [reply('Yes.')] });
    const { events } = await play(set.agent, input);
    expect(set.emulator.requests[0]?.body?.messages[0]?.content).toEqual(sent);
    expect(entriesOf(events).find(({ type }) => type === 'input')).toMatchObject({ content: sent });
    expectSound(set);
    const other = stage({ steps: [] });
    expect((await other.agent.preview(input)).body.messages[0]?.content).toEqual(sent);
  });

  test('what is whole is kept as it was given', async () => {
    const input = [{ type: 'text' as const, text: 'whole 🎉' }];
    const { events } = await play(stage({ steps: [reply('Yes.')] }).agent, input);
    const entry = entriesOf(events).find(({ type }) => type === 'input');
    expect(entry?.type === 'input' && entry.content).toBe(input);
  });

  test('it is mended before it is kept, so that later requests begin with the same bytes', async () => {
    const store = memoryStore();
    const { tool } = noting('look', { effect: 'read' });
    const w = world({
      store,
      tools: [tool],
      steps: [reply(toolUse('look', {})), reply('One.'), reply('Two.')],
    });
    const first = await w.open();
    await first.run(HALF);
    await first.close();
    const second = await w.open();
    await second.run('And now?');
    await second.close();
    expect(w.emulator.requests).toHaveLength(3);
    for (const { bodyText } of w.emulator.requests) expect(bodyText).not.toContain('\\ud83d');
    expectStablePrefix(w.emulator);
    const kept = await entriesIn(store, ID);
    expect(kept.find(({ type }) => type === 'input')).toMatchObject({ content: MENDED });
  });
});
