import type { RunInput } from '../agent/agent.ts';
import { type AgentStream, openStream } from '../agent/agent-stream.ts';
import type { AgentSpec } from '../agent/agent-spec.ts';
import type { MessageParam } from '../api.ts';
import { givenUp } from '../children/child-records.ts';
import { specNamed } from '../children/delegation.ts';
import { ConfigError } from '../errors.ts';
import type { AgentEvent, NewEntry } from '../journal/events.ts';
import { askedBelow } from './asked-below.ts';
import { branchSession } from './branch-session.ts';
import type { ApprovalDecision } from '../agent/hooks.ts';
import type { Journal, JournalDamage, JournalStore } from '../journal/journal.ts';
import type { Cost, Pending, PendingApproval, RunResult, Step } from '../loop/result.ts';
import type { Loan, Occupant } from './occupant.ts';
import type { Session, SessionRunOptions } from './session.ts';
import { type Decided, SessionDecisions } from './session-decisions.ts';
import { saveSession } from './session-file.ts';
import { askedNow, type Judge, pendingOf, strangerNamed } from './session-pending.ts';
import { prefixNews } from './session-prefix.ts';
import { withModelOf } from '../agent/route.ts';
import { SessionLog } from './session-log.ts';
import type { SessionState } from '../journal/session-state.ts';
import { checkInputType, prepared, type StartedRun, startRun } from '../loop/start-run.ts';
import { checkOptions, checkSignal, checkText } from '../option-checks.ts';
import type { Usage } from '../money/usage.ts';

/** The open sessions of this process, for `drain`. */
export const openSessions = new Set<OpenSession<unknown>>();

/** How long a session gets to close once its run was parked. */
const CLOSING_MS = 1000;

/** What a session is made of. */
export interface SessionParts {
  readonly spec: AgentSpec;
  readonly store: JournalStore;
  readonly id: string;
  readonly journal: Journal;
}

/** A session of this process. */
export class OpenSession<Output> implements Session<Output> {
  readonly id: string;
  readonly #parts: SessionParts;
  readonly #log: SessionLog;
  #active: Occupant | null = null;
  readonly #decisions: SessionDecisions;
  #closing: Promise<void> | undefined;
  #parked = false;
  /** What children wait for that were cut off, until something goes on with them. */
  #below: readonly PendingApproval[] = [];
  /** Whether what the last run has to keep is still on its way to the store. */
  #unkept = false;

