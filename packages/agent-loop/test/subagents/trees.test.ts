import { expectRestorable } from '../session/checkpointing-store.ts';
import { describe, expect, it } from 'vitest';
import { campaign, patienceMs } from '../../../../test/support/campaign.ts';
import { chanceFrom, pick, type PlanNode, planFrom } from './tree-plan.ts';
import { Life } from '../session/crash-world.ts';
import { treeWorld } from './tree-world.ts';
import { type Fate, runTrial, type Trial } from './tree-trial.ts';

const leaf = (id: string, depth: number): PlanNode => ({
  id,
  depth,
  turns: [[{ tool: 'look' }, { tool: 'put' }, { tool: 'send' }]],
  end: 'answer',
  breaks: [],
});

/** A root with a child that is waited for, one that is not, and a grandchild. */
const plan: PlanNode = {
  id: 'n',
  depth: 0,
  turns: [
    [
      { tool: 'dispatch', child: leaf('n-00', 1) },
      {
        tool: 'ask',
        child: { ...leaf('n-01', 1), turns: [[{ tool: 'ask', child: leaf('n-01-0', 2) }, { tool: 'put' }]] },
      },
      { tool: 'send' },
    ],
    [{ tool: 'put' }],
  ],
  end: 'answer',
  breaks: [],
};

describe('a tree of agents', () => {
  const { trials: every } = campaign({ suite: 5, ci: 1, full: 1 });

  it.each([false, true])(
    `is killed at every append of any of its sessions${every > 1 ? `, or every ${every}th` : ''}, and comes to its end (decisions needed: %s)`,
    async (asks) => {
      const whole = await runTrial({ plan, fates: [], asks, chance: () => 0 });
      const journals = [...(await whole.journals()).values()];
      for (const entries of journals) expectRestorable(entries);
      const appends = journals.flat().length;
      expect(appends).toBeGreaterThan(50);
      for (let append = 0; append < appends; append += every) {
        for (const when of ['before', 'after'] as const) {
          await told({ plan, fates: [{ crash: { append, when } }], asks, chance: () => 0 });
        }
      }
    },
    patienceMs,
  );

  it(
    'spends no more than the limit of its root, wherever it is killed',
    async () => {
      const whole = treeWorld(plan, false, 1);
      await (await whole.boot(new Life())).run('n');
      const usd = (whole.emulator.bill.usd ?? 0) * 0.6;
      const outcomes = new Set<unknown>();
      for (let append = 0; append < 60; append += every) {
        const world = treeWorld(plan, false, usd);
        const life = new Life();
        const dying = world.boot(life, { append, when: 'after' }).then((session) => session.run('n'));
        await Promise.race([life.died, dying.catch(() => {})]);
        life.die();
        const session = await world.boot(new Life());
        const fresh = session.messages.length === 0;
        const pending = fresh || session.pending !== null;
        const result = pending ? await (fresh ? session.run('n') : session.resume()) : null;
        outcomes.add(result?.outcome);
        await session.close();
        expect(world.emulator.bill.usd, `append ${append}`).toBeLessThanOrEqual(usd);
        expect(world.emulator.refusals).toEqual([]);
      }
      expect(outcomes).toContain('budget-limit');
    },
    patienceMs,
  );

  const { trials, seed } = campaign({ suite: 15, ci: 2000, full: 10_000 });
  it(
    `of any shape, whatever happens to it, ends whole (${trials} trees)`,
    async () => {
      for (let index = 0; index < trials; index += 1) await told(trialFrom(seed + index), seed + index);
    },
    patienceMs,
  );
});

function trialFrom(seed: number): Trial {
  const chance = chanceFrom(seed);
  const fates = Array.from({ length: pick(chance, 4) }, (): Fate => {
    if (chance() < 0.25) return { stopAfter: 1 + pick(chance, 60) };
    return { crash: { append: pick(chance, 60), when: chance() < 0.5 ? 'before' : 'after' } };
  });
  return { plan: planFrom(chance), fates, asks: chance() < 0.4, chance };
}

async function told(trial: Trial, seed?: number): Promise<void> {
  try {
    await runTrial(trial);
  } catch (error) {
    const { fates, asks } = trial;
    const where = JSON.stringify({ seed, fates, asks, plan: trial.plan });
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n\n${where}`, {
      cause: error,
    });
  }
}
