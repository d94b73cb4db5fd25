import { apiError, createEmulator, type Emulator, fault, reply, toolUse } from '@pawl/emulator';
import { describe, expect, test } from 'vitest';
import { campaign, patienceMs } from '../../../../test/support/campaign.ts';
import {
  type Agent,
  type Budget,
  createAgent,
  createBudget,
  defineTool,
  openSession,
  orchestrate,
  type RunError,
  type Seams,
  type Session,
} from '../../src/index.ts';
import { systemSeams } from '../../src/seams.ts';
import { type BudgetStore, memoryStore } from '../../src/store.ts';
import { clientOf } from '../loop/stage.ts';
import { type Crash, Life, mortalStore } from '../session/crash-world.ts';

/** Numbers from a seed. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  };
}

/** Waits a hundredth of the time. */
const hurried: Seams['timer'] = (ms, fire) => systemSeams.timer(ms / 100, fire);

/**
 * A server at its worst: replies are as long as they may be, streams are cut, connections are reset, and errors come in
 * between. It bills by its own reckoning, also what it had produced of a stream that was cut. After so many turns it comes to an end.
 */
function worstServer(random: () => number, turns = 5): Emulator {
  return createEmulator({
    respond({ body }) {
      const usage = { output_tokens: body.max_tokens };
      const turn = body.messages.filter(({ role }) => role === 'assistant').length;
      const whim = random();
      if (whim < 0.1) return apiError(529);
      if (whim < 0.2)
        return reply('word '.repeat(2000), {
          fault: fault.cut({ afterEvents: 1 + Math.floor(random() * 300) }),
        });
      if (whim < 0.25) return reply('Never.', { fault: fault.connectionReset() });
      if (whim < 0.3) return reply('Well', { usage, fault: fault.earlyEnd({ afterEvents: 4 }) });
      if (turn > turns || body.tool_choice?.type === 'none') return reply('Done.', { usage });
      return reply([toolUse('look', { at: turn })], whim < 0.6 ? { usage } : {});
    },
  });
}

const look = defineTool({
  name: 'look',
  description: 'Looks.',
  effect: 'read',
  input: { type: 'object' },
  run: (input) => `${JSON.stringify(input)} `.repeat(20),
});

const MODELS = ['claude-sonnet-5-5', 'claude-opus-5-5', 'claude-haiku-5-5'] as const;

/** Agents of three models that cache for an hour, which is dearest. */
function agentsWith(emulator: Emulator, budget: Budget, timer = hurried): readonly Agent[] {
  return MODELS.map((model, index) =>
    createAgent({
      name: `agent-${index}`,
      model,
      system: 'Be brief. '.repeat(300),
      client: clientOf(emulator.fetch, { maxRetries: 0 }),
      tools: [look],
      maxTokens: 3000,
      cache: '1h',
      budget,
      seams: { timer },
    }),
  );
}

const outcomes = (
  ends: readonly PromiseSettledResult<{ readonly outcome: string }>[],
): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const end of ends) {
    const name = end.status === 'fulfilled' ? end.value.outcome : (end.reason as RunError).code;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
};

describe('overspend is zero', () => {
  const { trials, seed } = campaign({ suite: 4, ci: 60, full: 2000 });

  test('for 50 runs at once that share a budget', { timeout: patienceMs }, async () => {
    let most = 0;
    for (let trial = 0; trial < trials; trial += 1) {
      const random = randomFrom(seed + trial);
      const emulator = worstServer(random);
      const usd = 0.2 + random() * 3;
      const budget = createBudget({ usd, reserve: usd / 10 });
      const agents = agentsWith(emulator, budget);
      const runs = Array.from(
        { length: 50 },
        (_, index) => agents[index % 3]?.run(`Task ${index}.`) as Promise<{ outcome: string }>,
      );
      const counts = outcomes(await Promise.allSettled(runs));
      expect(emulator.refusals).toEqual([]);
      const { usd: spent, lostUsd, reservedUsd } = await budget.state();
      const billed = emulator.bill.usd ?? Number.NaN;
      expect(billed).toBeLessThanOrEqual(usd);
      expect(spent + lostUsd).toBeLessThanOrEqual(usd);
      expect(billed).toBeLessThanOrEqual(spent + lostUsd + 1e-9);
      expect(reservedUsd).toBe(0);
      expect(counts['budget-limit']).toBeGreaterThan(0);
      most = Math.max(most, billed / usd);
    }
    console.log(
      `overspend: ${trials} trials of 50 runs, at most ${(most * 100).toFixed(1)} % of the budget billed`,
    );
  });

  test('for 50 children of one script, limited together', { timeout: patienceMs }, async () => {
    for (let trial = 0; trial < Math.ceil(trials / 3); trial += 1) {
      const random = randomFrom(seed + 1000 + trial);
      const emulator = worstServer(random);
      const usd = 0.2 + random() * 2;
      const budget = createBudget({ usd });
      const agents = agentsWith(emulator, budget);
      await orchestrate({ concurrency: 50 }, async (team) => {
        const children = Array.from({ length: 50 }, (_, index) =>
          team.run(`child-${index}`, agents[index % 3] as Agent, `Task ${index}.`).catch(() => null),
        );
        return (await Promise.all(children)).length;
      });
      expect(emulator.bill.usd).toBeLessThanOrEqual(usd);
      const { usd: spent, lostUsd, reservedUsd } = await budget.state();
      expect(emulator.bill.usd).toBeLessThanOrEqual(spent + lostUsd + 1e-9);
      expect(reservedUsd).toBe(0);
    }
  });
});

