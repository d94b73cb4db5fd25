import { compaction, reply, type ReplySpec, text, toolUse } from '@pawl/emulator';
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { type AgentOptions, compactionWorth, createAgent, defineTool } from '../../src/index.ts';
import { type AutoCompaction, choosePlan, type CompactionPlan } from '../../src/money/compaction-plan.ts';
import { standardPricing } from '../../src/money/pricing.ts';
import { memoryStore } from '../../src/store.ts';
import { replaySession } from '../../src/testkit/index.ts';
import { campaign } from '../../../../test/support/campaign.ts';
import { play, type Played, stage, type Stage, story } from '../loop/stage.ts';
import { types, world } from '../session/world.ts';

const context = { compactAt: 'auto', countFrom: false } as const;
const look = defineTool({
  name: 'look',
  description: 'Looks.',
  effect: 'once',
  input: { type: 'object' },
  run: () => 'seen',
});
/** A reply on a prompt of so many tokens, all but a thousand of them from the cache. */
const usageOf = (prompt: number) => ({
  input_tokens: 0,
  output_tokens: 100,
  cache_creation_input_tokens: 1000,
  cache_read_input_tokens: prompt - 1000,
});
const asks = (prompt: number): ReplySpec => reply([toolUse('look')], { usage: usageOf(prompt) });
/** The reply that begins with a summary of such a prompt. */
const compacts = (from: number, to: number): ReplySpec =>
  reply([compaction('They look.'), text('On.'), toolUse('look')], {
    usage: {
      ...usageOf(to),
      iterations: [
        { type: 'compaction', input_tokens: 100, output_tokens: 900, cache_read_input_tokens: from },
        { type: 'message', ...usageOf(to) },
      ],
    } as never,
  });

/** From which prompt size on the API compacts, as each request says. */
const thresholds = ({ emulator }: Pick<Stage, 'emulator'>): (number | undefined)[] =>
  emulator.requests.map(({ body }) => {
    const { edits = [] } = (body?.['context_management'] ?? {}) as {
      edits?: { trigger: { value: number } }[];
    };
    return edits.at(-1)?.trigger.value;
  });

interface Autos extends Played {
  readonly set: Stage;
}
async function played(steps: readonly ReplySpec[], options: Partial<AgentOptions> = {}): Promise<Autos> {
  const set = stage({ context, tools: [look], steps: [...steps, reply('Done.')], ...options });
  const result = await play(set.agent);
  expect(set.emulator.refusals).toEqual([]);
  set.emulator.assertDone();
  return { set, ...result };
}

