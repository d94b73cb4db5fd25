import type { Limits } from './limits.ts';
import type { Logger, LoggerOptions } from 'pino';
import type { Gate } from '../loop/admission.ts';
import type { Budget } from '../money/budget.ts';
import type { AutoCompaction } from '../money/compaction-plan.ts';
import type { Client, Model, RequestParams } from '../api.ts';
import type { CacheSettings } from '../cache/cache-option.ts';
import type { CompiledSchema } from '../tools/schema.ts';
import type { Approve, Hooks } from './hooks.ts';
import type { Pricing } from '../money/pricing.ts';
import type { Route } from './route.ts';
import type { Seams } from '../seams.ts';
import type { Tool } from '../tools/tool.ts';

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
  /** What `compactAt: 'auto'` decides by; null where it was not asked for. */
  readonly autoCompaction: AutoCompaction | null;
  /** Prompt tokens from which a request may be counted before it is sent; false for never, undefined for the default. */
  readonly countFrom: number | false | undefined;
  /** Chooses the model of runs that begin a conversation. */
  readonly route: Route | undefined;
  /** The client, made on first use where none was given. */
  client(): Promise<Client>;
  /** The request's fields but for the transcript: the same object for every request. */
  params(): Promise<RequestParams>;
}
