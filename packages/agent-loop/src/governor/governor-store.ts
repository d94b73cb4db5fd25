import type { Awaitable } from '../api.ts';

/**
 * What one governor tells the others that share its limits. `lane` names the limits: a hash of base URL, key and
 * class of models.
 */
export type GovernorNote =
  /** It sends a request that will probably take this much; or it corrects what it had told, by numbers below zero too. */
  | {
      readonly type: 'charge';
      readonly lane: string;
      readonly requests: number;
      readonly input: number;
      readonly output: number;
    }
  /** The server told it to wait this many milliseconds, from now. */
  | { readonly type: 'hold'; readonly lane: string; readonly ms: number };

/**
 * Where governors of several processes tell each other what they take: a channel that hands every note to all others, such
 * as publish and subscribe of a database. Notes may come late, twice or never: each governor goes on by what it knows, and
 * the headers of its own replies put right what was missed.
 */
export interface GovernorStore {
  /** Hands a note to all other followers. One that fails is lost, and nobody waits for it. */
  tell(note: GovernorNote): Awaitable<void>;
  /** Calls `listener` with the notes of all others, and not with one's own. The returned function ends that. */
  follow(listener: (note: GovernorNote) => void): () => void;
}

/**
 * The channel of one process: every call gives an end of its own, joined to all others of the same `hub`. For tests, and as an
 * example of a store; agents of one process share a governor instead.
 */
export function memoryGovernorStore(hub: Set<(note: GovernorNote) => void> = new Set()): GovernorStore {
  let own: ((note: GovernorNote) => void) | undefined;
  return {
    tell(note) {
      for (const listener of hub) if (listener !== own) listener(note);
    },
    follow(listener) {
      own = listener;
      hub.add(listener);
      return () => {
        hub.delete(listener);
      };
    },
  };
}
