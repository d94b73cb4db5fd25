import type { Effort, ModelSpec, Prices, ThinkingForm } from './model-spec.ts';

const all: readonly Effort[] = ['low', 'medium', 'high', 'xhigh', 'max'];
const four: readonly Effort[] = ['low', 'medium', 'high', 'max'];
const three: readonly Effort[] = ['low', 'medium', 'high'];

function prices(input: number, output: number, write5m: number, write1h: number, read: number): Prices {
  return { input, output, write5m, write1h, read };
}

/** What models of one generation share; each model overrides what differs. */
const base = {
  maxInputTokens: 1_000_000,
  maxTokens: 128_000,
  minCacheTokens: 512,
  lifecycle: 'active',
  retiresAt: null,
  efforts: all,
  defaultEffort: 'high',
  thinking: ['adaptive'] as readonly ThinkingForm[],
  thinkingWhenOmitted: true,
  thinkingDisplay: 'omitted',
  disabledUpToHigh: false,
  forcedToolChoice: true,
  binding: 'never',
  midConversationSystem: true,
  regions: true,
  prefill: false,
  tokenFactor: 1.3,
  toolTokens: { auto: 346, forced: 466 },
} as const;

const fable5 = prices(10, 50, 12.5, 20, 1);
const fable51 = prices(10, 50, 12.5, 20, 0.25);
const opus5 = prices(5, 25, 6.25, 10, 0.5);
const opusFast = prices(10, 50, 12.5, 20, 1);
const sonnet4 = prices(3, 15, 3.75, 6, 0.3);

const fable52: Omit<ModelSpec, 'id' | 'displayName' | 'line'> = {
  ...base,
  createdAt: '2026-11-09T00:00:00Z',
  prices: prices(8, 40, 10, 16, 0.2),
  fastPrices: prices(16, 80, 20, 32, 0.4),
  forcedToolChoice: false,
  binding: 'everyone',
  rateGroup: 'fable-5-2',
};

const older = {
  ...base,
  thinkingWhenOmitted: false,
  thinkingDisplay: 'summarized',
  midConversationSystem: false,
  tokenFactor: 1,
} as const;

const budgetOnly = {
  ...older,
  maxInputTokens: 200_000,
  maxTokens: 64_000,
  minCacheTokens: 4096,
  thinking: ['enabled', 'disabled'] as readonly ThinkingForm[],
  forcedToolChoice: 'not-while-thinking',
  regions: false,
  prefill: true,
  toolTokens: { auto: 496, forced: 588 },
} as const;

/**
 * The models of the catalogue of 2026-11-19 with limits, prices in USD per million tokens, and what each accepts.
 * Extra prompt tokens for tools are not published for the 5.5 and 5.2 models: 346 and 466 stand in for them.
 */
