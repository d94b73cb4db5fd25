import { describe, expect, it } from 'vitest';
import { patienceMs } from '../../../../test/support/campaign.ts';
import type { Entry } from '../../src/index.ts';
import { type Crash, crashWorld, Life, TURNS, type World } from './crash-world.ts';

/** How many appends an uninterrupted run makes. */
async function appendsOfAWholeRun(): Promise<number> {
  const world = crashWorld();
  const session = await world.boot();
  await session.run('Go.');
  return (await world.entries()).length;
}

/** Runs until the crash, then resumes in a new process until the run is whole. Returns how it ended. */
async function crashAndResume(world: World, crashes: readonly Crash[], reconcile: boolean) {
  for (const crash of crashes) {
    const life = new Life();
    const session = await Promise.race([life.died, world.boot({ life, crash, reconcile })]);
    if (!session) continue;
    const going = session.pending || session.messages.length > 0 ? session.resume() : session.run('Go.');
    const ended = going.then(
      () => 'ended' as const,
      (error: unknown) => error,
    );
    const first = await Promise.race([life.died.then(() => 'died' as const), ended]);
    if (first !== 'died') return session.close();
  }
  const session = await world.boot({ reconcile });
  if (session.messages.length === 0) await session.run('Go.');
  else if (session.pending || session.messages.at(-1)?.role === 'user') await session.resume();
  await session.close();
}

async function check(world: World, crashes: readonly Crash[], reconcile: boolean): Promise<void> {
  const seen = `crash at ${JSON.stringify(crashes)}`;
  const { emulator, ledger } = world;
  expect(emulator.refusals, seen).toEqual([]);
  const entries = await world.entries();
  expect(
    entries.map(({ seq }) => seq),
    seen,
  ).toEqual(entries.map((_, index) => index));
  expect(entries.at(-1), seen).toMatchObject({ type: 'run-end', outcome: 'completed' });
  for (let turn = 0; turn < TURNS; turn += 1) {
    // A call with `once` never happens twice; where it was not done, the model was told that it may not have been.
    const sends = ledger.of('send', `toolu_send_${turn}`);
    const told = entries.find((entry) => entry.type === 'tool-end' && entry.callId === `toolu_send_${turn}`);
    expect(sends, seen).toBeLessThanOrEqual(1);
    if (reconcile) expect(sends, seen).toBe(1);
    expect(told, seen).toMatchObject({
      outcome: reconcile || sends === 0 ? expect.stringMatching(/ok|unknown/) : expect.anything(),
    });
    if (sends === 0) expect(told, seen).toMatchObject({ outcome: 'unknown' });
    expect(ledger.of('put', `toolu_put_${turn}`), seen).toBeGreaterThanOrEqual(1);
  }
  // One key for every try of a call.
  const keys = new Map(ledger.effects.map(({ callId, key }) => [callId, key]));
  expect(
    ledger.effects.every(({ callId, key }) => keys.get(callId) === key),
    seen,
  ).toBe(true);
  expectNothingFinishedRanAgain(entries, seen);
}

function expectNothingFinishedRanAgain(entries: readonly Entry[], seen: string): void {
  const ended = new Set<string>();
  for (const entry of entries) {
    if (entry.type === 'tool-start') expect(ended.has(entry.callId), seen).toBe(false);
    // The results of calls of a lost reply count for nothing.
    if (entry.type === 'tool-end' && entry.outcome !== 'cancelled') ended.add(entry.callId);
    if (entry.type === 'reply-lost') ended.clear();
  }
}

describe('a run that is killed', { timeout: patienceMs }, () => {
  it.each([false, true])(
    'at every append, before and after it is kept (reconcile: %s)',
    async (reconcile) => {
      const appends = await appendsOfAWholeRun();
      expect(appends).toBeGreaterThan(TURNS * 7);
      for (let append = 0; append < appends; append += 1) {
        for (const when of ['before', 'after'] as const) {
          const world = crashWorld();
          await crashAndResume(world, [{ append, when }], reconcile);
          await check(world, [{ append, when }], reconcile);
        }
      }
    },
  );

  it('again and again, at every third append of every life', async () => {
    for (let append = 1; append < 12; append += 1) {
      const world = crashWorld();
      const crashes = Array.from({ length: 30 }, (_, life) => ({
        append: (append + life) % 6,
        when: life % 2 === 0 ? ('before' as const) : ('after' as const),
      }));
      await crashAndResume(world, crashes, true);
      await check(world, crashes, true);
    }
  });
});
