import { createEmulator, reply, type StepFunction, toolUse } from '@pawl/emulator';
import { describe, expect, test } from 'vitest';
import { createAgent, type JournalStore, openSession, orchestrate } from '../../src/index.ts';
import { doctor } from '../../src/node/index.ts';
import { memoryStore } from '../../src/store.ts';
import { storeConformance } from '../../src/testkit/index.ts';
import { clientOf } from '../loop/stage.ts';
import { entriesIn, minimal, noting, types } from '../session/world.ts';

/** A lead asks its scout, which asks to jump; told that it did, it is done. */
const respond: StepFunction = ({ body }) => {
  const told = JSON.stringify(body.messages.at(-1));
  if (body.system === 'You scout.' && !told.includes('jump it'))
    return reply(toolUse('jump', {}, { id: 'toolu_jump' }));
  if (told.includes('Ask.')) return reply(toolUse('scout', { task: 'Look.' }, { id: 'toolu_scout' }));
  return reply('Done.');
};

/** Much of what sessions do, and what it leaves in the store. */
async function workOn(store: JournalStore): Promise<unknown> {
  const emulator = createEmulator({ respond });
  const jump = noting('jump', { approve: true });
  const common = { model: 'claude-sonnet-5-5', client: clientOf(emulator.fetch) };
  const scout = createAgent({
    ...common,
    name: 'scout',
    description: 'Scouts.',
    system: 'You scout.',
    tools: [jump.tool],
  });
  const agent = createAgent({ ...common, name: 'lead', subagents: [scout] });
  const first = await openSession({ agent, store, id: 'top' });
  await first.run('Ask.');
  const fork = await first.fork({ id: 'other' });
  await fork.run('Never mind.');
  await fork.close();
  await first.close();
  const second = await openSession({ agent, store, id: 'top' });
  await second.approve('toolu_jump', true);
  await second.resume();
  await orchestrate({ session: second }, async (team) => {
    await team.step('count', () => 7);
    await team.run('end', createAgent({ ...common, name: 'clerk' }), 'Write it down.');
  });
  await second.close();
  expect(jump.ran).toEqual(['it']);
  const sessions = (await store.list()).map(({ id }) => id);
  const entries = await Promise.all(sessions.map((id) => entriesIn(store, id)));
  for (const of of entries) expect(of.map(({ seq }) => seq)).toEqual(of.map((_, index) => index));
  const { findings } = await doctor({ store, id: 'top' });
  return { sessions, entries: entries.map(types), findings };
}

describe('a store whose journals have append, read and close, and nothing more', () => {
  const cases = storeConformance({
    async create() {
      const here = await minimal();
      return { store: here.store, reopen: () => here.store, close: () => here[Symbol.asyncDispose]() };
    },
  });
  for (const { name, skip, run } of cases) test(`${name}`, { skip: skip !== false }, run);

  test('holds in the end what any other would', async () => {
    await using here = await minimal();
    const left = await workOn(here.store);
    expect(left).toEqual(await workOn(memoryStore()));
    expect(left).toMatchObject({
      sessions: expect.arrayContaining(['other', 'other.toolu_scout', 'top', 'top.toolu_scout']) as string[],
    });
  });
});
