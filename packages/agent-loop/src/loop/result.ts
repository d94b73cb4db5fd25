import type { Message, MessageParam } from '../api.ts';
import type { Usage } from '../money/usage.ts';

/**
 * How a run ended. Limits are outcomes, not exceptions.
 *
 * - `completed`: the model finished.
 * - `turn-limit`, `budget-limit`, `time-limit`: a limit of the run was reached; the transcript can be continued.
 * - `refused`: the model declined. `truncated`: a reply was cut by `maxTokens`. `context-full`: by the context window.
 * - `stopped`: `stop()` or the signal. `awaiting-approval`: calls wait for a decision, see `pending`.
 */
export type Outcome =
  | 'completed'
  | 'turn-limit'
  | 'budget-limit'
  | 'time-limit'
  | 'refused'
  | 'truncated'
  | 'context-full'
  | 'stopped'
  | 'awaiting-approval';

/** A tool call that waits for a decision. */
export interface PendingApproval {
  /** The id of the call (`tool_use.id`). */
  readonly callId: string;
  readonly tool: string;
  /** The input as the model sent it. A changed one is checked like it. */
  readonly input: unknown;
  /** The agent that asks. */
  readonly agent: string;
  /** The session of the subagent that asks; left out for the session's own calls. */
  readonly session?: string;
}

/** What a run waits for. */
export interface Pending {
  readonly reason: 'interrupted' | 'awaiting-approval';
  readonly approvals: readonly PendingApproval[];
}

/** One model call of a run and the tools it asked for. */
export interface Step {
  /** The run that made it: that of a subagent for its calls. */
  readonly runId: string;
  /** Counts the model calls of the run from 1. */
  readonly turn: number;
  readonly agent: string;
  /** The model that answered, as the reply names it. */
  readonly model: string;
  /** Names of the tools called, in call order. */
  readonly tools: readonly string[];
  /** Names of the tools whose results were new in its request, one for each call, in the order of the alphabet. */
  readonly reads: readonly string[];
  readonly usage: Usage;
  /** Price in USD, or null where no price is known. 0 where the reply was lost. */
  readonly usd: number | null;
  /** Tokens and price by model, where passes of other models were part of the reply: an advisor, a fallback. */
  readonly byModel?: Readonly<Record<string, CostPart>>;
  /** What the cache saved in USD, below 0 where writing cost more than reading saved; null where no price is known. */
  readonly savedUsd: number | null;
  /** Why less was read from the cache than could have been, where it is known. */
  readonly cacheMiss?: string;
  /** Whether the reply broke off; `usage` then holds what the server had reported. One of which it told nothing is no step. */
  readonly lost: boolean;
  /** Estimate in USD of what a lost reply was billed, or null where no price is known. Not part of `usd`. */
  readonly lostUsd?: number | null;
  /** Epoch milliseconds. */
  readonly startedAt: number;
  /** From the request to the whole reply, in milliseconds. */
  readonly durationMs: number;
}

/** Tokens and money of a part of a run. */
export interface CostPart {
  readonly usage: Usage;
  /** USD, or null where a model in it has no known price. */
  readonly usd: number | null;
}

/**
 * What a run cost. An unknown price is null, never guessed. All sums are exact: the steps add up to `usd`, and so do the
 * parts by model and by agent, to the last digit.
 */
export interface Cost {
  /** USD of all whole replies, or null where a model in it has no known price. */
  readonly usd: number | null;
  /**
   * Estimate in USD for replies that never arrived whole, not part of `usd`; null where no price is known. Of all of them:
   * those of which nothing came back are no steps.
   */
  readonly lostUsd: number | null;
  /** Models whose tokens are counted but have no known price. */
  readonly unpriced: readonly string[];
  readonly byModel: Readonly<Record<string, CostPart>>;
  readonly byAgent: Readonly<Record<string, CostPart>>;
  /**
   * By the tools whose results a reply was asked with: what it cost to read them. A reply that read the results of several
   * calls is divided evenly among them, so nothing is counted twice; one that read none is in no part.
   */
  readonly byTool: Readonly<Record<string, CostPart>>;
}

/** What is known of a run, whether it ended well or not. */
export interface PartialRunResult {
  readonly runId: string;
  /** Text of the last reply, also of one that broke off. */
  readonly text: string;
  /** Model calls made. */
  readonly turns: number;
  /** The transcript. Always one that the API accepts: calls without a result are answered with a note that says so. */
  readonly messages: readonly MessageParam[];
  readonly usage: Usage;
  readonly cost: Cost;
  readonly steps: readonly Step[];
}

/** What a run returns. */
export interface RunResult<Output = unknown> extends PartialRunResult {
  readonly outcome: Outcome;
  /** The validated output where the agent has an `output` schema and the run completed; otherwise null. */
  readonly output: Output | null;
  /** The last whole reply as the API gave it (a refused one too), with stop reason and raw usage. */
  readonly reply: Message | null;
  /** Calls that wait for a decision, where the outcome is `awaiting-approval`. */
  readonly pending: Pending | null;
  /** Why the run ended where the outcome alone does not say: the reason given to `stop()`, the limit, the refusal. */
  readonly reason: string | null;
}