/** Sessions that were opened, the dead ones too: nothing of them stays. */
class Opened {
  readonly #sessions: Session[] = [];

  async open(options: Parameters<typeof openSession>[0]): Promise<Session> {
    const session = await openSession(options);
    this.#sessions.push(session);
    return session;
  }

  close(): void {
    // One that is dead never answers.
    for (const session of this.#sessions) void session.close();
  }
}

/** A store whose budgets die with a process, too. */
function mortalBudgets(store: BudgetStore, life: Life): BudgetStore {
  return { updateBudget: (id, change) => life.step(() => store.updateBudget(id, change)) };
}

describe('over crashes', () => {
  const { trials, seed } = campaign({ suite: 10, ci: 250, full: 5000 });
  const SESSIONS = 6;

  test(
    'a budget in a store is exact: what died is counted until it is resumed, and never twice',
    { timeout: patienceMs },
    async () => {
      let crashes = 0;
      for (let trial = 0; trial < trials; trial += 1) {
        const random = randomFrom(seed + 5000 + trial);
        const emulator = worstServer(random);
        const kept = memoryStore();
        const opened = new Opened();
        const usd = 0.1 + random();
        const begin = async (session: Session, index: number): Promise<unknown> => {
          if (session.pending) return session.resume();
          return session.messages.length === 0 ? session.run(`Task ${index}.`) : null;
        };
        /** One process: all sessions at once, until it dies or all is done. */
        const live = async (crash: Crash | null): Promise<boolean> => {
          const life = new Life();
          const store = mortalStore(kept, life, crash);
          const budget = createBudget({ usd, store: mortalBudgets(kept, life) });
          const agents = agentsWith(emulator, budget, life.timer(hurried));
          const work = Promise.allSettled(
            Array.from({ length: SESSIONS }, async (_, index) => {
              const session = await opened.open({
                agent: agents[index % 3] as Agent,
                store,
                id: `s${index}`,
              });
              return begin(session, index);
            }),
          );
          return Promise.race([life.died.then(() => false), work.then(() => true)]);
        };
        for (let lives = 0; ; lives += 1) {
          const append = Math.floor(random() * 60);
          const when = random() < 0.5 ? 'before' : 'after';
          if (await live(lives < 6 ? { append, when } : null)) break;
          crashes += 1;
          expect(emulator.bill.usd).toBeLessThanOrEqual(usd);
        }
        opened.close();
        expect(emulator.refusals).toEqual([]);
        const { usd: spent, lostUsd, reservedUsd } = await createBudget({ usd, store: kept }).state();
        expect(emulator.bill.usd).toBeLessThanOrEqual(spent + lostUsd + 1e-9);
        expect(spent + lostUsd).toBeLessThanOrEqual(usd);
        expect(reservedUsd).toBe(0);
      }
      console.log(`crashes: ${crashes} in ${trials} trials`);
    },
  );

  test('limits.usd of a run holds however often it is resumed', { timeout: patienceMs }, async () => {
    for (let trial = 0; trial < trials; trial += 1) {
      const random = randomFrom(seed + 9000 + trial);
      // It fails now and then, but never so that the run does.
      const emulator = worstServer(() => (random() < 0.2 ? 0.15 : 0.5), Infinity);
      const kept = memoryStore();
      const opened = new Opened();
      const usd = 0.05 + random() * 0.2;
      for (let lives = 0; ; lives += 1) {
        const life = new Life();
        const crash: Crash | null =
          lives < 12
            ? { append: 2 + Math.floor(random() * 9), when: random() < 0.5 ? 'before' : 'after' }
            : null;
        const agent = createAgent({
          model: 'claude-sonnet-5-5',
          client: clientOf(emulator.fetch, { maxRetries: 0 }),
          tools: [look],
          maxTokens: 3000,
          limits: { usd },
          cache: '1h',
          seams: { timer: life.timer(hurried) },
        });
        const work = async (): Promise<boolean> => {
          const session = await opened.open({ agent, store: mortalStore(kept, life, crash), id: 's' });
          if (session.pending) await session.resume().catch(() => {});
          else if (session.messages.length === 0) await session.run('Go.').catch(() => {});
          return true;
        };
        if (await Promise.race([life.died.then(() => false), work()])) break;
      }
      opened.close();
      expect(emulator.bill.usd).toBeLessThanOrEqual(usd);
    }
  });
});
