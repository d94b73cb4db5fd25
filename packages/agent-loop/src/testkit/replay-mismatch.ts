import { type Difference, formatDifferences } from './replay-diff.ts';

/** Where in a recording a replay left it. */
export interface ReplayPlace {
  /** Counts the recorded requests from 1. */
  readonly exchange: number;
  readonly runId: string;
  /** Position of the recorded entry. */
  readonly seq: number;
}

/** A replay that came out otherwise than it was recorded. The message shows where and how. */
export class ReplayMismatch extends Error {
  override readonly name = 'ReplayMismatch';
  readonly exchange: number;
  readonly runId: string;
  readonly seq: number;
  readonly differences: readonly Difference[];

  constructor(what: string, { exchange, runId, seq }: ReplayPlace, differences: readonly Difference[] = []) {
    const details =
      differences.length > 0 ? `\n${formatDifferences(differences)}\n  (- recorded, + sent)` : '';
    super(`${what} (request ${exchange}, run ${runId}, entry ${seq})${details}`);
    this.exchange = exchange;
    this.runId = runId;
    this.seq = seq;
    this.differences = differences;
  }
}
