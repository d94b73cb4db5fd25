import { expect } from 'vitest';
import type { Entry, Session } from '../../src/index.ts';
import { type Crash, Life } from '../session/crash-world.ts';
import { type Chance, nodesOf, type PlanNode } from './tree-plan.ts';
import { TOP, type TreeWorld, treeWorld } from './tree-world.ts';

/** What happens to a process: it dies at an append of any session, or its run is stopped after some events. */
export type Fate = { readonly crash: Crash } | { readonly stopAfter: number };

/** A plan and what happens to the processes that follow it, one after the other. Another one finishes the rest. */
export interface Trial {
  readonly plan: PlanNode;
  readonly fates: readonly Fate[];
  readonly asks: boolean;
  readonly chance: Chance;
}

/** Runs a trial and checks what has to be true of every one. Returns the world. */
export async function runTrial({ plan, fates, asks, chance }: Trial): Promise<TreeWorld> {
  const world = treeWorld(plan, asks);
  for (const fate of fates) await live(world, plan, fate, chance);
  const life = new Life();
  const session = await world.boot(life);
  for (let round = 0; round < 30; round += 1) {
    if (!(await step(world, session, plan, chance))) break;
  }
  await session.close();
  expect(world.timersOf(life)).toBe(0);
  await check(world, plan, session);
  return world;
}

async function live(world: TreeWorld, plan: PlanNode, fate: Fate, chance: Chance): Promise<void> {
  const life = new Life();
  let opened: Session | undefined;
  const work = (async () => {
    const session = (opened = await world.boot(life, 'crash' in fate ? fate.crash : undefined));
    if ('crash' in fate) {
      while (await step(world, session, plan, chance));
    } else if (isNew(session) || session.resumable) {
      await decide(world, session, chance);
      const stream = isNew(session) ? session.stream(plan.id) : session.resumeStream();
      let seen = 0;
      for await (const _ of stream) if ((seen += 1) === fate.stopAfter) stream.stop('enough');
    }
    await session.close();
  })();
  // A process that could not go on ends; another one takes over.
  await Promise.race([life.died, work.catch(() => {})]);
  life.die();
  // A dead process has no open sessions, which would be drained with those of other tests.
  void opened?.close().catch(() => {});
}

function isNew(session: Session): boolean {
  return session.messages.length === 0;
}

/** Goes on with what there is to go on with. Returns whether there was anything. */
async function step(world: TreeWorld, session: Session, plan: PlanNode, chance: Chance): Promise<boolean> {
  if (isNew(session)) {
    await session.run(plan.id);
    return true;
  }
  if (!session.resumable) return false;
  await decide(world, session, chance);
  await session.resume();
  return true;
}

/** Somebody who looks first whether it has happened already. */
async function decide(world: TreeWorld, session: Session, chance: Chance): Promise<void> {
  for (const { callId, tool } of session.pending?.approvals ?? [])
    await session.approve(callId, world.ledger.of(tool, callId) === 0 && chance() < 0.7);
}

async function check(world: TreeWorld, plan: PlanNode, session: Session): Promise<void> {
  const { emulator, ledger } = world;
  const journals = await world.journals();
  // Every transcript was valid whenever it was sent.
  expect(emulator.refusals).toEqual([]);
  const top = journals.get(TOP) ?? [];
  expect(top.at(-1)).toMatchObject({ type: 'run-end' });
  for (const [id, entries] of journals) expectEnded(id, entries);
  expectBilledOnce(world, journals, session);
  const planned = nodesOf(plan).length;
  expect(journals.size).toBeLessThanOrEqual(planned);
  // Nothing with an effect happened twice.
  const sends = ledger.effects.filter(({ tool }) => tool === 'send').map(({ callId }) => callId);
  expect(sends).toEqual([...new Set(sends)]);
}

/** Nothing is left running, and nothing is left open: every child that was started has its end above. */
function expectEnded(id: string, entries: readonly Entry[]): void {
  const last = entries.findLast(({ type }) => type === 'run-start' || type === 'run-end');
  // One that was killed before it began, and then given up, has nothing to end.
  if (last) expect(last.type, id).toBe('run-end');
  const ends = new Map<string, string>();
  for (const entry of entries) {
    if (entry.type === 'child-start') ends.set(entry.session, 'none');
    if (entry.type === 'child-end') ends.set(entry.session, entry.outcome);
  }
  for (const [session, outcome] of ends) {
    expect(outcome, `${session} in ${id}`).not.toBe('none');
    expect(outcome, `${session} in ${id}`).not.toBe('awaiting-approval');
  }
}

/** Every reply that was kept anywhere is on the bill of the root, once; every other request was lost with its process. */
function expectBilledOnce(
  { emulator }: TreeWorld,
  journals: ReadonlyMap<string, readonly Entry[]>,
  session: Session,
): void {
  const all = [...journals.values()].flat();
  const replies = all.flatMap((entry) => (entry.type === 'reply' ? [entry] : []));
  const lost = all.flatMap((entry) => (entry.type === 'reply-lost' ? [entry] : []));
  const steps = session.steps.filter((step) => !step.lost);
  expect(steps.map(({ runId, turn }) => `${runId} ${turn}`).toSorted()).toEqual(
    replies.map(({ runId, turn }) => `${runId} ${turn}`).toSorted(),
  );
  const known = [...replies.map(({ message }) => message.usage), ...lost.flatMap(({ usage }) => usage ?? [])];
  const sum = (of: (usage: (typeof known)[number]) => number | null | undefined): number =>
    known.reduce((total, usage) => total + (of(usage) ?? 0), 0);
  expect(session.usage.input_tokens).toBe(sum((usage) => usage.input_tokens));
  expect(session.usage.output_tokens).toBe(sum((usage) => usage.output_tokens));
  const lostUsd = lost.reduce((total, entry) => total + (entry.lostUsd ?? 0), 0);
  expect(session.cost.lostUsd).toBeCloseTo(lostUsd, 12);
  // Nothing is asked for again but what was lost.
  expect(emulator.requests.length).toBeLessThanOrEqual(replies.length + lost.length);
  const asked = replies.map(({ agent, message }) => `${agent} ${message.id}`);
  expect(asked).toEqual([...new Set(asked)]);
}
