import { describe, expect, it } from 'vitest';
import { patienceMs } from '../../../../test/support/campaign.ts';
import type { Entry, Session } from '../../src/index.ts';
import { replaySession } from '../../src/testkit/index.ts';
import { type CrashShape, crashShapes } from './crash-shapes.ts';
import { type Crash, crashWorld, Life, type World } from './crash-world.ts';

const campaign = process.env['PAWL_CAMPAIGN'] === 'full';

/** Takes a session from wherever it is to the end of its run, deciding what it is asked. */
async function finish(session: Session, world: World): Promise<void> {
  if (session.messages.length === 0) await session.run('Go.');
  else if (unfinished(session)) await session.resume();
  while (session.pending) {
    for (const { callId, tool } of session.pending.approvals) {
      const times = world.ledger.of(tool, callId);
      // One call in three is denied, one is given another input.
      const kind = callId.endsWith('1') ? (tool === 'send' ? 'deny' : 'change') : 'allow';
      const started = times > 0;
      await session.approve(
        callId,
        started || kind === 'deny'
          ? { allow: false, reason: 'no' }
          : kind === 'change'
            ? { allow: true, input: { turn: 7 } }
            : true,
      );
    }
    await session.resume();
  }
}

function unfinished(session: Session): boolean {
  return session.pending !== null || session.messages.at(-1)?.role === 'user';
}

async function crashAndFinish(world: World, crashes: readonly Crash[]): Promise<void> {
  for (const crash of crashes) {
    if (isWhole(await world.entries())) return;
    const life = new Life();
    const session = await Promise.race([life.died, world.boot({ life, crash })]);
    if (!session) continue;
    const ended = finish(session, world).then(() => 'ended' as const);
    if ((await Promise.race([life.died.then(() => 'died' as const), ended])) === 'died') continue;
    await session.close();
    break;
  }
  const session = await world.boot();
  if (!isWhole(await world.entries())) await finish(session, world);
  await session.close();
}

function isWhole(entries: readonly Entry[]): boolean {
  const last = entries.at(-1);
  return last?.type === 'run-end' && last.outcome !== 'awaiting-approval';
}

async function appendsOf(shape: CrashShape): Promise<number> {
  const world = crashWorld(shape.make());
  const session = await world.boot();
  await finish(session, world);
  const entries = await world.entries();
  expect(entries.at(-1)).toMatchObject({ type: 'run-end', outcome: shape.outcome });
  expect(world.emulator.refusals).toEqual([]);
  return entries.length;
}

async function check(shape: CrashShape, world: World, crashes: readonly Crash[]): Promise<void> {
  const seen = `${shape.name}, crashed at ${JSON.stringify(crashes)}`;
  expect(world.emulator.refusals, seen).toEqual([]);
  const entries = await world.entries();
  expect(
    entries.map(({ seq }) => seq),
    seen,
  ).toEqual(entries.map((_, index) => index));
  expect(entries.at(-1), seen).toMatchObject({ type: 'run-end', outcome: shape.outcome });
  const inputs = entries.filter((entry) => entry.type === 'input' && entry.source === 'user');
  expect(inputs, seen).toHaveLength(1);
  const compactions = entries.filter(({ type }) => type === 'compaction');
  expect(compactions, seen).toHaveLength(shape.name === 'a compaction' ? 1 : 0);
  const { effects } = world.ledger;
  for (const { callId, tool, key } of effects) {
    expect(world.ledger.of('send', callId), seen).toBeLessThanOrEqual(1);
    expect(
      effects.every((effect) => effect.callId !== callId || effect.key === key),
      seen,
    ).toBe(true);
    if (tool === 'put' && shape.name.startsWith('an approval')) {
      // What a person made of the input is what runs, every time.
      const starts = entries.filter((entry) => entry.type === 'tool-start' && entry.callId === callId);
      expect(new Set(starts.map((entry) => JSON.stringify('input' in entry && entry.input))).size, seen).toBe(
        1,
      );
    }
  }
  expectEachAnsweredOnce(entries, seen);
  if (campaign || (crashes[0]?.append ?? 0) % 4 === 1) await expectReplays(world, seen);
}

/** Crashes and all, the journal can be played through the agent again: the same requests, and nothing outside happens. */
async function expectReplays(world: World, seen: string): Promise<void> {
  const [requests, effects] = [world.emulator.requests.length, world.ledger.effects.length];
  const entries = await world.entries();
  const results = await replaySession(entries, world.agent()).catch((error: unknown) => {
    throw new Error(`${seen}: ${String(error)}`, { cause: error });
  });
  const ends = entries.flatMap((entry) => (entry.type === 'run-end' ? [entry.outcome] : []));
  expect(
    results.map(({ outcome }) => outcome),
    seen,
  ).toEqual(ends);
  expect([world.emulator.requests.length, world.ledger.effects.length], seen).toEqual([requests, effects]);
}

/** Every call of a reply that joined the transcript has one end; a finished one never started again. */
function expectEachAnsweredOnce(entries: readonly Entry[], seen: string): void {
  let ended = new Set<string>();
  for (const entry of entries) {
    if (entry.type === 'request') ended = new Set();
    if (entry.type === 'tool-start') expect(ended.has(entry.callId), seen).toBe(false);
    if (entry.type === 'tool-end' && entry.outcome !== 'cancelled') {
      expect(ended.has(entry.callId), seen).toBe(false);
      ended.add(entry.callId);
    }
  }
}

describe.each(crashShapes)('a run that is killed during $name', { timeout: patienceMs }, (shape) => {
  it('at every append, before and after it is kept', async () => {
    const appends = await appendsOf(shape);
    for (let append = 0; append < appends; append += 1) {
      for (const when of ['before', 'after'] as const) {
        const world = crashWorld(shape.make());
        await crashAndFinish(world, [{ append, when }]);
        await check(shape, world, [{ append, when }]);
      }
    }
  });

  it('again and again', async () => {
    const rounds = campaign ? 2000 : 6;
    for (let round = 0; round < rounds; round += 1) {
      const world = crashWorld(shape.make());
      const crashes = Array.from({ length: 12 }, (_, life) => ({
        append: (round * 7 + life * 3) % 11,
        when: (round + life) % 2 === 0 ? ('before' as const) : ('after' as const),
      }));
      await crashAndFinish(world, crashes);
      await check(shape, world, crashes);
    }
  });
});
