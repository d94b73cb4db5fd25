import type { Logger, LoggerOptions } from 'pino';
import type { Gate } from '../loop/admission.ts';
import type { Budget } from '../money/budget.ts';
import type { Client, Model, RequestParams } from '../api.ts';
import type { CacheSettings } from '../cache/cache-option.ts';
import type { CompiledSchema } from '../tools/schema.ts';
import type { Approve, Hooks } from './hooks.ts';
import type { Pricing } from '../money/pricing.ts';
import type { Route } from './route.ts';
import type { Seams } from '../seams.ts';
import type { Tool } from '../tools/tool.ts';

/** Bounds of a run. Reaching one ends the run with an outcome; it is never an exception. */
export interface Limits {
  /** Model calls in a run. Default 50. */
  readonly turns: number;
  /** Length of a run in milliseconds. Default 3,600,000 (one hour). */
  readonly timeMs: number;
  /** Silence of a stream, in milliseconds, before its turn is tried again. Pings are silence, but for up to ten times as long where thinking is withheld or a tool of the server works. Default 60,000. */
  readonly idleMs: number;
  /** Tools of one run that run at the same time. Default 8. */
  readonly concurrency: number;
  /** How often a turn whose reply broke off is tried again. Default 2. */
  readonly turnRetries: number;
  /** Paused turns in a row that are resumed. Default 10. */
  readonly pauses: number;
  /** Longest `retry-after` that is waited for, in milliseconds; a longer one ends the run with `rate-limited`. Default 60,000. */
  readonly retryAfterMs: number;
  /** How often the model is asked to correct an output that does not fit its schema. Default 2. */
  readonly outputRetries: number;
  /** How many levels of subagents may be below this agent. Those above it may allow fewer. Default 4. */
  readonly depth: number;
  /** How many subagents a run may start, those of its subagents included. Default 50. */
  readonly children: number;
  /** What a run may cost, its subagents and lost replies included, in USD. It is never passed. Default: no limit. */
  readonly usd?: number;
}

/** An agent's options after checking: complete and frozen. Inner code trusts it. */
export interface AgentSpec {
  readonly name: string;
  readonly description: string | undefined;
  readonly model: Model;
  /** By name, in the order given. */
  readonly tools: ReadonlyMap<string, Tool>;
  readonly output: CompiledSchema | undefined;
  readonly limits: Limits;
  readonly betas: readonly string[];
  readonly hooks: Hooks;
  readonly approve: Approve | undefined;
  /** How long a call waits for a decision, in milliseconds, before it counts as denied; undefined for ever. */
  readonly approvalExpiryMs: number | undefined;
  readonly logger: Logger | LoggerOptions | undefined;
  readonly pricing: Pricing;
  /** The gate of its governor. */
  readonly governor: Gate | undefined;
  /** Its weight among the agents of a governor. */
  readonly priority: number;
  readonly budget: Budget | undefined;
  readonly cache: CacheSettings;
  readonly seams: Seams;
  /** Stands for whoever pays: agents of one client share what is cached. Those without a client share one. */
  readonly account: object;
  /** Chooses the model of runs that begin a conversation. */
  readonly route: Route | undefined;
  /** The client, made on first use where none was given. */
  client(): Promise<Client>;
  /** The request's fields but for the transcript: the same object for every request. */
  params(): Promise<RequestParams>;
}
