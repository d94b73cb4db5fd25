import Anthropic from '@anthropic-ai/sdk';
import { createEmulator, reply, script, text, toolUse, whole } from '@pawl/emulator';
import { describe, expect, it } from 'vitest';
import { type AgentOptions, ConfigError, createAgent } from '../../src/index.ts';
import { withoutMarkers } from '../loop/stage.ts';
import { divided, look, marks, MINUTE, setUp, SYSTEM, words } from './places.ts';

const loop = [reply([toolUse('look', {})]), reply([toolUse('look', {})]), reply('Done.')];
const all = 'tools 5m, system 5m, end 5m';

describe('without being asked', () => {
  it('a run with tools marks tools, system prompt and the growing end, and reads back all it wrote', async () => {
    const { emulator, agent } = setUp({ tools: [look], steps: loop });
    await agent().run('Go.');
    expect(marks(emulator)).toEqual([all, all, all]);
    const [first, second, third] = divided(emulator);
    expect(first).toMatchObject({ read: 0, plain: 0 });
    expect(second).toMatchObject({ read: first?.written, plain: 0 });
    expect(third).toMatchObject({ read: (first?.written ?? 0) + (second?.written ?? 0), plain: 0 });
    expect(emulator.refusals).toEqual([]);
  });

  it('a run without tools writes what other runs read, and not the message that nobody will', async () => {
    const { emulator, agent } = setUp({ steps: [reply('One.'), reply('Two.')] });
    const asked = agent();
    await asked.run(words(600));
    await asked.run(words(700));
    expect(marks(emulator)).toEqual(['system 5m', 'system 5m']);
    const [first, second] = divided(emulator);
    expect([first?.read, second?.read]).toEqual([0, first?.written]);
    expect([second?.written, (first?.plain ?? 0) > 600]).toEqual([0, true]);
  });

  it('a session, and a transcript that is handed in, mark their end', async () => {
    const { emulator, agent, session } = setUp({ steps: [reply('One.'), reply('Two.'), reply('Three.')] });
    const chat = await session();
    await chat.run('A?');
    await chat.run('B?');
    await agent().run('C?', { messages: chat.messages });
    expect(marks(emulator)).toEqual(['system 5m, end 5m', 'system 5m, end 5m', 'system 5m, end 5m']);
    const read = divided(emulator).map((each) => each.read);
    expect([read[0], (read[1] ?? 0) > 900, (read[2] ?? 0) > (read[1] ?? 0)]).toEqual([0, true, true]);
    await chat.close();
  });

  it('what is surely too short to be cached is left as it is', async () => {
    const { emulator, agent } = setUp({ system: 'Be brief.', tools: [], steps: [reply('One.')] });
    await agent().run('A?');
    expect(emulator.requests[0]?.body).toMatchObject({ system: 'Be brief.' });
    expect(marks(emulator)).toEqual(['']);
  });

  it('an end of more than twenty places from the one before gets a breakpoint there', async () => {
    const searched = Array.from({ length: 12 }, (_, index) => [
      text(`Thought ${index}.`),
      whole({ type: 'text', text: `Found ${index}.` }),
    ]).flat();
    const { emulator, session } = setUp({ steps: [reply(searched), reply('Two.'), reply('Three.')] });
    const chat = await session();
    await chat.run('A?');
    await chat.run('B?');
    await chat.run('C?');
    await chat.close();
    expect(marks(emulator)).toEqual([
      'system 5m, end 5m',
      'system 5m, message 0.0 5m, end 5m',
      'system 5m, end 5m',
    ]);
    const [first, second, third] = divided(emulator);
    expect(second?.read).toBe(first?.written);
    expect(third?.read).toBe((second?.read ?? 0) + (second?.written ?? 0));
    const [, , last] = emulator.requests.map(({ body }) => JSON.stringify(body?.messages));
    expect(last?.startsWith('[{"role":"user","content":"A?"}')).toBe(true);
  });

  it('only markers move: the bytes of messages, tools and prompt stay', async () => {
    const { emulator, session, pass } = setUp({ tools: [look], steps: [...loop, ...loop, ...loop] });
    const chat = await session();
    for (let run = 0; run < 3; run += 1, pass(40 * MINUTE)) await chat.run('Go on.');
    await chat.close();
    expect(new Set(marks(emulator)).size).toBeGreaterThan(1);
    const texts = emulator.requests.map(({ bodyText }) => withoutMarkers(bodyText));
    for (const [index, sent] of texts.entries()) {
      const before = texts[index - 1]?.slice(0, -2) ?? '';
      expect(sent.slice(0, before.length)).toBe(before);
    }
  });
});