export const catalogue: readonly ModelSpec[] = [
  { ...fable52, id: 'claude-fable-5-2', displayName: 'Claude Fable 5.2', line: 'fable' },
  {
    ...fable52,
    id: 'claude-mythos-5-2',
    displayName: 'Claude Mythos 5.2',
    line: 'mythos',
    fastPrices: undefined,
  },
  {
    ...base,
    id: 'claude-fable-5-1',
    displayName: 'Claude Fable 5.1',
    line: 'fable',
    createdAt: '2026-09-01T00:00:00Z',
    prices: fable51,
    forcedToolChoice: false,
    binding: 'new',
    rateGroup: 'fable-5',
  },
  {
    ...base,
    id: 'claude-mythos-5-1',
    displayName: 'Claude Mythos 5.1',
    line: 'mythos',
    createdAt: '2026-09-01T00:00:00Z',
    prices: fable51,
    forcedToolChoice: false,
    binding: 'new',
    rateGroup: 'mythos-5',
  },
  {
    ...base,
    id: 'claude-fable-5',
    displayName: 'Claude Fable 5',
    line: 'fable',
    createdAt: '2026-06-09T00:00:00Z',
    prices: fable5,
    rateGroup: 'fable-5',
  },
  {
    ...base,
    id: 'claude-mythos-5',
    displayName: 'Claude Mythos 5',
    line: 'mythos',
    createdAt: '2026-06-09T00:00:00Z',
    prices: fable5,
    rateGroup: 'mythos-5',
  },
  {
    ...base,
    id: 'claude-opus-5-5',
    displayName: 'Claude Opus 5.5',
    line: 'opus',
    createdAt: '2026-10-07T00:00:00Z',
    prices: prices(4, 20, 5, 8, 0.2),
    fastPrices: prices(8, 40, 10, 16, 0.4),
    defaultEffort: 'medium',
    forcedToolChoice: false,
    binding: 'new',
    rateGroup: 'opus-5-5',
  },
  {
    ...base,
    id: 'claude-opus-5',
    displayName: 'Claude Opus 5',
    line: 'opus',
    createdAt: '2026-07-24T00:00:00Z',
    prices: opus5,
    fastPrices: opusFast,
    fastBeta: 'fast-mode-2026-02-01',
    thinking: ['adaptive', 'disabled'],
    disabledUpToHigh: true,
    toolTokens: { auto: 286, forced: 406 },
    rateGroup: 'opus-5',
  },
  {
    ...base,
    id: 'claude-opus-4-8',
    displayName: 'Claude Opus 4.8',
    line: 'opus',
    createdAt: '2026-05-28T00:00:00Z',
    prices: opus5,
    fastPrices: opusFast,
    fastBeta: 'fast-mode-2026-02-01',
    minCacheTokens: 1024,
    thinking: ['adaptive', 'disabled'],
    thinkingWhenOmitted: false,
    forcedToolChoice: 'not-while-thinking',
    toolTokens: { auto: 290, forced: 410 },
    rateGroup: 'opus-4',
  },
  {
    ...base,
    id: 'claude-opus-4-7',
    displayName: 'Claude Opus 4.7',
    line: 'opus',
    createdAt: '2026-04-16T00:00:00Z',
    prices: opus5,
    minCacheTokens: 2048,
    thinking: ['adaptive', 'disabled'],
    thinkingWhenOmitted: false,
    forcedToolChoice: 'not-while-thinking',
    midConversationSystem: false,
    toolTokens: { auto: 675, forced: 804 },
    rateGroup: 'opus-4',
  },
  {
    ...older,
    id: 'claude-opus-4-6',
    displayName: 'Claude Opus 4.6',
    line: 'opus',
    createdAt: '2026-02-05T00:00:00Z',
    prices: opus5,
    minCacheTokens: 4096,
    efforts: four,
    thinking: ['adaptive', 'enabled', 'disabled'],
    forcedToolChoice: 'not-while-thinking',
    toolTokens: { auto: 497, forced: 589 },
    rateGroup: 'opus-4',
  },
  {
    ...budgetOnly,
    id: 'claude-opus-4-5-20251101',
    aliases: ['claude-opus-4-5'],
    displayName: 'Claude Opus 4.5',
    line: 'opus',
    createdAt: '2025-11-24T00:00:00Z',
    prices: opus5,
    efforts: three,
    rateGroup: 'opus-4',
  },
  {
    ...base,
    id: 'claude-sonnet-5-5',
    displayName: 'Claude Sonnet 5.5',
    line: 'sonnet',
    createdAt: '2026-10-07T00:00:00Z',
    prices: prices(2, 10, 2.5, 4, 0.1),
    thinking: ['adaptive', 'between_tools'],
    disabledUpToHigh: true,
    forcedToolChoice: false,
    binding: 'new',
    rateGroup: 'sonnet-5-5',
  },
  {
    ...base,
    id: 'claude-sonnet-5',
    displayName: 'Claude Sonnet 5',
    line: 'sonnet',
    createdAt: '2026-06-30T00:00:00Z',
    prices: prices(2, 10, 2.5, 4, 0.2),
    minCacheTokens: 1024,
    thinking: ['adaptive', 'disabled'],
    midConversationSystem: false,
    toolTokens: { auto: 354, forced: 474 },
    rateGroup: 'sonnet-5',
  },
  {
    ...older,
    id: 'claude-sonnet-4-6',
    displayName: 'Claude Sonnet 4.6',
    line: 'sonnet',
    createdAt: '2026-02-17T00:00:00Z',
    prices: sonnet4,
    minCacheTokens: 1024,
    efforts: four,
    thinking: ['adaptive', 'enabled', 'disabled'],
    forcedToolChoice: 'not-while-thinking',
    toolTokens: { auto: 497, forced: 589 },
    rateGroup: 'sonnet-4',
  },
  {
    ...budgetOnly,
    id: 'claude-sonnet-4-5-20250929',
    aliases: ['claude-sonnet-4-5'],
    displayName: 'Claude Sonnet 4.5',
    line: 'sonnet',
    createdAt: '2025-09-29T00:00:00Z',
    prices: sonnet4,
    lifecycle: 'deprecated',
    retiresAt: '2026-11-30T00:00:00Z',
    efforts: [],
    minCacheTokens: 1024,
    rateGroup: 'sonnet-4',
  },
  {
    ...base,
    id: 'claude-haiku-5-5',
    displayName: 'Claude Haiku 5.5',
    line: 'haiku',
    createdAt: '2026-10-07T00:00:00Z',
    prices: prices(0.1, 0.5, 0.125, 0.2, 0.01),
    longPrices: prices(0.5, 2.5, 0.625, 1, 0.05),
    longFrom: 100_000,
    defaultEffort: 'medium',
    thinking: ['adaptive', 'disabled'],
    disabledUpToHigh: true,
    binding: 'new',
    rateGroup: 'haiku-5-5',
  },
  {
    ...budgetOnly,
    id: 'claude-haiku-4-5-20251001',
    aliases: ['claude-haiku-4-5'],
    displayName: 'Claude Haiku 4.5',
    line: 'haiku',
    createdAt: '2025-10-01T00:00:00Z',
    prices: prices(1, 5, 1.25, 2, 0.1),
    efforts: [],
    rateGroup: 'haiku-4-5',
  },
];

/** The models by id and alias; `extra` adds or replaces. Retired models are not among them. */
export function modelTable(extra: readonly ModelSpec[] = []): ReadonlyMap<string, ModelSpec> {
  const table = new Map<string, ModelSpec>();
  for (const model of [...catalogue, ...extra]) {
    for (const id of [model.id, ...(model.aliases ?? [])]) table.set(id, model);
  }
  return table;
}
