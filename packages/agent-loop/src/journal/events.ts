import type { ContentBlockParam, Message, ReplyUsage, RequestParams, ToolResultContent } from '../api.ts';
import type { RunErrorCode } from '../errors.ts';
import type { Outcome, PendingApproval, Step } from '../loop/result.ts';
import type { ScriptEntry } from '../team/script-entries.ts';
import type { ToolEffect } from '../tools/tool.ts';
import type { Usage } from '../money/usage.ts';

interface EventBase {
  readonly runId: string;
  /** Name of the agent. */
  readonly agent: string;
  /** Epoch milliseconds. */
  readonly at: number;
  /** The run that started this one, for events of subagents. */
  readonly parentRunId?: string;
}

/** What every kept event has. */
export interface EntryBase extends EventBase {
  /** Position in the journal, counted from 0 without gaps. */
  readonly seq: number;
}

/** How a tool call ended. `unknown`: it was started and stopped waiting for; it may or may not have happened. */
export type ToolOutcome = 'ok' | 'error' | 'denied' | 'cancelled' | 'timeout' | 'unknown';

/** The run began, or goes on after an interruption (`resumed`), under the id it had. */
export interface RunStartEvent extends EntryBase {
  readonly type: 'run-start';
  readonly model: string;
  readonly resumed?: true;
}
/** A user message joined the transcript. `source` tells the caller's input from the loop's own: a request to correct an output or, where a budget is used up, to finish, or what became of background subagents. */
export interface InputEvent extends EntryBase {
  readonly type: 'input';
  readonly source: 'user' | 'output-check' | 'subagent' | 'budget';
  /** The sessions of the background subagents whose end this tells the model. */
  readonly children?: readonly string[];
  readonly content: string | readonly ContentBlockParam[];
}
/** A request is about to be sent. */
export interface RequestEvent extends EntryBase {
  readonly type: 'request';
  readonly turn: number;
  /** Counts the tries of this turn from 1. */
  readonly attempt: number;
  readonly model: string;
  readonly maxTokens: number;
  /** Size of the body. */
  readonly bytes: number;
  /** What budgets have reserved for it: the most it can use. Absent where there are none; USD null where they limit tokens alone. */
  readonly reserved?: { readonly usd: number | null; readonly tokens: number };
}
/** A piece of the answer's text. Not kept. */
export interface TextDeltaEvent extends EventBase {
  readonly type: 'text-delta';
  readonly text: string;
}
/** A piece of visible thinking. Not kept. */
export interface ThinkingDeltaEvent extends EventBase {
  readonly type: 'thinking-delta';
  readonly text: string;
}
/** A piece of a tool call's input, as JSON text. Not kept. */
export interface ToolInputDeltaEvent extends EventBase {
  readonly type: 'tool-input-delta';
  readonly callId: string;
  readonly tool: string;
  readonly partialJson: string;
}
/** A whole reply arrived. */
export interface ReplyEvent extends EntryBase {
  readonly type: 'reply';
  readonly turn: number;
  /** The reply as received, with raw usage. */
  readonly message: Message;
  /** Ids of its tool calls whose input was cut or is not JSON. They are never run. */
  readonly brokenCalls: readonly string[];
  /** The `request-id` header, to name in a support request. */
  readonly requestId: string | null;
  /** From the request to the first content, in milliseconds. */
  readonly firstTokenMs: number;
  readonly durationMs: number;
  /**
   * What it cost in USD by the prices of the moment it came, or null where none is known. Absent in journals that were
   * written before there were prices, which counts as null.
   */
  readonly usd?: number | null;
  /** The same by model, where passes of other models were part of it: an advisor, a fallback. */
  readonly usdByModel?: Readonly<Record<string, number | null>>;
  /** What the cache saved in USD: reads at less than the price of input, less what writing cost above it. */
  readonly savedUsd?: number | null;
  /** Why less was read from the cache than could have been, where it is known. */
  readonly cacheMiss?: string;
}
/** What a reply cost, told right after it. Not kept: the `reply` holds its price. */
export interface CostEvent extends EventBase {
  readonly type: 'cost';
  readonly turn: number;
  readonly model: string;
  /** USD, or null where no price is known. */
  readonly usd: number | null;
  /** The same of all of the run so far, its subagents that have ended included. */
  readonly totalUsd: number | null;
  readonly usage: Usage;
  readonly cache: {
    /** Tokens written to the cache. */
    readonly written: number;
    /** Tokens read from the cache. */
    readonly read: number;
    /** What the cache saved: below 0 where writing cost more than reading saved. Null where no price is known. */
    readonly savedUsd: number | null;
    /** Why less was read than could have been, where it is known. */
    readonly miss: string | null;
  };
}
/** A reply broke off before it was whole. Nothing of it joins the transcript. */
export interface ReplyLostEvent extends EntryBase {
  readonly type: 'reply-lost';
  readonly turn: number;
  readonly attempt: number;
  /** `interrupted`: the process ended while the request was under way, and nobody knows what the server did. */
  readonly code: RunErrorCode | 'stopped' | 'time-limit' | 'interrupted';
  readonly message: string;
  /** The text that had arrived. */
  readonly text: string;
  /** What the server had reported by then, or null. */
  readonly usage: Partial<ReplyUsage> | null;
  /** The most it can have used where the server told nothing: one token a byte of the request, and all of `maxTokens`. */
  readonly worst?: { readonly input_tokens: number; readonly output_tokens: number };
  /** It cost nothing: it never left, or the server answered with an error status. */
  readonly unbilled?: true;
  /** What the server may have billed in USD: an estimate. 0 where it bills nothing, null where no price is known. */
  readonly lostUsd?: number | null;
  readonly model: string;
  readonly durationMs: number;
}
/** A tool is about to run. */
export interface ToolStartEvent extends EntryBase {
  readonly type: 'tool-start';
  readonly turn: number;
  readonly callId: string;
  readonly tool: string;
  /** The input as the model, or the person who changed it, gave it; the tool gets what its schema makes of it. */
  readonly input: unknown;
  readonly effect: ToolEffect;
  /** Counts the tries of this call from 1. */
  readonly attempt: number;
  /** The same for every try of this call. */
  readonly idempotencyKey: string;
}
/** A tool reports how far it is. Not kept. */
export interface ToolProgressEvent extends EventBase {
  readonly type: 'tool-progress';
  readonly callId: string;
  readonly tool: string;
  readonly message: string;
}
/** A tool call ended, one way or another. Told in the order of ending; results go to the model in call order. */
export interface ToolEndEvent extends EntryBase {
  readonly type: 'tool-end';
  readonly turn: number;
  readonly callId: string;
  readonly tool: string;
  readonly outcome: ToolOutcome;
  /** What the model will read. */
  readonly content: ToolResultContent;
  /** 0 where the tool never started. */
  readonly durationMs: number;
}
/** A call needs a decision before it may run. */
export interface ApprovalRequestEvent extends EntryBase {
  readonly type: 'approval-request';
  readonly callId: string;
  readonly tool: string;
  readonly input: unknown;
}
/** A decision on a call. */
export interface ApprovalEvent extends EntryBase {
  readonly type: 'approval';
  readonly callId: string;
  readonly tool: string;
  /** The subagent's session that the decision was kept in, where the call is one of a subagent. */
  readonly session?: string;
  readonly allow: boolean;
  /** The input to run with, where the decision changed it. */
  readonly input?: unknown;
  readonly reason?: string;
}
/** Something failed and is tried again. `scope`: one HTTP request (by the SDK), or the whole turn (by the loop). Not kept. */
export interface RetryEvent extends EventBase {
  readonly type: 'retry';
  readonly scope: 'request' | 'turn';
  /** The try that follows, counted from 2. */
  readonly attempt: number;
  readonly reason: string;
}
/**
 * The run, a call of it or a step of a script waits before it goes on. Told as the wait begins, however short it will be,
 * and only where it can not go on at once. Not kept.
 *
 * - `retry`: something failed and is tried again.
 * - `rate-limit`: a limit is used up, or the server said to wait. `overloaded`: the server has too much to do.
 * - `concurrency`: as many are under way as may be: requests of a governor, calls of a run, steps of a script.
 * - `conflict`: an earlier call uses what this one would.
 * - `budget`: others have reserved what is left of a budget; what they do not use comes back.
 * - `cache`: another request is just writing the prefix that this one is to read.
 * - Of a governor also `spread`: a burst is spread out; `first-answer`: the answer to a first request tells the limits.
 */
