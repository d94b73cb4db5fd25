import { reply, toolUse } from '@pawl/emulator';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineTool, openSession, orchestrate, type Session } from '../../src/index.ts';
import { memoryStore } from '../../src/store.ts';
import { gate } from '../support/agent-under-test.ts';
import { family, realTime, resultsIn } from './family.ts';

/** A lead, a clerk below it, and a cashier below that, whose `charge` hangs in its first process. */
function shop() {
  const begun = gate();
  const charged: string[] = [];
  const ask = (name: string) => (turn: number) =>
    turn === 0 ? reply(toolUse(name, { task: 'Go.' }, { id: `toolu_${name}` })) : reply('Done.');
  const f = family(
    {
      lead: ask('clerk'),
      clerk: ask('cashier'),
      cashier: (turn) =>
        turn === 0 ? reply(toolUse('charge', { usd: 5 }, { id: 'toolu_charge' })) : reply('Charged.'),
    },
    realTime(),
  );
  const charge = defineTool({
    name: 'charge',
    description: 'Charges.',
    input: z.object({ usd: z.number() }),
    effect: 'once',
    run({ usd }): Promise<string> {
      charged.push(`${usd} USD`);
      begun.resolve();
      return charged.length === 1 ? new Promise(() => {}) : Promise.resolve('charged');
    },
  });
  const cashier = f.agent('cashier', { tools: [charge] });
  const clerk = f.agent('clerk', { subagents: [cashier] });
  return {
    ...f,
    clerk,
    cashier,
    agent: f.agent('lead', { subagents: [clerk] }),
    charged,
    begun: begun.promise,
  };
}

const inDoubt = { callId: 'toolu_charge', tool: 'charge', input: { usd: 5 }, agent: 'cashier' };
const UNKNOWN = /^This call was interrupted: it may or may not have taken effect\./;

/** Ends a process in the middle of the charge. */
async function cutOff(session: Session, run: Promise<unknown>, begun: Promise<void>): Promise<void> {
  await begun;
  await session.close();
  await run.catch(() => {});
}

describe('a call of a subagent that was interrupted in an effect that must not be repeated', () => {
  it.each([
    [true, 2, /^charged$/],
    [false, 1, UNKNOWN],
    [undefined, 1, UNKNOWN],
  ] as const)('is listed above before anything goes on (decided: %s)', async (decision, times, told) => {
    const store = memoryStore();
    const { agent, emulator, charged, begun } = shop();
    const first = await openSession({ agent, store, id: 'top' });
    await cutOff(first, first.run('Go.'), begun);
    const session = await openSession({ agent, store, id: 'top' });
    const call = { ...inDoubt, session: 'top.toolu_clerk.toolu_cashier' };
    expect(session.pending).toEqual({ reason: 'interrupted', approvals: [call] });
    if (decision !== undefined) await session.approve('toolu_charge', decision);
    if (decision !== undefined) expect(session.pending?.approvals).toEqual([]);
    expect(await session.resume()).toMatchObject({ outcome: 'completed' });
    expect(charged).toHaveLength(times);
    const answers = emulator.requests.filter(({ body }) => body?.system === 'cashier').map(resultsIn);
    expect(answers.at(-1)?.[0]).toMatch(told);
    expect(session.pending).toBeNull();
    expect(emulator.refusals).toEqual([]);
    await session.close();
  });

  it('is listed where a script has started the subagent', async () => {
    const store = memoryStore();
    const { agent, clerk, charged, begun } = shop();
    const script = (session: Session) =>
      orchestrate({ session, name: 'sale' }, (team) => team.run('sell', clerk, 'Go.'));
    const first = await openSession({ agent, store, id: 'top' });
    await cutOff(first, script(first), begun);
    const session = await openSession({ agent, store, id: 'top' });
    expect(session.pending).toMatchObject({ reason: 'interrupted', approvals: [inDoubt] });
    await session.approve('toolu_charge', true);
    expect(session.pending).toBeNull();
    await script(session);
    expect(charged).toEqual(['5 USD', '5 USD']);
    await session.close();
  });
});