describe("compactAt: 'auto'", () => {
  it('compacts from where a summary pays within as many turns as there have been, and says by which figures', async () => {
    const long = [asks(200_000), asks(200_400), asks(200_900), asks(201_300)];
    const { set, events } = await played([...long, compacts(201_700, 7000), asks(8000)]);
    // Once 6,000 x 10 and 6,047 x 2.50, a turn 195,253 x 0.10, in USD per million tokens: it needs four turns.
    const plan = events.find((event) => event.type === 'compaction-plan');
    expect(plan).toMatchObject({
      turn: 5,
      compactAt: 201_000,
      promptTokens: 201_300,
      summaryTokens: 6000,
      paysAfter: 4,
      likelyTurns: 4,
    });
    const { promptTokens = 0, toTokens = 0, summaryTokens = 0, onceUsd, perTurnUsd } = plan ?? {};
    const worth = compactionWorth({
      model: 'claude-sonnet-5-5',
      fromTokens: promptTokens,
      toTokens,
      summaryTokens,
    });
    expect({ onceUsd, perTurnUsd }).toEqual({ onceUsd: worth?.onceUsd, perTurnUsd: worth?.perTurnUsd });
    const lines = story(events).filter((line) => /^(request|compaction)/.test(line));
    expect(lines).toEqual([
      'request 1.1',
      'request 2.1',
      'request 3.1',
      'request 4.1',
      'compaction-plan',
      'request 5.1',
      'compaction',
      'request 6.1',
      'request 7.1',
    ]);
    // The one request that says another size is the one that is compacted: nothing that is cached is lost for it.
    expect(thresholds(set)).toEqual([...Array(4).fill(800_000), ...Array(3).fill(201_000)]);
    expect(events.find((event) => event.type === 'compaction')).toMatchObject({
      turn: 5,
      fromTokens: 201_800,
      toTokens: 7000,
    });
  });

  it('changes nothing of the request but that size', async () => {
    const { set } = await played([1, 2, 3, 4, 5].map((each) => asks(200_000 + each)));
    const bodies = set.emulator.requests.map(({ bodyText }) =>
      bodyText
        .replace(/"context_management":\{"edits":\[\{.*?\}\}\]\}/, '')
        .replaceAll(/,"cache_control":\{"type":"ephemeral"(?:,"ttl":"1h")?\}/g, ''),
    );
    for (const [index, body] of bodies.entries()) {
      const before = bodies[index - 1];
      if (before !== undefined) expect(body.startsWith(before.slice(0, -2))).toBe(true);
    }
  });

  it.each<[why: string, prompts: readonly number[], options: Partial<AgentOptions>]>([
    ['below the least that the API compacts', Array(20).fill(49_000), {}],
    ['where too few turns can follow', Array(7).fill(200_000), { limits: { turns: 8 } }],
    ['before there were as many turns as it needs', Array(3).fill(200_000), {}],
    ['where no price is known', Array(8).fill(200_000), { model: 'claude-next' }],
    [
      'below where tool results are cleared',
      Array(8).fill(200_000),
      { context: { ...context, clearToolUsesAt: 200_000 } },
    ],
  ])('does not compact %s', async (_, prompts, options) => {
    const world = { validate: 'off' } as const;
    const { set, events } = await played(prompts.map(asks), { ...options, world } as never);
    expect(events.some(({ type }) => type === 'compaction-plan')).toBe(false);
    expect(new Set(thresholds(set))).toEqual(new Set([800_000]));
  });

  it.each([
    ['claude-opus-5-5', 32_000, 800_000],
    ['claude-opus-5-5', 128_000, 772_000],
  ])('always compacts before the window is full: %s with replies of %i', async (model, maxTokens, latest) => {
    const { set } = await played([], { model, maxTokens });
    expect(thresholds(set)).toEqual([latest]);
    expect(set.emulator.requests[0]?.headers['anthropic-beta']).toBe('compact-2026-01-12');
  });

  it('leaves models alone that the API does not compact', async () => {
    const make = (model: string) => () => createAgent({ model, context });
    for (const model of [
      'claude-haiku-4-5',
      'claude-sonnet-4-5-20250929',
      'claude-opus-4-20250514',
      'claude-3-opus-20240229',
    ])
      expect(make(model)).toThrow(`context.compactAt: is nothing that the API has for the model "${model}".`);
    for (const model of ['claude-sonnet-4-6', 'claude-opus-4-8', 'claude-haiku-5-5', 'my-model'])
      expect(make(model)).not.toThrow();
    const { set } = await played([], { route: () => 'claude-haiku-4-5' });
    expect(set.emulator.requests[0]?.body).not.toHaveProperty('context_management');
  });
});

describe('a session', () => {
  const steps = [...Array(4)].map((_, index) => reply('So.', { usage: usageOf(200_000 + index) }));

  it('decides once, in whatever process, and forks go on with it', async () => {
    const w = world({ store: memoryStore(), context, steps: [...steps, ...steps] });
    for (let run = 0; run < 6; run += 1) {
      const session = await w.open();
      await session.run('And?');
      if (run === 5) await (await session.fork({ id: 'fork' })).run('And here?');
      await session.close();
    }
    expect(thresholds(w)).toEqual([...Array(4).fill(800_000), ...Array(3).fill(200_000)]);
    const entries = await w.entries();
    expect(types(entries).filter((type) => type === 'compaction-plan' || type === 'settings')).toEqual([
      'settings',
      'compaction-plan',
    ]);
    // The decision is part of the recording.
    const replayed = await replaySession(await w.entries(), w.agent());
    expect(replayed.at(-1)?.text).toBe('So.');
  });

  it('decides anew where its agent is another', async () => {
    const w = world({ store: memoryStore(), context, steps: [...steps, ...steps] });
    for (let run = 0; run < 5; run += 1) await runOnce(w, {});
    await runOnce(w, { system: 'Be brief.' });
    const decided = (await w.entries()).filter(({ type }) => type === 'compaction-plan');
    expect(decided).toHaveLength(2);
  });
});

