import type { AgentSpec } from '../agent/agent-spec.ts';
import type { ApprovalDecision } from '../agent/hooks.ts';
import type { ToolUseBlock } from '../api.ts';
import { specNamed } from '../children/delegation.ts';
import { ConfigError } from '../errors.ts';
import type { NewEntry } from '../journal/events.ts';
import type { JournalStore } from '../journal/journal.ts';
import type { PendingApproval } from '../loop/result.ts';
import { checkDecision, toDecision } from '../tools/tool-call.ts';
import { decideInSession } from './fold-session.ts';
import type { Occupant } from './occupant.ts';
import type { SessionLog } from './session-log.ts';

/** A call that was decided on. */
export type Decided = Pick<PendingApproval, 'callId' | 'tool' | 'session'> & { readonly agent?: string };

/** What decisions are kept with. */
interface Desk {
  readonly spec: AgentSpec;
  readonly store: JournalStore;
  readonly log: SessionLog;
  /** Keeps an entry of the session's own. */
  readonly keep: (entry: NewEntry) => Promise<void>;
  /** What writes to the session now. */
  readonly active: () => Occupant | null;
}

/** Decisions on calls of a session and of its subagents: the first on each call counts. */
export class SessionDecisions {
  readonly #desk: Desk;
  /** Those that are being written, by call. */
  readonly #writing = new Map<string, Promise<void>>();

  constructor(desk: Desk) {
    this.#desk = desk;
  }

  /** Checks a decision on one of the calls that wait, and keeps it. */
  async approve(
    callId: string,
    decision: ApprovalDecision,
    waiting: readonly PendingApproval[] = [],
  ): Promise<void> {
    checkDecision(decision);
    const call = waiting.find((approval) => approval.callId === callId);
    if (!call) return this.#checkLate(callId);
    const { spec } = this.#desk;
    const { input } = toDecision(decision);
    const asking = call.session === undefined ? spec : specNamed(spec, call.agent);
    const checked = input === undefined ? undefined : await asking?.tools.get(call.tool)?.check(input);
    if (checked && !checked.ok)
      throw new ConfigError('input', `the changed input does not fit "${call.tool}":\n${checked.message}`);
    await this.keep(call, decision);
  }

  /** Keeps a decision, once: in the session of the subagent whose call it is, where it is one. */
  keep(call: Decided, decision: ApprovalDecision): Promise<void> {
    const { callId, tool, session } = call;
    const key = `${session ?? ''} ${callId}`;
    const earlier = this.#writing.get(key);
    if (earlier) return earlier;
    const entry = { type: 'approval', callId, tool, ...toDecision(decision) } as const;
    const kept = session === undefined ? this.#desk.keep(entry) : this.#keepInChild(session, call, entry);
    const forget = (): void => void this.#writing.delete(key);
    kept.then(forget, forget);
    this.#writing.set(key, kept);
    return kept;
  }

  /** A second answer is no mistake. Anything else that nobody asked is. */
  #checkLate(callId: string): void {
    const { state } = this.#desk.log;
    const record = state.callOf({ id: callId } as ToolUseBlock);
    if (state.wasDecided(callId) || state.children.wasDecided(callId)) return;
    const why =
      record.asked && !record.started ? 'has waited too long and counts as denied' : 'waits for no decision';
    throw new ConfigError('callId', `the call ${JSON.stringify(callId)} ${why}. See session.pending.`);
  }

  /** Keeps a decision where the child will find it: through its run, or in its journal. */
  async #keepInChild(
    session: string,
    { agent }: Pick<Decided, 'agent'>,
    entry: Extract<NewEntry, { type: 'approval' }>,
  ): Promise<void> {
    const { store, spec, log } = this.#desk;
    for (let active = this.#desk.active(); active; active = this.#desk.active()) {
      if (await active.children.find(session)?.keep(entry)) return;
      // It rests already, and so will its parents in a moment.
      await active.result.catch(() => {});
    }
    await log.after(() =>
      decideInSession(store, session, { ...entry, agent: agent ?? spec.name, at: spec.seams.now() }),
    );
    await log.append([{ ...entry, session }]);
  }
}