describe('by the pauses that the journal shows', () => {
  it('an hour on the turn before the pause, after one run that could not know', async () => {
    const steps = Array.from({ length: 6 }, () => loop).flat();
    const { emulator, session, pass } = setUp({ tools: [look], steps });
    for (let run = 0; run < 6; run += 1, pass(50 * MINUTE)) {
      // Another process each time: only the journal knows.
      const chat = await session();
      await chat.run(words(100));
      await chat.close();
    }
    const ends = marks(emulator).map((each) => each.split(' ').at(-1));
    expect(ends.slice(0, 3)).toEqual(['5m', '5m', '5m']);
    for (let run = 1; run < 6; run += 1) expect([ends[run * 3], ends[run * 3 + 2]]).toEqual(['5m', '1h']);
    const starts = divided(emulator).filter((_, index) => index % 3 === 0);
    expect(starts.map(({ read }) => read > 0)).toEqual([false, false, true, true, true, true]);
    expect(emulator.refusals).toEqual([]);
  });

  it('nothing, where nobody ever comes back in time', async () => {
    const steps = Array.from({ length: 6 }, () => reply('Yes.'));
    const { emulator, session, pass } = setUp({ steps });
    for (let run = 0; run < 6; run += 1, pass(70 * MINUTE)) {
      const chat = await session();
      await chat.run('And?');
      await chat.close();
    }
    expect(marks(emulator).slice(-2)).toEqual(['', '']);
  });
});

describe('as told', () => {
  const cases: readonly (readonly [string, Partial<AgentOptions>, string])[] = [
    ['off', { cache: 'off' }, ''],
    ['an hour', { cache: '1h' }, 'tools 1h, system 1h, end 1h'],
    ['the system prompt for an hour', { cache: { system: '1h' } }, 'tools 1h, system 1h, end 5m'],
    ['no end', { cache: { messages: false } }, 'tools 5m, system 5m'],
    ['the end in its block', { cache: { place: 'block' } }, 'tools 5m, system 5m, message 0.0 5m'],
    [
      'beside a marker in the system prompt',
      { system: [{ type: 'text', text: SYSTEM, cache_control: { type: 'ephemeral', ttl: '1h' } }] },
      'tools 1h, system 1h, end 5m',
    ],
    [
      'beside markers of five minutes, after which an hour is refused',
      { cache: '1h', system: [{ type: 'text', text: SYSTEM, cache_control: { type: 'ephemeral' } }] },
      'tools 1h, system 5m, end 5m',
    ],
    [
      'beside three markers',
      {
        system: ['A', 'B', 'C'].map((prompt) => ({
          type: 'text',
          text: prompt,
          cache_control: { type: 'ephemeral' as const },
        })),
      },
      'system 5m, system 5m, system 5m, end 5m',
    ],
    [
      'beside a marker of the request',
      { request: { cache_control: { type: 'ephemeral', ttl: '1h' } } },
      'tools 1h, system 1h, end 1h',
    ],
  ];

  it.each(cases)('%s', async (_, options, expected) => {
    const { emulator, agent } = setUp({ tools: [look], steps: loop, ...options });
    await agent().run('Go.');
    expect(marks(emulator)[0]).toBe(expected);
    expect(emulator.refusals).toEqual([]);
  });

  it('beside markers in messages, of which there may be too many for ours', async () => {
    const { emulator, agent } = setUp({ tools: [look], steps: loop });
    const block = { type: 'text' as const, text: 'A', cache_control: { type: 'ephemeral' as const } };
    await agent().run([block, block, block]);
    expect(marks(emulator)[0]).toBe('message 0.0 5m, message 0.1 5m, message 0.2 5m, end 5m');
    expect(emulator.refusals).toEqual([]);
  });

  it('a client of another platform, which may not know the field of the request, gets a marker in the last block', async () => {
    class OtherPlatform extends Anthropic {}
    const emulator = createEmulator({ respond: script(loop) });
    const client = new OtherPlatform({
      apiKey: 'k',
      fetch: emulator.fetch,
      baseURL: 'http://emulator.local',
    });
    await createAgent({ model: 'claude-sonnet-5-5', client, system: SYSTEM, tools: [look] }).run('Go.');
    expect(marks(emulator)).toEqual([
      'tools 5m, system 5m, message 0.0 5m',
      'tools 5m, system 5m, message 2.0 5m',
      'tools 5m, system 5m, message 4.0 5m',
    ]);
    const [first, second, third] = divided(emulator);
    expect(second?.read).toBe(first?.written);
    expect(third?.read).toBe((second?.read ?? 0) + (second?.written ?? 0));
  });

  it.each<[unknown, string]>([
    ['forever', `cache: expected 'auto', '1h', 'off' or an object`],
    [{ end: '5m' }, 'cache: there is no option "end"'],
    [{ system: '2h' }, `cache.system: expected '5m', '1h' or false`],
    [{ tools: '5m', messages: '1h' }, `cache.messages: the API refuses '1h' after '5m'`],
    [{ place: 'tail' }, `cache.place: expected 'request' or 'block'`],
  ])('refuses %j', (cache, message) => {
    const make = (): unknown => createAgent({ model: 'claude-sonnet-5-5', cache: cache as 'auto' });
    expect(make).toThrow(ConfigError);
    expect(make).toThrow(message);
  });
});
