import type { Amount } from './amount.ts';
import { ConfigError } from '../errors.ts';
import { shown } from '../option-checks.ts';
import { amountOf, usdOf } from './ledger.ts';
import { plus } from './pricing.ts';
import type { Cost, Step } from '../loop/result.ts';

/** One step of a run, as a line of its bill. */
export interface CostRow {
  /** Counts the rows from 1. */
  readonly step: number;
  readonly agent: string;
  readonly model: string;
  /** The tools it called, in call order. */
  readonly tools: readonly string[];
  /** Prompt tokens that were not read from the cache: those that were written to it are among them. */
  readonly input: number;
  /** Prompt tokens read from the cache. */
  readonly cached: number;
  /** Thinking included. */
  readonly output: number;
  /** USD, or null where no price is known. 0 where the reply was lost. */
  readonly usd: number | null;
  /** Running total in USD; null from the first step on that has no price. */
  readonly totalUsd: number | null;
  /** Estimate in USD of what a lost reply was billed. Present where the reply was lost; not part of the totals. */
  readonly lostUsd?: number | null;
}

/** The bill of a run or a session, ready to be shown. */
export interface CostReport {
  readonly rows: readonly CostRow[];
  /** The sums of the rows. */
  readonly total: Pick<CostRow, 'input' | 'cached' | 'output' | 'usd'> & Pick<Cost, 'lostUsd' | 'unpriced'>;
  readonly cache: {
    /** Tokens written to the cache. */
    readonly written: number;
    /** Tokens read from it. */
    readonly read: number;
    /** What it saved in USD: below 0 where writing cost more than reading saved, null where a price is not known. */
    readonly savedUsd: number | null;
    /** The steps that read less than could have been read, and why. */
    readonly misses: readonly { readonly step: number; readonly reason: string }[];
  };
}

/**
 * The bill of a run (`RunResult`, or a `RunError` that carries one) or of a session as rows: one per model call, those of
 * subagents included, in the order in which they were counted. For tables, logs and spreadsheets; it prints nothing.
 */
export function costReport(source: {
  readonly steps: readonly Step[];
  readonly cost?: Cost | undefined;
}): CostReport {
  const { steps, cost } = checked(source);
  const rows: CostRow[] = [];
  const misses: CostReport['cache']['misses'][number][] = [];
  const sums = { input: 0, cached: 0, output: 0 };
  let [written, total, saved]: [number, Amount | null, Amount | null] = [0, 0n, 0n];
  for (const step of steps) {
    const number = rows.length + 1;
    const tokens = tokensOf(step);
    for (const kind of ['input', 'cached', 'output'] as const) sums[kind] += tokens[kind];
    written += step.usage.cache_creation_input_tokens;
    saved = plus(saved, amountOf(step.savedUsd));
    total = plus(total, amountOf(step.usd));
    if (step.cacheMiss !== undefined) misses.push({ step: number, reason: step.cacheMiss });
    rows.push(rowOf(step, number, usdOf(total)));
  }
  const { lostUsd = null, unpriced = [] } = cost ?? {};
  return {
    rows,
    total: { ...sums, usd: usdOf(total), lostUsd, unpriced },
    cache: { written, read: sums.cached, savedUsd: usdOf(saved), misses },
  };
}

type CostSource = Parameters<typeof costReport>[0];

function checked(source: CostSource): CostSource {
  if (Array.isArray((Object(source) as Partial<CostSource>).steps)) return source;
  throw new ConfigError(
    'costReport',
    `expected a result, a RunError or a session, which have steps, got ${shown(source)}. A promise has to be awaited first.`,
  );
}

function rowOf(step: Step, number: number, totalUsd: number | null): CostRow {
  const { agent, model, tools, usd, lost, lostUsd = null } = step;
  return { step: number, agent, model, tools, ...tokensOf(step), usd, totalUsd, ...(lost && { lostUsd }) };
}

function tokensOf({ usage }: Step): Pick<CostRow, 'input' | 'cached' | 'output'> {
  return {
    input: usage.input_tokens + usage.cache_creation_input_tokens,
    cached: usage.cache_read_input_tokens,
    output: usage.output_tokens,
  };
}
