import type { Gate } from '../loop/admission.ts';
import type { Children } from './children.ts';
import type { AgentEvent, NewEntry } from '../journal/events.ts';
import type { Halt, HaltReason } from '../loop/halt.ts';
import type { JournalStore } from '../journal/journal.ts';
import type { Lineage } from './lineage.ts';
import type { Permissions } from './permissions.ts';
import type { SessionState } from '../journal/session-state.ts';

/** What a run takes from the one that started it. A `RunState` is one; so is the scope of a script. */
export interface Parent {
  readonly runId: string;
  /** The id of its session; null where it has none, and its children live in memory. */
  readonly sessionId: string | null;
  /** Where its session, and so those of its children, last. */
  readonly store: JournalStore | null;
  readonly state: SessionState;
  /** What every request of the tree passes. */
  readonly gates: readonly Gate[];
  /** Stops its children with it. */
  readonly halt: Halt;
  readonly lineage: Lineage;
  readonly permissions: Permissions;
  readonly children: Children;
  /** Whether anybody listens to deltas. */
  readonly telling: boolean;
  /** Keeps an entry in its journal. */
  record(entry: NewEntry): Promise<void>;
  /** Tells its readers an event of a child. */
  forward(event: AgentEvent): void;
}

/**
 * Why a child is stopped with its parent. `stopped` in a child's journal always says so: a limit of its own has another
 * name. Where the parent can be gone on with, the child can.
 */
export function haltOfChild(reason: HaltReason): HaltReason {
  const lostJournal = reason.kind === 'failed' && reason.error.code === 'journal';
  if (reason.kind === 'parked' || lostJournal) return { kind: 'parked', reason: reason.reason };
  return { kind: 'stopped', reason: reason.reason };
}
