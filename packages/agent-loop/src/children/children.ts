import type { AgentSpec } from '../agent/agent-spec.ts';
import type { NewEntry } from '../journal/events.ts';
import type { PendingApproval } from '../loop/result.ts';
import { askedNow } from '../session/session-pending.ts';
import type { SessionState } from '../journal/session-state.ts';

/** A run that another has started and that is under way. */
export interface LiveChild {
  readonly session: string;
  readonly spec: AgentSpec;
  readonly state: SessionState;
  readonly children: Children;
  /** Stops it; what is finished stays. */
  readonly stop: (reason: string) => void;
  /** Keeps an entry in its journal. False where it has ended. */
  readonly keep: (entry: NewEntry) => Promise<boolean>;
}

/** The runs that a run has started and that have not ended. */
export class Children {
  // Most runs have none, and there may be thousands of runs.
  #live: Map<string, LiveChild> | undefined;
  #work: Set<Promise<unknown>> | undefined;
  #stopped: string | undefined;

  /** Follows a child until `work` has settled. */
  follow<T>(work: Promise<T>): Promise<T> {
    const all = (this.#work ??= new Set());
    all.add(work);
    const forget = (): void => void all.delete(work);
    work.then(forget, forget);
    return work;
  }

  /** A child is running. The returned function takes note that it is not any more. */
  enter(child: LiveChild): () => void {
    const live = (this.#live ??= new Map());
    live.set(child.session, child);
    if (this.#stopped !== undefined) child.stop(this.#stopped);
    return () => void live.delete(child.session);
  }

  /** The child of that session, at any depth. */
  find(session: string): LiveChild | undefined {
    for (const child of this.#all) {
      const found = child.session === session ? child : child.children.find(session);
      if (found) return found;
    }
    return undefined;
  }

  /** The calls of children, at any depth, that wait for a decision now. */
  get asking(): readonly PendingApproval[] {
    return [...this.#all].flatMap(({ session, state, spec, children }) => [
      ...askedNow(state, spec).map((approval) => ({ ...approval, session })),
      ...children.asking,
    ]);
  }

  /** Stops all of them, and those that are only about to begin. */
  stop(reason: string): void {
    this.#stopped = reason;
    for (const child of this.#all) child.stop(reason);
  }

  /** Resolves when none is left. Whoever started one deals with how it ended. */
  async settled(): Promise<void> {
    while (this.#work && this.#work.size > 0) await Promise.allSettled(this.#work);
  }

  get #all(): Iterable<LiveChild> {
    return this.#live?.values() ?? [];
  }
}
