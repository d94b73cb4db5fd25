import { describe, expect, it } from 'vitest';
import { openSession, orchestrate, type Session } from '../../src/index.ts';
import { memoryStore } from '../../src/store.ts';
import { resultsIn } from './family.ts';
import { cutOff, shop } from './shop.ts';

const inDoubt = { callId: 'toolu_charge', tool: 'charge', input: { usd: 5 }, agent: 'cashier' };
const UNKNOWN = /^This call was interrupted: it may or may not have taken effect\./;

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
