import type { Gate } from '../loop/admission.ts';
import { ConfigError } from '../errors.ts';
import type { GovernorStore } from './governor-store.ts';
import { checkCount, refuseUnknown, shown } from '../option-checks.ts';
import { RateGovernor } from './rate-governor.ts';

/** What `createGovernor` takes. */
export interface GovernorOptions {
  /** Most requests in flight at the same time, over all agents, keys and models. Default: as many as the server bears. */
  readonly concurrency?: number;
  /** The share of every rate limit that is left to others who use the same key, from 0 to below 1. Default 0. */
  readonly reserve?: number;
  /** Where governors of several processes tell each other what they take. Default: this one is alone. */
  readonly store?: GovernorStore;
}

/**
 * Spaces out the requests of all agents that share it, so that they stay below the rate limits and none is starved. It
 * keeps no timer while nobody waits, and needs no closing.
 */
export interface Governor {
  /** Requests under way. */
  readonly inFlight: number;
  /** Requests that wait for their turn. */
  readonly waiting: number;
}

const OPTIONS: readonly (keyof GovernorOptions)[] = ['concurrency', 'reserve', 'store'];

const gates = new WeakMap<object, RateGovernor>();

/**
 * Creates a governor, to be given to any number of agents. It learns the limits from the headers of every response, and
 * holds all of them when one meets a 429. Throws a ConfigError for options that make no sense.
 */
export function createGovernor(options: GovernorOptions = {}): Governor {
  const gate = new RateGovernor(checked(options));
  const governor: Governor = {
    get inFlight() {
      return gate.inFlight;
    },
    get waiting() {
      return gate.waiting;
    },
  };
  gates.set(governor, gate);
  return governor;
}

/** The gate of a governor. Throws a ConfigError for anything that `createGovernor` of this copy did not make. */
export function gateOfGovernor(governor: Governor): Gate {
  const gate = typeof governor === 'object' && governor !== null ? gates.get(governor) : undefined;
  if (gate) return gate;
  throw new ConfigError('governor', `expected what createGovernor() returns, got ${shown(governor)}.`);
}

function checked(options: GovernorOptions): GovernorOptions {
  if (typeof options !== 'object' || options === null)
    throw new ConfigError('createGovernor', `expected an object of options, got ${shown(options)}.`);
  refuseUnknown('createGovernor', options, OPTIONS);
  const { concurrency, reserve, store } = options;
  checkCount('createGovernor.concurrency', concurrency);
  if (reserve !== undefined && !(typeof reserve === 'number' && reserve >= 0 && reserve < 1))
    throw new ConfigError(
      'createGovernor.reserve',
      `must be a share from 0 to below 1, such as 0.2, got ${shown(reserve)}.`,
    );
  if (store !== undefined && !(typeof store?.tell === 'function' && typeof store.follow === 'function'))
    throw new ConfigError(
      'createGovernor.store',
      `must have the functions tell(note) and follow(listener), got ${shown(store)}.`,
    );
  return options;
}
