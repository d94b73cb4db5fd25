import { reply, toolUse } from '@pawl/emulator';
import { expect, it } from 'vitest';
import type { AgentOptions } from '../../src/index.ts';
import type { CacheFacts } from '../../src/cache/cache-log.ts';
import { SessionState } from '../../src/journal/session-state.ts';
import { look, MINUTE, setUp, SYSTEM } from './places.ts';

type Setting = ReturnType<typeof setUp>;

/** What the journal of a session tells of each reply, folded in a process that sent none of it. */
async function factsOf({ entries }: Pick<Setting, 'entries'>): Promise<CacheFacts[]> {
  const state = new SessionState();
  const facts: CacheFacts[] = [];
  for (const entry of await entries()) {
    if (entry.type === 'reply') facts.push(state.cache.factsOf(entry.message));
    state.apply(entry);
  }
  return facts;
}

const misses = async (from: Pick<Setting, 'entries'>): Promise<unknown[]> =>
  (await factsOf(from)).map((each) => each?.miss);

it('tells what was written and read, and that nothing was missed', async () => {
  const w = setUp({ tools: [look], steps: [reply([toolUse('look', {})]), reply('Done.')] });
  await using chat = await w.session();
  await chat.run('A?');
  const [first, second] = await factsOf(w);
  expect([first?.read, first?.miss]).toEqual([0, 'first-request']);
  expect([second?.read, second?.miss]).toEqual([first?.written, null]);
});

const other: Partial<AgentOptions> = { tools: [look] };
it.each<[string, Partial<AgentOptions>, Partial<AgentOptions>, string]>([
  ['model-changed', other, { ...other, model: 'claude-opus-5-5' }, 'model-changed'],
  ['tools-changed', other, { tools: [] }, 'tools-changed'],
  ['system-changed', other, { ...other, system: `${SYSTEM}!` }, 'system-changed'],
  [
    'speed-changed',
    { ...other, model: 'claude-opus-5-5' },
    { ...other, model: 'claude-opus-5-5', request: { speed: 'fast' } },
    'speed-changed',
  ],
  [
    'tool-choice-changed',
    other,
    { ...other, toolChoice: { type: 'auto', disable_parallel_tool_use: true } },
    'tool-choice-changed',
  ],
  ['thinking-changed', other, { ...other, effort: 'low' }, 'thinking-changed'],
])('names the part that changed between two processes: %s', async (_, before, after, expected) => {
  const w = setUp({ steps: [reply('One.'), reply('Two.'), reply('Three.')] });
  const first = await w.session(before);
  await first.run('A?');
  await first.close();
  await using second = await w.session(after);
  await second.run('B?');
  await second.run('C?');
  expect(await misses(w)).toEqual(['first-request', expected, null]);
});

it('names what else there can be: a pause too long, an image, too little, nothing marked', async () => {
  const w = setUp({ steps: Array.from({ length: 4 }, () => reply('Yes.')) });
  await using chat = await w.session();
  await chat.run('A?');
  w.pass(6 * MINUTE);
  await chat.run('B?');
  const data =
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
  await chat.run([{ type: 'image', source: { type: 'base64', media_type: 'image/png', data } }]);
  expect(await misses(w)).toEqual(['first-request', 'expired', 'images-added']);
  const short = setUp({ system: 'Hi.', steps: [reply('One.')] });
  await using brief = await short.session();
  await brief.run('A?');
  expect(await misses(short)).toEqual(['too-short']);
  const off = setUp({ cache: 'off', steps: [reply('One.'), reply('Two.')] });
  await using plain = await off.session();
  await plain.run('A?');
  await plain.run('B?');
  expect(await misses(off)).toEqual(['first-request', 'not-marked']);
});

it('knows where the server edited the history: it was not evicted', async () => {
  const usage = { cache_read_input_tokens: 500, cache_creation_input_tokens: 1500 };
  const edit = { type: 'clear_tool_uses_20250919', cleared_tool_uses: 4, cleared_input_tokens: 9000 };
  const fields = { context_management: { applied_edits: [edit] } };
  const w = setUp({ steps: [reply('One.'), reply('Two.', { usage, fields })] });
  await using chat = await w.session();
  await chat.run('A?');
  await chat.run('B?');
  expect(await misses(w)).toEqual(['first-request', 'context-edited']);
});

it('blames the server where nothing else has changed', async () => {
  const gone = { cache_read_input_tokens: 0, cache_creation_input_tokens: 2000 };
  const w = setUp({ steps: [reply('One.'), reply('Two.', { usage: gone })] });
  await using chat = await w.session();
  await chat.run('A?');
  await chat.run('B?');
  expect(await misses(w)).toEqual(['first-request', 'evicted']);
});
