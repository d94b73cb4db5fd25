import type { Entry } from '@pawl/agent-loop';

/** What an owner is told to do: open the session and go on with it. */
export interface Order {
  readonly sessions: string;
  readonly id: string;
  readonly ledger: string;
}

/** What became of it. Times are epoch milliseconds. */
export interface Told {
  /** `completed`: it came to the end. `over`: there was nothing left to do. `fenced`: another owner has the session. */
  readonly end: 'completed' | 'over' | 'fenced' | 'failed';
  /** The class and code of the error, and of its cause. */
  readonly error: string | null;
  readonly openedAt: number | null;
  readonly endedAt: number;
  /** What it was told is kept. */
  readonly kept: readonly Entry[];
}