export interface WaitEvent extends EventBase {
  readonly type: 'wait';
  readonly reason:
    | 'retry'
    | 'rate-limit'
    | 'overloaded'
    | 'concurrency'
    | 'conflict'
    | 'budget'
    | 'cache'
    | 'spread'
    | 'first-answer';
  /** How long, in milliseconds: as the server said, or by how long such waits took so far. */
  readonly delayMs: number;
  /** The call that waits, where it is one. */
  readonly callId?: string;
  /** The step that waits, where it is one of a script. */
  readonly path?: string;
}
/** The server went on with a summary in place of what came before. The sizes, in tokens, are there where the reply tells them. */
export interface CompactionEvent extends EntryBase {
  readonly type: 'compaction';
  readonly turn: number;
  /** The context that was summed up, at least. */
  readonly fromTokens?: number;
  /** The prompt that the reply was made from. */
  readonly toTokens?: number;
  /** The summary. */
  readonly summaryTokens?: number;
  /** The server could not make a summary: all is as before. */
  readonly failed?: true;
}
/**
 * With `context: { compactAt: 'auto' }`: from here on the API compacts prompts of `compactAt` tokens and more, because a
 * summary pays. It costs `onceUsd`, and makes every further turn `perTurnUsd` cheaper, so it has paid for itself after
 * `paysAfter` turns; `likelyTurns` are expected, as many as there have been or as can follow.
 */
