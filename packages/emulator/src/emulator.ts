import { createLedger } from './bill.ts';
import { checkEmulatorOptions } from './emulator-options.ts';
import { createRequestLog } from './exchange.ts';
import { memoryFetch } from './memory-fetch.ts';
import { modelTable } from './models.ts';
import { createPromptCache } from './prompt-cache.ts';
import { createRandom } from './random.ts';
import { createRateGate } from './rate-limit.ts';
import { echo } from './echo.ts';
import { handle } from './router.ts';
import { sleep } from './sleep.ts';
import type { EmulatorState } from './state.ts';
import type { Emulator, EmulatorOptions } from './types.ts';

/**
 * Builds the Messages API in memory; nothing is opened, so nothing needs closing. Throws a TypeError for an option that is
 * not known, or not what it has to be.
 */
export function createEmulator(options: EmulatorOptions = {}): Emulator {
  checkEmulatorOptions(options, 'createEmulator options');
  const state = createState(options);
  return emulatorOf(state);
}

/** The public face of a state. */
export function emulatorOf(state: EmulatorState): Emulator {
  return {
    fetch: memoryFetch((incoming) => handle(state, incoming)),
    requests: state.log.requests,
    refusals: state.log.refusals,
    get bill() {
      return state.ledger.bill();
    },
    assertDone: () => {
      const pending = state.respond.pending?.() ?? [];
      if (pending.length > 0) throw new Error(`The script was not followed:\n- ${pending.join('\n- ')}`);
    },
  };
}

/** Fills in the defaults of the options. */
export function createState(options: EmulatorOptions): EmulatorState {
  const clock = options.clock ?? Date.now;
  const models = modelTable(options.models);
  let index = 0;
  return {
    options,
    models,
    respond: options.respond ?? echo(),
    clock,
    sleep: options.sleep ?? sleep,
    random: createRandom(options.seed ?? 1),
    log: createRequestLog(recordLimit(options.record)),
    ledger: createLedger(models),
    rates: createRateGate(options.rateLimits ?? {}, clock),
    cache: createPromptCache(clock),
    nextIndex: () => index++,
  };
}

function recordLimit(record: EmulatorOptions['record']): number {
  if (record === undefined || record === true) return Infinity;
  return record === false ? 0 : record.max;
}
