import type { ChildEndEvent, ChildStartEvent, Entry, ForkEvent, NewEntry } from '../journal/events.ts';
import type { PendingApproval } from '../loop/result.ts';

/** What the journal of a session knows of a run that it has started. */
export interface ChildRecord {
  /** The call that asked for it, or the name of the step. */
  readonly callId: string;
  /** The run that started it. */
  readonly parentRunId: string;
  readonly tool: string | undefined;
  readonly childRunId: string;
  readonly child: string;
  readonly session: string;
  readonly input: ChildStartEvent['input'];
  readonly background: boolean;
  /** How it ended, or null. Its steps are counted and forgotten. */
  readonly end: Omit<ChildEndEvent, 'steps'> | null;
}

/** Children as a checkpoint has them. */
export interface SavedChildren {
  readonly records: readonly ChildRecord[];
  readonly byCall: readonly (readonly [callId: string, session: string])[];
  readonly decided: readonly string[];
  readonly told: readonly string[];
}

/** The children of a session, folded from its entries. */
export class ChildRecords {
  readonly #bySession = new Map<string, ChildRecord>();
  readonly #byCall = new Map<string, string>();
  readonly #decided = new Set<string>();
  readonly #told = new Set<string>();

  /** The latest child of a call or step. */
  of(callId: string): ChildRecord | undefined {
    return this.#bySession.get(this.#byCall.get(callId) ?? '');
  }

  /** Whether a child of this session ever had that id. */
  has(session: string): boolean {
    return this.#bySession.has(session);
  }

  /** Those that have not ended for good: they run, were interrupted, or wait for a decision. */
  get unfinished(): readonly ChildRecord[] {
    return [...this.#bySession.values()].filter(isUnfinished);
  }

  /** Background children that have ended, of which the model has not been told. */
  get untold(): readonly ChildRecord[] {
    return [...this.#bySession.values()].filter(
      (record) => record.background && !isUnfinished(record) && !this.#told.has(record.session),
    );
  }

  /** The calls of children that wait for a decision. */
  get approvals(): readonly PendingApproval[] {
    return [...this.#bySession.values()]
      .flatMap(({ end }) => (end?.outcome === 'awaiting-approval' ? (end.approvals ?? []) : []))
      .filter((approval) => !this.#decided.has(keyOf(approval)));
  }

  /** Whether a decision on a child's call was kept. */
  wasDecided(callId: string): boolean {
    return [...this.#decided].some((key) => key.endsWith(` ${callId}`));
  }

  /** How many runs a run has started, directly or not. Those of unfinished children are not counted: they are when they go on. */
  startedBy(runId: string): number {
    let started = 0;
    for (const record of this.#bySession.values()) {
      if (record.parentRunId === runId)
        started += 1 + (isUnfinished(record) ? 0 : (record.end?.children ?? 0));
    }
    return started;
  }

  /** For a checkpoint. Nobody asks for the input of a child that has ended for good. */
  save(): SavedChildren {
    return {
      records: [...this.#bySession.values()].map((record) =>
        isUnfinished(record) ? record : { ...record, input: '' },
      ),
      byCall: [...this.#byCall],
      decided: [...this.#decided],
      told: [...this.#told],
    };
  }

  /** The children that a checkpoint has. */
  static restore({ records, byCall, decided, told }: SavedChildren): ChildRecords {
    const children = new ChildRecords();
    for (const record of records) children.#bySession.set(record.session, record);
    for (const [callId, session] of byCall) children.#byCall.set(callId, session);
    for (const key of decided) children.#decided.add(key);
    for (const session of told) children.#told.add(session);
    return children;
  }

  /** Folds one entry. */
  apply(entry: Entry): void {
    switch (entry.type) {
      case 'child-start':
        return this.#start(entry);
      case 'child-end':
        return this.#end(entry);
      case 'approval':
        if (entry.session !== undefined) this.#decided.add(keyOf(entry));
        return;
      case 'input':
        for (const session of entry.children ?? []) this.#told.add(session);
        return;
      case 'fork':
        return this.#fork(entry);
      default:
    }
  }

  #start({
    callId,
    runId: parentRunId,
    tool,
    childRunId,
    child,
    session,
    input,
    background,
  }: ChildStartEvent): void {
    this.#byCall.set(callId, session);
    this.#bySession.set(session, {
      callId,
      parentRunId,
      tool,
      childRunId,
      child,
      session,
      input,
      background: background === true,
      end: null,
    });
  }

  #end({ steps: _, ...end }: ChildEndEvent): void {
    const record = this.#bySession.get(end.session);
    if (record) this.#bySession.set(end.session, { ...record, end });
  }

  /** What is unfinished goes on in copies. One that was not copied stays the other session's: nothing can be decided in it. */
  #fork({ runId, children = [] }: ForkEvent): void {
    const copies = new Map(children.map(({ from, to }) => [from, to]));
    for (const record of this.unfinished) {
      const session = copies.get(record.session) ?? record.session;
      const approvals = (record.end?.approvals ?? []).flatMap((approval) => {
        const to = copies.get(approval.session ?? record.session);
        return to === undefined ? [] : [{ ...approval, session: to }];
      });
      this.#bySession.delete(record.session);
      this.#bySession.set(session, {
        ...record,
        session,
        parentRunId: runId,
        end: record.end && { ...record.end, session, approvals },
      });
      this.#byCall.set(record.callId, session);
    }
  }
}

/** Whether a child can go on. */
function isUnfinished({ end }: Pick<ChildRecord, 'end'>): boolean {
  return end === null || end.outcome === 'awaiting-approval';
}

function keyOf({ session, callId }: { readonly session?: string; readonly callId: string }): string {
  return `${session} ${callId}`;
}

/** A child's end as its parent's journal keeps it. */
export type ChildEnd = Extract<NewEntry, { type: 'child-end' }>;

/** How a child ends that nobody goes on with, before it is known what it used. `told` is for the model, of a background child. */
export function givenUp(record: ChildRecord, told: string): ChildEnd {
  const { callId, childRunId, child, session, background } = record;
  return {
    type: 'child-end',
    callId,
    childRunId,
    child,
    session,
    outcome: 'stopped',
    steps: [],
    children: 0,
    ...(background && { content: told }),
  };
}