  constructor(parts: SessionParts) {
    this.#parts = parts;
    this.id = parts.id;
    this.#log = new SessionLog(parts.id, parts.journal, parts.spec);
    this.#decisions = new SessionDecisions({
      ...parts,
      log: this.#log,
      keep: (entry) => this.keep(entry),
      active: () => this.#active,
    });
  }

  get #state(): SessionState {
    return this.#log.state;
  }

  /** What its journal folds into. */
  get state(): SessionState {
    return this.#state;
  }
  get messages(): readonly MessageParam[] {
    return this.#state.transcript.closed();
  }
  get usage(): Usage {
    return this.#state.total.usage;
  }
  get cost(): Cost {
    return this.#state.total.cost;
  }
  get steps(): readonly Step[] {
    return [...this.#state.total.steps];
  }
  get damage(): JournalDamage | null {
    return this.#log.damage;
  }
  get pending(): Pending | null {
    const { spec } = this.#parts;
    if (this.#active) {
      const asked = [...askedNow(this.#state, spec), ...this.#active.children.asking];
      return asked.length > 0 ? { reason: 'awaiting-approval', approvals: asked } : null;
    }
    const below = this.#below.filter(({ callId }) => !this.#state.children.wasDecided(callId));
    const ofRun = pendingOf(this.#state, spec);
    if (ofRun) return { ...ofRun, approvals: [...ofRun.approvals, ...below] };
    // What the agents of a script wait for is decided here as well.
    const approvals = [...this.#state.children.approvals, ...below];
    if (approvals.length === 0) return null;
    return { reason: below.length > 0 ? 'interrupted' : 'awaiting-approval', approvals };
  }

  get resumable(): boolean {
    if (this.damage) return false;
    if (pendingOf(this.#state, this.#parts.spec) || this.#state.paused) return true;
    return this.#state.transcript.lastRole === 'user';
  }

  async run(input: RunInput, options: SessionRunOptions = {}): Promise<RunResult<Output>> {
    checkInputType(input);
    return this.#start(input, options, undefined).result;
  }

  stream(input: RunInput, options: SessionRunOptions = {}): AgentStream<Output> {
    checkInputType(input);
    return openStream((sink) => this.#start(input, options, sink));
  }

  async resume(options: SessionRunOptions = {}): Promise<RunResult<Output>> {
    return this.#start(null, options, undefined).result;
  }

  resumeStream(options: SessionRunOptions = {}): AgentStream<Output> {
    return openStream((sink) => this.#start(null, options, sink));
  }

  async approve(callId: string, decision: ApprovalDecision): Promise<void> {
    this.#checkOpen();
    await this.#decisions.approve(callId, decision, this.pending?.approvals);
  }

  /** Keeps a decision, once: in the session of the subagent whose call it is, where it is one. */
  decide(call: Decided, decision: ApprovalDecision): Promise<void> {
    return this.#decisions.keep(call, decision);
  }

  async fork(options: { readonly id: string; readonly at?: number }): Promise<Session<Output>> {
    checkOptions('fork', options, ['id', 'at']);
    const { id, at } = options;
    checkText('id', id);
    if (this.#closing) throw closed(this.id);
    const { length } = this.#log;
    if (at !== undefined && !(Number.isInteger(at) && at >= 0 && at <= length))
      throw new ConfigError('at', `must be a position from 0 to ${length}, got ${JSON.stringify(at)}.`);
    return this.branch(id, at, 'refuse');
  }

  async save(file: string): Promise<void> {
    if (this.#closing) throw closed(this.id);
    await saveSession(file, this.id, this.#log.first());
  }

  async close(): Promise<void> {
    await this.rest(0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Reads the journal. */
  async load(): Promise<void> {
    await this.#log.load();
    const { spec, store } = this.#parts;
    const agentNamed = (name: string): Judge => specNamed(spec, name) ?? strangerNamed(name, spec.seams);
    if (!this.damage) this.#below = await askedBelow(store, this.#state, agentNamed);
  }

  /** Writes the first entry of a new session, or checks that the history can be continued by this agent. */
  async matchPrefix(onChange: 'refuse' | 'drop-thinking'): Promise<void> {
    if (this.damage) return;
    const spec = withModelOf(this.#parts.spec, this.#state.prefix);
    const params = await prepared(spec);
    const { news, changed } = await prefixNews({ spec, params, state: this.#state });
    if (changed.length === 0 || onChange === 'drop-thinking')
      return news.length > 0 ? this.#log.append(news) : undefined;
    const others = changed.map((part) => (part === 'model' ? `model (${this.#state.prefix?.model})` : part));
    throw new ConfigError(
      'agent',
      `the history of session "${this.id}" was made with another ${others.join(' and another ')}, ` +
        "and its thinking blocks are signed over that. Open it with the same agent, or choose onPrefixChange: 'fork' or 'drop-thinking'.",
    );
  }

  /** Its unfinished children belong to the session that it was loaded from: here they are lost. */
  async leaveChildren(): Promise<void> {
    const { unfinished } = this.#state.children;
    if (unfinished.length === 0 || this.damage) return;
    await this.#log.append(
      unfinished.map((record) => ({
        ...givenUp(record, `What became of the background subagent "${record.child}" is not known here.`),
        lost: true,
      })),
    );
  }

  announce(): this {
    openSessions.add(this);
    return this;
  }

  /** Opens a copy of the entries before `at`. */
  async branch(
    id: string,
    at = this.#log.length,
    onChange: 'refuse' | 'drop-thinking',
  ): Promise<OpenSession<Output>> {
    const { store, spec } = this.#parts;
    const copy = await branchSession(this.#log, { store, spec, from: this.id, id, at });
    try {
      const fork = new OpenSession<Output>({ ...this.#parts, id, journal: copy.journal });
      await fork.load();
      await fork.matchPrefix(onChange);
      return fork.announce();
    } catch (error) {
      await copy.discard();
      throw error;
    }
  }

  /** Lets a run finish until the deadline, parks it then, and closes. Of several deadlines the earliest counts. */
  rest(deadlineMs: number): Promise<void> {
    const active = this.#active;
    if (active) {
      const cancel = this.#parts.spec.seams.timer(deadlineMs, () => {
        this.#parked = true;
        active.park();
      });
      active.result.then(cancel, cancel);
    }
    this.#closing ??= this.#rest(active);
    return this.#closing;
  }

  /** Closes it, and tells how that went. */
  async settle(deadlineMs: number): Promise<'rested' | 'parked' | 'stuck'> {
    let cancel = (): void => {};
    const tooLate = new Promise<'stuck'>((resolve) => {
      cancel = this.#parts.spec.seams.timer(deadlineMs + CLOSING_MS, () => resolve('stuck'));
    });
    const closed = this.rest(deadlineMs).then(
      () => (this.#parked ? 'parked' : 'rested'),
      () => 'stuck' as const,
    );
    const end = await Promise.race([closed, tooLate]);
    cancel();
    return end;
  }

  async #rest(active: Occupant | null): Promise<void> {
    openSessions.delete(this);
    await active?.result.catch(() => {});
    await this.#log.close();
  }

  #start(
    input: RunInput | null,
    options: SessionRunOptions,
    sink: ((event: AgentEvent) => void) | undefined,
  ): StartedRun<Output> {
    checkOptions('run options', options, ['signal']);
    const { signal } = options;
    checkSignal(signal);
    return this.lend(({ journal, store, state, after }) => {
      if (input === null) this.#checkResumable();
      const { spec } = this.#parts;
      return startRun<Output>({
        spec,
        journal,
        store,
        state,
        sessionId: this.id,
        input,
        sink,
        signal,
        after,
      });
    });
  }

  /** Lets something write to the session until its result is there. Throws a ConfigError where nothing may. */
  lend<T extends Occupant>(begin: (loan: Loan) => T): T {
    this.#checkFree();
    const { id, store, journal, spec } = this.#parts;
    const { state, rested: after } = this.#log;
    const active = begin({ id, store, journal, state, seams: spec.seams, after });
    this.#active = active;
    this.#below = [];
    const free = (): void => {
      this.#active = null;
      const left = active.left();
      if (!left) return;
      this.#unkept = true;
      void this.#log.after(() => left.then(() => void (this.#unkept = false)));
    };
    active.result.then(free, free);
    return active;
  }

  #checkFree(): void {
    this.#checkOpen();
    if (this.#active)
      throw new ConfigError(
        'session',
        `session "${this.id}" has a run under way, or a script. One run at a time: wait for it, or stop it.`,
      );
  }

  /** Whether anything may be written. */
  #checkOpen(): void {
    if (this.#closing) throw closed(this.id);
    const { damage } = this;
    if (damage) {
      throw new ConfigError(
        'session',
        `session "${this.id}" is damaged in ${damage.where}, bytes ${damage.from} to ${damage.to} (${damage.message}). ` +
          'It can be read up to there, and a fork can go on from there. Some stores can recover more: for a fileStore ' +
          "there is repairSession() of '@pawl/stores/file'.",
      );
    }
  }

  #checkResumable(): void {
    if (this.#unkept)
      throw new ConfigError(
        'session',
        `session "${this.id}" still waits for its store to keep what its last run has done. Wait for that, or open it anew.`,
      );
    if (this.resumable) return;
    const script = this.#state.scripts.unfinished;
    const instead =
      script === undefined
        ? 'its last run is finished. Use run() with a new input.'
        : `its script "${script}" goes on when it is run again: orchestrate({ session, name: "${script}" }, ...).`;
    throw new ConfigError('session', `session "${this.id}" has nothing to resume: ${instead}`);
  }

  /** Keeps an entry: through the run under way, where there is one, so that it has its place in the order. */
  async keep(entry: NewEntry): Promise<void> {
    for (let active = this.#active; active; active = this.#active) {
      if (await active.keep(entry)) return;
      await active.result.catch(() => {});
    }
    await this.#log.append([entry]);
  }
}

function closed(id: string): ConfigError {
  return new ConfigError('session', `session "${id}" is closed.`);
}
