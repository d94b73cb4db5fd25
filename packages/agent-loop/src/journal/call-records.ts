import type { ApprovalEvent, ApprovalRequestEvent, Entry, ToolStartEvent } from './events.ts';

/** What the journal knows of a call that has not ended. */
export interface CallRecord {
  /** Its latest start, where it was started. */
  readonly started?: ToolStartEvent;
  readonly asked?: ApprovalRequestEvent;
  /** The first decision on it since its latest start. */
  readonly decided?: ApprovalEvent;
  /** The decision that its latest start carried out. */
  readonly used?: ApprovalEvent;
}

/** Calls as a checkpoint has them. */
export interface SavedCalls {
  readonly calls: readonly (readonly [callId: string, record: CallRecord])[];
  readonly everDecided: readonly string[];
}

const NOTHING: CallRecord = {};

/** The calls of a session's last reply, folded from its entries. */
export class CallRecords {
  readonly #calls = new Map<string, CallRecord>();
  /** Every call that was ever decided on, so that a late second answer is known for one. Most sessions have none. */
  #everDecided: Set<string> | undefined;

  /** What is known of a call. */
  of(callId: string): CallRecord {
    return this.#calls.get(callId) ?? NOTHING;
  }

  /** Whether a decision on this call was ever kept. */
  wasDecided(callId: string): boolean {
    return this.#everDecided?.has(callId) ?? false;
  }

  /** For a checkpoint. */
  save(): SavedCalls {
    return { calls: [...this.#calls], everDecided: [...(this.#everDecided ?? [])] };
  }

  /** What a checkpoint has. */
  restore({ calls, everDecided }: SavedCalls): void {
    for (const [callId, record] of calls) this.#calls.set(callId, record);
    if (everDecided.length > 0) this.#everDecided = new Set(everDecided);
  }

  /** Folds one entry. */
  apply(entry: Entry): void {
    switch (entry.type) {
      case 'input':
      case 'request':
        this.#calls.clear();
        break;
      case 'tool-start':
        this.#start(entry);
        break;
      case 'approval-request':
        this.#calls.set(entry.callId, { ...this.of(entry.callId), asked: entry });
        break;
      case 'approval':
        // One with a session was kept in that of the child whose call it is, and is only noted here.
        if (entry.session === undefined) this.#decide(entry);
        break;
      case 'tool-end':
        this.#calls.delete(entry.callId);
        break;
      default:
    }
  }

  #start(started: ToolStartEvent): void {
    const { decided, ...known } = this.of(started.callId);
    this.#calls.set(started.callId, { ...known, started, ...(decided && { used: decided }) });
  }

  #decide(decision: ApprovalEvent): void {
    const known = this.of(decision.callId);
    if (!known.decided) this.#calls.set(decision.callId, { ...known, decided: decision });
    (this.#everDecided ??= new Set()).add(decision.callId);
  }
}
