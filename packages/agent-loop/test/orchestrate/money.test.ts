import { type EmulatedRequest, reply } from '@pawl/emulator';
import { describe, expect, it } from 'vitest';
import { createBudget, createGovernor, orchestrate, type RunResult, type Team } from '../../src/index.ts';
import { clientOf, stage } from '../loop/stage.ts';
import { type Crash, Life, mortalStore } from '../session/crash-world.ts';
import { inMemory, world } from '../session/world.ts';

/** At most 1,200 tokens, all of them used: 0.012 USD of output each. */
const dear = { maxTokens: 1200, model: 'claude-sonnet-5-5' } as const;
const respond = ({ body }: EmulatedRequest) =>
  reply('A'.repeat(200), { usage: { output_tokens: Math.min(1200, body.max_tokens) } });

/** Asks one after the other, for ever if it may, and tells how each ended. */
const many = (agent: Parameters<Team['run']>[1], times: number) => async (team: Team) => {
  const results: RunResult[] = [];
  for (let time = 0; time < times; time += 1)
    results.push(await team.run(`ask ${time}`, agent, `Question ${time}.`));
  return results.map(({ outcome }) => outcome);
};

describe('the money of a script', () => {
  it('is never passed, whatever its agents do at the same time; those without room end as budget-limit', async () => {
    const { agent, emulator } = stage({ ...dear, world: { respond } });
    const outcomes = await orchestrate({ limits: { usd: 0.05 }, concurrency: 8 }, (team) =>
      team.map(
        'ask',
        Array.from({ length: 12 }, (_, index) => index),
        async (index, inner) => {
          const { outcome } = await inner.run('one', agent, `Question ${index}.`);
          return outcome;
        },
      ),
    );
    expect(emulator.bill.usd).toBeLessThanOrEqual(0.05);
    expect(emulator.bill.usd).toBeGreaterThan(0.03);
    expect(new Set(outcomes)).toEqual(new Set(['completed', 'budget-limit']));
    expect(emulator.refusals).toEqual([]);
  });

  it('is that of all processes: none that is killed leaves more to the next', async () => {
    for (let append = 8; append < 80; append += 9) {
      await using here = await inMemory();
      const w = world({ ...here, ...dear, world: { respond } });
      const life = async (crash: Crash | null): Promise<string[] | null> => {
        const own = new Life();
        const mortal = world({ ...here, store: mortalStore(here.store, own, crash) });
        const client = clientOf(own.fetch(w.emulator.fetch), { maxRetries: 0 });
        const session = await mortal.open({ ...dear, client });
        const agent = w.agent({ client });
        return Promise.race([
          own.died.then(() => null),
          orchestrate({ session, limits: { usd: 0.05 } }, many(agent, 8)),
        ]);
      };
      expect(await life({ append, when: append % 2 === 0 ? 'after' : 'before' })).toBeNull();
      const outcomes = await life(null);
      expect(outcomes?.at(-1), `killed at append ${append}`).toBe('budget-limit');
      expect(w.emulator.bill.usd, `killed at append ${append}`).toBeLessThanOrEqual(0.05);
      expect(w.emulator.bill.usd, `killed at append ${append}`).toBeGreaterThan(0.02);
    }
  });

  it('lets agents go on that had no room, when there is more', async () => {
    await using here = await inMemory();
    const w = world({ ...here, ...dear, world: { respond } });
    const session = await w.open();
    const script = many(w.agent(), 4);
    const first = await orchestrate({ session, limits: { usd: 0.0255 } }, script);
    expect(first.filter((outcome) => outcome === 'completed')).toHaveLength(2);
    const asked = w.emulator.requests.length;
    expect(await orchestrate({ session, limits: { usd: 1 } }, script)).toEqual(Array(4).fill('completed'));
    expect(w.emulator.requests.length - asked).toBe(2);
    expect(session.cost.usd).toBe(w.emulator.bill.usd);
    await session.close();
  });

  it('is reserved once where an agent has the same budget; a governor is waited for', async () => {
    const budget = createBudget({ usd: 0.03 });
    const governor = createGovernor({ concurrency: 1 });
    const { agent, emulator } = stage({ ...dear, budget, governor, world: { respond } });
    const outcomes = await orchestrate({ budget, governor }, many(agent, 3));
    expect(outcomes).toEqual(['completed', 'completed', 'budget-limit']);
    expect((await budget.state()).usd).toBe(emulator.bill.usd);
  });

  it('is checked at the door', async () => {
    await expect(orchestrate({ limits: { usd: 0 } }, () => 1)).rejects.toThrow(
      /limits.usd: must be a number above 0/,
    );
    await expect(orchestrate({ budget: {} as never }, () => 1)).rejects.toThrow(
      /expected a budget made by createBudget/,
    );
    await expect(orchestrate({ governor: {} as never }, () => 1)).rejects.toThrow(
      /expected what createGovernor\(\) returns/,
    );
  });
});