test('a run that did not fit the window is replayed as such', async () => {
  const tools = [defineTool({ ...looking, run: () => 'abc '.repeat(300_000) })];
  const steps = [reply(toolUse('look', {}, { id: 'toolu_1' }))];
  const w = world({ store: memoryStore(), model: 'claude-haiku-4-5', tools, steps });
  const session = await w.open();
  expect((await session.run('Look.')).outcome).toBe('context-full');
  await session.close();
  const [replayed] = await replaySession(await w.entries(), w.agent());
  expect(replayed?.outcome).toBe('context-full');
});

const looking = {
  name: 'look',
  description: 'Looks.',
  effect: 'read',
  input: { type: 'object' },
  maxResultBytes: 1e7,
} as const;

async function runOnce(w: ReturnType<typeof world>, options: Partial<AgentOptions>): Promise<void> {
  const session = await w.open(options, { onPrefixChange: 'drop-thinking' });
  await session.run('And?');
  await session.close();
}

const MODELS = ['claude-sonnet-5-5', 'claude-opus-5-5', 'claude-haiku-5-5', 'claude-fable-5-2'] as const;
const at = Date.UTC(2026, 10, 20);
const plan = (
  model: string,
  promptTokens: number,
  turns: number,
  more: Partial<AutoCompaction> = {},
): CompactionPlan | null =>
  choosePlan({
    auto: { least: 50_000, cache: '5m', ...more },
    params: { model, max_tokens: 1000, system: 'x'.repeat(7000), stream: true },
    pricing: standardPricing(),
    at,
    promptTokens,
    turns,
    turnsLeft: Infinity,
  });

test('whatever the conversation, it is decided for a summary exactly where that pays within the turns that are likely', () => {
  const tokens = fc.integer({ min: 40_000, max: 1_000_000 });
  const turns = fc.integer({ min: 0, max: 60 });
  fc.assert(
    fc.property(
      fc.constantFrom(...MODELS),
      tokens,
      turns,
      fc.constantFrom('5m', '1h', 'off'),
      (model, from, so, cache) => {
        const decided = plan(model, from, so, { cache: cache as '5m' });
        const sizes = { model, fromTokens: from, toTokens: 8000, summaryTokens: 6000, cache: cache as '5m' };
        const needed = compactionWorth(sizes)?.turns ?? Infinity;
        expect(decided !== null).toBe(from >= 50_000 && so > 0 && needed <= so);
        if (!decided) return;
        expect(decided.compactAt).toBeLessThanOrEqual(from);
        expect(decided.compactAt).toBeGreaterThanOrEqual(50_000);
      },
    ),
    { numRuns: campaign({ suite: 200, ci: 2000, full: 20_000 }).trials },
  );
});

/** What a conversation costs that grows evenly: reads, writes and summaries, in USD; what it says itself is the same either way. */
function costOf(model: string, growth: number, turns: number, decides: boolean): number {
  const rate = (key: 'read' | 'write5m' | 'output', prompt: number): number => {
    const rates = standardPricing().rates.of(model, { at, promptTokens: prompt });
    return Number(rates?.[key] ?? 0n) / 1e18;
  };
  let usd = 0;
  let prompt = 2000;
  let threshold = Infinity;
  for (let turn = 1; turn <= turns; turn += 1) {
    if (decides && threshold === Infinity) threshold = plan(model, prompt, turn - 1)?.compactAt ?? Infinity;
    if (prompt >= threshold) {
      usd += prompt * rate('read', prompt) + 6000 * rate('output', prompt) + 8000 * rate('write5m', 8000);
      prompt = 8000;
    }
    usd += prompt * rate('read', prompt) + growth * rate('write5m', prompt + growth);
    prompt += growth;
  }
  return usd;
}

test('a long conversation becomes cheaper, and a short one never dearer than twice what it was', () => {
  expect(
    costOf('claude-sonnet-5-5', 2000, 300, true) / costOf('claude-sonnet-5-5', 2000, 300, false),
  ).toBeLessThan(0.35);
  fc.assert(
    fc.property(
      fc.constantFrom(...MODELS),
      fc.integer({ min: 200, max: 20_000 }),
      fc.integer({ min: 1, max: 45 }),
      (model, growth, turns) => {
        const never = costOf(model, growth, turns, false);
        expect(costOf(model, growth, turns, true)).toBeLessThan(2 * never);
      },
    ),
    { numRuns: campaign({ suite: 100, ci: 1000, full: 10_000 }).trials },
  );
});
