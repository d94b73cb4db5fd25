import type { Ledger } from './bill.ts';
import type { Sleep } from './body.ts';
import type { RequestLog } from './exchange.ts';
import type { ModelSpec } from './model-spec.ts';
import type { PromptCache } from './prompt-cache.ts';
import type { Random } from './random.ts';
import type { RateGate } from './rate-limit.ts';
import type { EmulatorOptions, Responder } from './types.ts';

/** Everything one emulator holds; the endpoints work on it. */
export interface EmulatorState {
  readonly options: EmulatorOptions;
  readonly models: ReadonlyMap<string, ModelSpec>;
  readonly respond: Responder;
  readonly clock: () => number;
  readonly sleep: Sleep;
  readonly random: Random;
  readonly log: RequestLog;
  readonly ledger: Ledger;
  readonly rates: RateGate;
  readonly cache: PromptCache;
  /** Numbers the requests that reach the responder. */
  readonly nextIndex: () => number;
}