export interface CompactionPlanEvent extends EntryBase {
  readonly type: 'compaction-plan';
  readonly turn: number;
  readonly compactAt: number;
  /** The last prompt, and what it will be after a compaction: tools, system prompt and a summary of about `summaryTokens`. */
  readonly promptTokens: number;
  readonly toTokens: number;
  readonly summaryTokens: number;
  readonly onceUsd: number;
  readonly perTurnUsd: number;
  readonly paysAfter: number;
  readonly likelyTurns: number;
}
/**
 * Something makes the run unusually dear, or it goes on without something. Told before the request is sent, or after its reply where only that shows it:
 * once for a request, and once in a run for each cause. Not kept.
 *
 * - `dear-request`: its prompt alone will cost more (`usd`, an estimate) than five times the median (`medianUsd`) of what
 *   earlier replies of the conversation did, of which there are three or more. Of its `promptTokens`, `cachedTokens` will
 *   be read from the cache and `newTokens` have joined since; `miss` says why what was cached can not be read.
 * - `dear-reply`: it did cost so much, which its request did not show.
 * - `dear-band`: the prompt is so long that every token has a higher price.
 * - `route`: `routeByAgent` got no decision, and goes on without.
 * - `window`: the prompt fills more than four fifths of the model's context window (`windowTokens`).
 */
