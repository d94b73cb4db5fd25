import { reply, toolUse } from '@pawl/emulator';
import { describe, expect, it } from 'vitest';
import { loadSession, openSession } from '../../src/index.ts';
import { memoryStore } from '../../src/store.ts';
import { replaySession } from '../../src/testkit/index.ts';
import { Life, mortalStore } from '../session/crash-world.ts';
import { entriesIn, family, realTime, resultsIn } from './family.ts';

/** A lead that asks one other, which answers in its second turn. */
function pair() {
  const f = family(
    {
      lead: (turn) =>
        turn === 0 ? reply(toolUse('logs', { task: 'Read.' }, { id: 'toolu_1' })) : reply('Done.'),
      logs: () => reply('Nothing.'),
    },
    realTime(),
  );
  return { ...f, agent: f.agent('lead', { subagents: [f.agent('logs')] }) };
}

describe('the session of a subagent', () => {
  it('is in the store of its parent, linked both ways, and can be opened by itself', async () => {
    const store = memoryStore();
    const { agent: lead, emulator, agent } = pair();
    const session = await openSession({ agent: lead, store, id: 'top' });
    const { runId, cost, usage, steps } = await session.run('Go.');
    await session.close();
    expect((await store.list()).map(({ id }) => id)).toEqual(['top', 'top.toolu_1']);
    const above = await entriesIn(store, 'top');
    const below = await entriesIn(store, 'top.toolu_1');
    const start = above.find(({ type }) => type === 'child-start');
    const end = above.find(({ type }) => type === 'child-end');
    expect(start).toMatchObject({ session: 'top.toolu_1', child: 'logs', tool: 'logs', input: 'Read.' });
    expect(end).toMatchObject({ session: 'top.toolu_1', outcome: 'completed', children: 0 });
    expect(below[0]).toMatchObject({ type: 'session-start', parent: { session: 'top', callId: 'toolu_1' } });
    expect(new Set(below.map(({ parentRunId }) => parentRunId))).toEqual(new Set([runId]));
    expect(new Set(below.slice(2).map((entry) => entry.runId))).toEqual(
      new Set(start?.type === 'child-start' ? [start.childRunId] : []),
    );
    // A replay plays what the lead was told, and asks nobody.
    const asked = emulator.requests.length;
    const [replayed] = await replaySession(above, agent);
    expect(replayed).toMatchObject({ outcome: 'completed', text: 'Done.' });
    expect(emulator.requests).toHaveLength(asked);
    // It tells what all of them had cost.
    expect(Object.keys(cost.byAgent)).toEqual(['lead', 'logs']);
    expect(replayed).toMatchObject({ cost, usage, steps });
  });

  it('is another one where an earlier session of the same name had used its id', async () => {
    const store = memoryStore();
    const { agent, emulator } = pair();
    for (const outcome of ['first', 'second']) {
      const session = await openSession({ agent, store, id: 'top' });
      expect(await session.run(outcome)).toMatchObject({ outcome: 'completed' });
      await session.close();
      await store.delete('top');
    }
    expect((await store.list()).map(({ id }) => id)).toEqual(['top.toolu_1', 'top.toolu_1-2']);
    expect(emulator.requests).toHaveLength(6);
  });

  it('stays with its parent: a copy that is loaded knows only that it may have done anything', async () => {
    const store = memoryStore();
    const { agent, emulator } = pair();
    // Killed after the subagent's first request was kept.
    const life = new Life();
    const dying = openSession({
      agent,
      store: mortalStore(store, life, { append: 11, when: 'after' }),
      id: 'top',
    });
    void dying.then((session) => session.run('Go.')).catch(() => {});
    await life.died;
    const entries = await entriesIn(store, 'top');
    expect(entries.at(-1)?.type).toBe('child-start');
    const copy = await loadSession({ agent, store, entries, id: 'copy' });
    const asked = emulator.requests.length;
    expect(await copy.resume()).toMatchObject({ outcome: 'completed' });
    expect(resultsIn(emulator.requests.at(-1))[0]).toMatch(
      /^The subagent "logs" was interrupted, and its session belongs/,
    );
    expect(emulator.requests).toHaveLength(asked + 1);
    // The original goes on where it was.
    const original = await openSession({ agent, store, id: 'top' });
    expect(await original.resume()).toMatchObject({ outcome: 'completed' });
    expect(resultsIn(emulator.requests.at(-1))).toEqual(['Nothing.']);
    expect(emulator.refusals).toEqual([]);
  });
});
