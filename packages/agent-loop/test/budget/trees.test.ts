import { createEmulator, type Emulator, fault, reply, toolUse } from '@pawl/emulator';
import { describe, expect, test } from 'vitest';
import { randomFrom } from '../../../stores/test/support/random.ts';
import { campaign, patienceMs } from '../../../../test/support/campaign.ts';
import {
  type Agent,
  type Budget,
  createAgent,
  createBudget,
  defineTool,
  openSession,
  type Seams,
  type Session,
  type Tool,
} from '../../src/index.ts';
import { systemSeams } from '../../src/seams.ts';
import { memoryStore } from '../../src/store.ts';
import { clientOf } from '../loop/stage.ts';
import { Life, mortalStore } from '../session/crash-world.ts';

const look = defineTool({
  name: 'look',
  description: 'Looks.',
  effect: 'read',
  input: { type: 'object' },
  run: () => 'seen',
});

/** A lead that asks four workers at once, turn after turn; each looks as long as it may. All write all they can. */
function greedyTree(cut: () => boolean): Emulator {
  return createEmulator({
    respond({ body }) {
      const usage = { output_tokens: body.max_tokens };
      if (cut()) return reply('word '.repeat(400), { fault: fault.cut({ afterEvents: 100 }) });
      if (body.tool_choice?.type === 'none') return reply('Closed.', { usage });
      if (body.system === 'worker') return reply(toolUse('look', {}), { usage });
      const calls = Array.from({ length: 4 }, (_, index) => toolUse('worker', { task: `Part ${index}.` }));
      return reply(calls, { usage });
    },
  });
}

/** Waits a hundredth of the time. */
const hurried: Seams['timer'] = (ms, fire) => systemSeams.timer(ms / 100, fire);

interface TreeOptions {
  readonly shared?: Budget;
  readonly tools?: readonly Tool[];
  readonly timer?: Seams['timer'];
}

function tree(emulator: Emulator, usd: number, options: TreeOptions = {}): Agent {
  const { shared, tools = [look], timer = hurried } = options;
  const common = {
    model: 'claude-haiku-4-5',
    client: clientOf(emulator.fetch, { maxRetries: 0 }),
    maxTokens: 1200,
    cache: 'off',
    seams: { timer },
  } as const;
  const worker = createAgent({
    ...common,
    name: 'worker',
    system: 'worker',
    description: 'Works.',
    tools,
  });
  return createAgent({
    ...common,
    name: 'lead',
    system: 'lead',
    subagents: [worker],
    limits: { usd },
    ...(shared && { budget: shared }),
  });
}

describe('a tree of subagents', () => {
  test('a worker that waits for decisions again and again is counted once', async () => {
    const usage = { output_tokens: 1000 };
    const paint = defineTool({
      name: 'paint',
      description: 'Paints.',
      input: { type: 'object' },
      approve: true,
      run: () => 'painted',
    });
    const emulator = createEmulator({
      respond({ body }) {
        const turn = body.messages.filter(({ role }) => role === 'assistant').length;
        if (body.system === 'lead')
          return turn === 0 ? reply(toolUse('worker', { task: 'Paint.' })) : reply('Done.');
        return turn < 5 ? reply(toolUse('paint', {}, { id: `paint_${turn}` }), { usage }) : reply('Painted.');
      },
    });
    const store = memoryStore();
    for (let turn = 0; ; turn += 1) {
      // Five replies of 0.005 USD, and no more: were each pause counted again, it would be three times as much.
      await using session = await openSession({
        agent: tree(emulator, 0.06, { tools: [paint] }),
        store,
        id: 's',
      });
      if (turn > 0) await session.approve(`paint_${turn - 1}`, true);
      const { outcome, cost } = await (turn > 0 ? session.resume() : session.run('Go.'));
      if (outcome === 'awaiting-approval') continue;
      expect([turn, outcome, cost.usd]).toEqual([5, 'completed', emulator.bill.usd]);
      return;
    }
  });

  test('keeps to the limit of the run at its top, and its worker to the budget it is given', async () => {
    const emulator = greedyTree(() => false);
    const budget = createBudget({ usd: 0.2 });
    const result = await tree(emulator, 0.1, { shared: budget }).run('Go.');
    expect(result.outcome).toBe('budget-limit');
    expect(emulator.refusals).toEqual([]);
    expect(emulator.bill.usd).toBeLessThanOrEqual(0.1);
    expect(result.cost.usd).toBe(emulator.bill.usd);
    expect(await budget.state()).toMatchObject({ usd: emulator.bill.usd, reservedUsd: 0 });
  });

  const { trials, seed } = campaign({ suite: 10, ci: 250, full: 5000 });
  test('also when it is killed and resumed, again and again', { timeout: patienceMs }, async () => {
    let kills = 0;
    for (let trial = 0; trial < trials; trial += 1) {
      const random = randomFrom(seed + trial);
      const emulator = greedyTree(() => random.chance(0.1));
      const kept = memoryStore();
      const sessions: Session[] = [];
      const usd = 0.05 + random.next() * 0.1;
      for (let lives = 0; ; lives += 1) {
        const life = new Life();
        const crash =
          lives < 10
            ? ({ append: 1 + random.below(25), when: random.chance(0.5) ? 'before' : 'after' } as const)
            : null;
        const work = async (): Promise<boolean> => {
          const store = mortalStore(kept, life, crash);
          const agent = tree(emulator, usd, { timer: life.timer(hurried) });
          const session = await openSession({ agent, store, id: 's' });
          sessions.push(session);
          // Cut three times in a row, a run fails: it is over then.
          if (session.pending) await session.resume().catch(() => {});
          else if (session.messages.length === 0) await session.run('Go.').catch(() => {});
          return true;
        };
        if (await Promise.race([life.died.then(() => false), work()])) break;
        kills += 1;
      }
      for (const session of sessions) void session.close();
      expect(emulator.refusals).toEqual([]);
      expect(emulator.bill.usd).toBeLessThanOrEqual(usd);
    }
    console.log(`trees: ${kills} kills in ${trials} trials`);
  });
});