export interface WarningEvent extends EventBase {
  readonly type: 'warning';
  readonly cause: 'dear-request' | 'dear-reply' | 'dear-band' | 'window' | 'route';
  readonly turn: number;
  /** The same in words. */
  readonly message: string;
  readonly usd?: number;
  readonly medianUsd?: number;
  readonly promptTokens?: number;
  readonly cachedTokens?: number;
  readonly newTokens?: number;
  readonly miss?: string;
  readonly windowTokens?: number;
}
/** A subagent, or a named step of a script, is about to run in a session of its own. Kept before that session is touched. */
export interface ChildStartEvent extends EntryBase {
  readonly type: 'child-start';
  /** The call that asked for it, or the name of the step. */
  readonly callId: string;
  readonly childRunId: string;
  /** The tool that was called; none for a step of a script. */
  readonly tool?: string;
  /** Name of its agent. */
  readonly child: string;
  /** The id of its session. */
  readonly session: string;
  readonly input: string | readonly ContentBlockParam[];
  /** Whether its parent goes on meanwhile. */
  readonly background?: true;
  /** Whether it goes on with what an earlier run of it left. */
  readonly resumed?: true;
}
/** A subagent ended, or waits for a decision (`awaiting-approval`). The latest such entry of a session counts. */
export interface ChildEndEvent extends EntryBase {
  readonly type: 'child-end';
  readonly callId: string;
  readonly childRunId: string;
  readonly child: string;
  readonly session: string;
  readonly outcome: Outcome | 'failed';
  /** All model calls of its session, those of its own subagents included. */
  readonly steps: readonly Step[];
  /** Estimate in USD of what its lost replies were billed, or null where no price is known. */
  readonly lostUsd?: number | null;
  /** What limits count of it, where there are budgets: lost replies with their worst cases. */
  readonly counted?: { readonly usd: number; readonly tokens: number };
  /** How many runs it has started itself, directly or not. */
  readonly children: number;
  /** What it waits for, where the outcome is `awaiting-approval`. */
  readonly approvals?: readonly PendingApproval[];
  /** Whether its session belongs to the session that this one was loaded from: what became of it is not known here. */
  readonly lost?: true;
  /** Of a background subagent: what the model is told of its end. */
  readonly content?: string;
}
/** Where a session that a run has started belongs. */
export interface ParentLink {
  readonly session: string;
  /** The call, or the name of the step. */
  readonly callId: string;
}
/** The first entry of a session. `fingerprint` is a hash of model, system prompt and tools. */
export interface SessionStartEvent extends EntryBase {
  readonly type: 'session-start';
  /** Version of the entries' meaning. */
  readonly version: 1;
  readonly model: string;
  readonly fingerprint: string;
  /** Of a subagent's session: the session that started it. */
  readonly parent?: ParentLink;
}
/** The entries before this one were copied from another session; what follows is this session's own. */
export interface ForkEvent extends EntryBase {
  readonly type: 'fork';
  readonly from: string;
  /** How many entries were copied. */
  readonly entries: number;
  /** The sessions of unfinished subagents, of any depth, and their copies. */
  readonly children?: readonly { readonly from: string; readonly to: string }[];
  /** Of the copy of a subagent's session: the session that it belongs to. */
  readonly parent?: ParentLink;
}
/** The session goes on with another model, system prompt or tools: earlier thinking blocks no longer fit and are left out. */
export interface PrefixChangeEvent extends EntryBase {
  readonly type: 'prefix-change';
  readonly model: string;
  readonly fingerprint: string;
}
/**
 * What every request holds beside its messages, from here on: kept where a session begins and whenever its agent is
 * another, so that the journal alone tells each request. Credentials are left out.
 */
export interface SettingsEvent extends EntryBase {
  readonly type: 'settings';
  readonly params: RequestParams;
  readonly betas: readonly string[];
}
/** The run ended. `failed` stands for a run that rejects with a RunError. */
export interface RunEndEvent extends EntryBase {
  readonly type: 'run-end';
  readonly outcome: Outcome | 'failed';
  readonly turns: number;
  readonly reason: string | null;
  readonly code?: RunErrorCode;
}

/** What is kept: the journal of a run. Folding it gives the transcript, the result and the bill. */
export type Entry =
  | RunStartEvent
  | InputEvent
  | RequestEvent
  | ReplyEvent
  | ReplyLostEvent
  | ToolStartEvent
  | ToolEndEvent
  | ApprovalRequestEvent
  | ApprovalEvent
  | CompactionEvent
  | CompactionPlanEvent
  | ChildStartEvent
  | ChildEndEvent
  | SessionStartEvent
  | ForkEvent
  | PrefixChangeEvent
  | SettingsEvent
  | ScriptEntry
  | RunEndEvent;

/** What is told as it happens and not kept. */
export type Delta =
  | TextDeltaEvent
  | ThinkingDeltaEvent
  | ToolInputDeltaEvent
  | CostEvent
  | ToolProgressEvent
  | RetryEvent
  | WaitEvent
  | WarningEvent;

/** Everything a reader of a run sees: kept entries (with `seq`) and deltas (without). */
export type AgentEvent = Entry | Delta;

type Unstamped<E> = E extends unknown ? Omit<E, 'runId' | 'agent' | 'at' | 'seq' | 'parentRunId'> : never;
/** An entry before the recorder has stamped it with run, agent, time and position. */
export type NewEntry = Unstamped<Entry>;
/** A delta before it is stamped. */
export type NewDelta = Unstamped<Delta>;
