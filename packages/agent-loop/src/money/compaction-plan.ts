import type { RequestParams } from '../api.ts';
import type { AgentSpec } from '../agent/agent-spec.ts';
import { headBytes } from '../cache/cache-marks.ts';
import { worthOf } from './compaction-worth.ts';
import { windowOf } from './context-window.ts';
import type { CompactionPlanEvent } from '../journal/events.ts';
import type { Pricing } from './pricing.ts';
import type { RunState } from '../loop/run-state.ts';

/** What `compactAt: 'auto'` decides by, beside the conversation. */
export interface AutoCompaction {
  /** The lowest prompt size, in tokens, that it may choose. */
  readonly least: number;
  /** How prompts are cached. */
  readonly cache: '5m' | '1h' | 'off';
}

/** How far a conversation has come. */
export interface CompactionOutlook {
  readonly auto: AutoCompaction;
  readonly params: RequestParams;
  readonly pricing: Pricing;
  readonly at: number;
  /** The last prompt, in tokens. */
  readonly promptTokens: number;
  /** Turns so far, and the most that can follow: Infinity where nobody can tell. */
  readonly turns: number;
  readonly turnsLeft: number;
}

export type CompactionPlan = Pick<
  CompactionPlanEvent,
  | 'compactAt'
  | 'promptTokens'
  | 'toTokens'
  | 'summaryTokens'
  | 'paysAfter'
  | 'likelyTurns'
  | 'onceUsd'
  | 'perTurnUsd'
>;

/** What a summary is taken to have, in tokens: nobody knows before it is written. */
const SUMMARY_TOKENS = 6000;
/** Of tools and system prompts. */
const BYTES_PER_TOKEN = 3.5;
/** The share of the window that may be filled before a summary is made at any price, and that stays free beside a reply. */
const LATEST = { filled: 0.8, free: 0.1 };
/** Thresholds are round numbers. */
const STEP = 1000;
const EDIT = 'compact_20260112';

/**
 * Whether a summary pays from here on; null while it does not. As many turns are expected to follow as there have been, for
 * nothing else is known of how long a conversation will be, but no more than can follow. A summary pays where it has paid
 * for itself by then.
 */
export function choosePlan(outlook: CompactionOutlook): CompactionPlan | null {
  const { auto, params, pricing, at, promptTokens, turns, turnsLeft } = outlook;
  const likelyTurns = Math.min(turns, turnsLeft);
  if (promptTokens < auto.least || likelyTurns < 1) return null;
  const summaryTokens = SUMMARY_TOKENS;
  const toTokens = summaryTokens + Math.ceil(headBytes(params) / BYTES_PER_TOKEN);
  const { model, speed, inference_geo: geo } = params;
  const sizes = { model, fromTokens: promptTokens, toTokens, summaryTokens, cache: auto.cache };
  const worth = worthOf(pricing, { at, speed, geo }, sizes);
  if (!worth || worth.turns === null || worth.turns > likelyTurns) return null;
  const compactAt = Math.max(Math.floor(promptTokens / STEP) * STEP, auto.least);
  const { turns: paysAfter, onceUsd, perTurnUsd } = worth;
  return { compactAt, promptTokens, toTokens, summaryTokens, paysAfter, likelyTurns, onceUsd, perTurnUsd };
}

/**
 * Decides, before a turn, from which prompt size on the API is to compact; once in a conversation, and kept. Until then the
 * API does so only before the window is full. The request that says another size than those before it is the one that is
 * compacted, so nothing that is cached is given up for it. Undefined, and no time taken, where there is nothing to decide.
 */
export function planCompaction(run: RunState, turn: number): Promise<void> | undefined {
  const { spec, state, params } = run;
  const { autoCompaction: auto } = spec;
  const promptTokens = state.cache.last?.prompt ?? 0;
  if (!auto || state.compactAt !== null || promptTokens < auto.least || !autoEditOf(params)) return undefined;
  const plan = choosePlan({
    auto,
    params,
    promptTokens,
    pricing: spec.pricing,
    at: run.seams.now(),
    turns: run.conversationTurns,
    turnsLeft: run.lasts ? Infinity : spec.limits.turns - turn,
  });
  return plan ? run.record({ type: 'compaction-plan', turn, ...plan }) : undefined;
}

/** The prompt size, in tokens, at which a summary is made at any price: the window would be full soon. */
export function latestCompaction(model: string, maxTokens: number, least: number): number {
  const window = windowOf(model);
  const latest = Math.min(window * LATEST.filled, window * (1 - LATEST.free) - maxTokens);
  return Math.max(Math.floor(latest / STEP) * STEP, least);
}

/** Models that the API does not compact. See https://platform.claude.com/docs/en/build-with-claude/compaction-threshold */
const NOT_COMPACTED = /^claude-(3|haiku-4|(opus|sonnet)-4-([015](?!\d)|\d{8}))/;

/** Whether the API compacts prompts of this model. */
export function isCompacted(model: string): boolean {
  return !NOT_COMPACTED.test(model);
}

interface Edits {
  readonly edits?: readonly { readonly type: string }[];
}

function editsOf(params: RequestParams): Edits['edits'] {
  return (params as { readonly context_management?: Edits }).context_management?.edits;
}

function autoEditOf(params: RequestParams): object | undefined {
  return editsOf(params)?.find(({ type }) => type === EDIT);
}

const planned = new WeakMap<RequestParams, Map<number, RequestParams>>();

/** The same fields with another threshold: the same object for the same one. */
export function compactingAt(params: RequestParams, compactAt: number): RequestParams {
  let known = planned.get(params);
  if (!known) planned.set(params, (known = new Map()));
  let made = known.get(compactAt);
  if (!made) known.set(compactAt, (made = withThreshold(params, compactAt)));
  return made;
}

/** The fields for another model, which may have another window, or not be compacted at all. */
export function compactingFor(spec: Pick<AgentSpec, 'autoCompaction'>, params: RequestParams): RequestParams {
  const { autoCompaction: auto } = spec;
  const { model, max_tokens: maxTokens } = params;
  if (!auto) return params;
  return withThreshold(params, isCompacted(model) ? latestCompaction(model, maxTokens, auto.least) : null);
}

function withThreshold(params: RequestParams, value: number | null): RequestParams {
  const edits = editsOf(params);
  if (!edits) return params;
  const { context_management: _, ...others } = params as RequestParams & { context_management?: unknown };
  const changed = edits.flatMap((edit) => {
    if (edit.type !== EDIT) return [edit];
    return value === null ? [] : [{ ...edit, trigger: { type: 'input_tokens', value } }];
  });
  if (changed.length === 0) return others;
  // In the place that it had: the order of fields is that of the bytes.
  return { ...params, context_management: { edits: changed } } as RequestParams;
}
