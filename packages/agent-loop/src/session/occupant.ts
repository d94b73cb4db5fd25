import type { Journal, JournalStore } from '../journal/journal.ts';
import type { SessionState } from '../journal/session-state.ts';
import type { StartedRun } from '../loop/start-run.ts';
import type { Seams } from '../seams.ts';

/** What something that writes to a session is given. */
export interface Loan {
  readonly id: string;
  readonly store: JournalStore;
  readonly journal: Journal;
  readonly state: SessionState;
  readonly seams: Seams;
  /** What has to be over before it writes. */
  readonly after: Promise<unknown>;
}

/** What writes to a session until its result is there: a run, or a script. */
export type Occupant = Pick<StartedRun<unknown>, 'park' | 'keep' | 'children' | 'left'> & {
  readonly result: Promise<unknown>;
};
