import { type Agent, type RunInput, specOf } from './agent.ts';
import { type AgentStream, openStream } from './agent-stream.ts';
import type { AgentSpec } from './agent-spec.ts';
import type { MessageParam, RequestParams, ToolUseBlock } from './api.ts';
import { ConfigError } from './errors.ts';
import type { AgentEvent, Entry, NewEntry } from './events.ts';
import { fingerprint } from './fingerprint.ts';
import { copyInto, discard } from './fork-journal.ts';
import type { ApprovalDecision } from './hooks.ts';
import { type Journal, type JournalDamage, JournalError, type JournalStore } from './journal.ts';
import type { Cost, Pending, RunResult, Step } from './result.ts';
import { checkDuration } from './option-checks.ts';
import { prepared, type StartedRun, startRun } from './start-run.ts';
import { readSession, saveSession } from './session-file.ts';
import { askedNow, pendingOf } from './session-pending.ts';
import { sameSettings, settingsOf } from './session-settings.ts';
import { SessionState } from './session-state.ts';
import { costOf } from './tally.ts';
import { toDecision } from './tool-call.ts';
import type { Usage } from './usage.ts';

/** What `openSession` takes. */
export interface SessionOptions<Output> {
  readonly agent: Agent<Output>;
  /** Where the journal lasts, such as `fileStore('.pawl/sessions')`. */
  readonly store: JournalStore;
  /** 1 to 128 letters, digits, `_`, `-` or `.`. */
  readonly id: string;
  /**
   * What to do where the agent's model, system prompt or tools are not those the history was made with. Thinking blocks
   * are signed over them, so the history cannot be sent as it is: `'refuse'` (default) throws a ConfigError,
   * `'drop-thinking'` goes on without the earlier thinking blocks, `'fork'` does the same in a copy named `forkId`.
   */
  readonly onPrefixChange?: 'refuse' | 'drop-thinking' | 'fork';
  /** The id of the copy for `onPrefixChange: 'fork'`. Default: the id followed by `-fork`. */
  readonly forkId?: string;
}

/** Options of a session's run. */
export interface SessionRunOptions {
  /** Stops the run when aborted, like `stop()`. */
  readonly signal?: AbortSignal;
}

/**
 * A conversation that lasts. Every step is in the journal before the next begins, so a run that is cut off at any point
 * (a crash, a kill, a loss of power) is finished by `resume()`. One run at a time.
 */
export interface Session<Output = never> extends AsyncDisposable {
  readonly id: string;
  /** The transcript. Always one that the API accepts. */
  readonly messages: readonly MessageParam[];
  /** Tokens of all runs. A fork does not count what its parent used. */
  readonly usage: Usage;
  readonly cost: Cost;
  readonly steps: readonly Step[];
  /** What waits to be finished or decided, or null. While a run is under way: the calls of it that wait for a decision. */
  readonly pending: Pending | null;
  /** Damage found in the journal, or null. A damaged session can be read up to it, and not continued. */
  readonly damage: JournalDamage | null;
  /** Runs with a new input. What was pending is given up first: its calls are answered as not carried out, or as unknown. */
  run(input: RunInput, options?: SessionRunOptions): Promise<RunResult<Output>>;
  /** The same, telling every event. */
  stream(input: RunInput, options?: SessionRunOptions): AgentStream<Output>;
  /**
   * Finishes what was interrupted or waits for approval, or goes on after a limit, a stop or a failure. Finished work is
   * kept. Throws a ConfigError where there is nothing to go on with.
   */
  resume(options?: SessionRunOptions): Promise<RunResult<Output>>;
  /** The same, telling every event. */
  resumeStream(options?: SessionRunOptions): AgentStream<Output>;
  /**
   * Decides on a call that waits for it. The first decision counts; more of them are ignored. A run under way carries it
   * out, otherwise `resume()` does. Throws a ConfigError for a call that does not wait for a decision (any more), and for
   * a changed input that does not fit the tool.
   */
  approve(callId: string, decision: ApprovalDecision): Promise<void>;
  /** A copy of this session's entries before position `at` (default: all), under a new id. They share nothing. */
  fork(options: { readonly id: string; readonly at?: number }): Promise<Session<Output>>;
  /** Writes the session to a file that `loadSession` reads. Needs Node. */
  save(file: string): Promise<void>;
  /** Ends a run that is under way where it stands, so that it can be resumed, then closes the journal. */
  close(): Promise<void>;
}

/** The open sessions of this process, for `drain`. */
const open = new Set<OpenSession<unknown>>();

/** Opens a session, or creates it. Of two owners of one session only the later can go on; the other gets an error. */
export async function openSession<Output>(options: SessionOptions<Output>): Promise<Session<Output>> {
  const { agent, store, id, onPrefixChange = 'refuse' } = options;
  const spec = specOf(agent);
  const params = await prepared(spec);
  const journal = await store.open(id);
  const session = new OpenSession<Output>({ spec, params, store, id, journal });
  try {
    await session.load();
    await session.matchPrefix(onPrefixChange === 'fork' ? 'refuse' : onPrefixChange);
    return session.announce();
  } catch (error) {
    try {
      if (onPrefixChange !== 'fork' || !(error instanceof ConfigError)) throw error;
      return await session.branch(options.forkId ?? `${id}-fork`, undefined, 'drop-thinking');
    } finally {
      await journal.close();
    }
  }
}

/** Where `loadSession` takes a session from, and under which new id it opens it. */
export type LoadOptions<Output> = SessionOptions<Output> &
  (
    | { readonly file: string; readonly entries?: never }
    | { readonly entries: readonly Entry[]; readonly file?: never }
  );

/**
 * Opens a session that `save` wrote to a file, or that `importTranscript` made of a foreign transcript, under a new id.
 * It is checked whole before anything is written.
 */
export async function loadSession<Output>(options: LoadOptions<Output>): Promise<Session<Output>> {
  const { agent, store, id, file, entries, onPrefixChange = 'refuse' } = options;
  const spec = specOf(agent);
  const params = await prepared(spec);
  const loaded = file === undefined ? entries : (await readSession(file)).entries;
  if (!Array.isArray(loaded)) throw new ConfigError('file', 'expected the name of a file, or entries.');
  const journal = await copyInto(store, id, iterate(loaded as readonly Entry[]));
  try {
    const session = new OpenSession<Output>({ spec, params, store, id, journal });
    await session.load();
    // It is a copy already.
    await session.matchPrefix(onPrefixChange === 'refuse' ? 'refuse' : 'drop-thinking');
    return session.announce();
  } catch (error) {
    await discard(store, id, journal);
    throw error;
  }
}

/** What became of the sessions that were open, by id. */
export interface Drained {
  /** At rest: idle, or their run has ended. */
  readonly rested: readonly string[];
  /** Their run was left as it stands, to be resumed. */
  readonly parked: readonly string[];
  /** Not closed: their store did not answer in time, or failed. What it had acknowledged is kept. */
  readonly stuck: readonly string[];
}

/** How long a session gets to close once its run was parked. */
const CLOSING_MS = 1000;

/**
 * Brings every open session of this process to rest, for a SIGTERM: runs under way may finish until the deadline, in
 * milliseconds (default 10,000); then they are parked: left as they stand, to be resumed by the next process. New runs
 * are refused from now on. Resolves at most a second after the deadline, and never rejects for a session.
 */
export async function drain(options: { readonly deadlineMs?: number } = {}): Promise<Drained> {
  const { deadlineMs = 10_000 } = options;
  if (deadlineMs !== 0) checkDuration('deadlineMs', deadlineMs);
  const ends = await Promise.all(
    [...open].map(async (session) => ({ id: session.id, end: await session.settle(deadlineMs) })),
  );
  const idsOf = (wanted: string): string[] => ends.flatMap(({ id, end }) => (end === wanted ? [id] : []));
  return { rested: idsOf('rested'), parked: idsOf('parked'), stuck: idsOf('stuck') };
}

interface SessionParts {
  readonly spec: AgentSpec;
  readonly params: RequestParams;
  readonly store: JournalStore;
  readonly id: string;
  readonly journal: Journal;
}

/** A session of this process. */
export class OpenSession<Output> implements Session<Output> {
  readonly id: string;
  readonly #parts: SessionParts;
  readonly #state = new SessionState();
  /** A store may look at a large content only when it is read: what it finds then counts as much. */
  #damageOnReading: JournalDamage | null = null;
  #active: StartedRun<Output> | null = null;
  /** The latest entry that was written outside a run: the next one, and the next run, come after it. */
  #written: Promise<unknown> = Promise.resolve();
  /** Decisions that are being written, by call. */
  readonly #deciding = new Map<string, Promise<void>>();
  #closing: Promise<void> | undefined;
  #parked = false;

  constructor(parts: SessionParts) {
    this.#parts = parts;
    this.id = parts.id;
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
    return costOf(this.#state.total.steps);
  }
  get steps(): readonly Step[] {
    return [...this.#state.total.steps];
  }
  get damage(): JournalDamage | null {
    return this.#parts.journal.damage ?? this.#damageOnReading;
  }
  get pending(): Pending | null {
    const { spec } = this.#parts;
    return this.#active ? askedNow(this.#state, spec) : pendingOf(this.#state, spec);
  }

  async run(input: RunInput, options: SessionRunOptions = {}): Promise<RunResult<Output>> {
    return this.#start(input, options, undefined).result;
  }

  stream(input: RunInput, options: SessionRunOptions = {}): AgentStream<Output> {
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
    const call = this.pending?.approvals.find((approval) => approval.callId === callId);
    if (!call) return this.#checkLate(callId);
    const { spec } = this.#parts;
    const { input } = toDecision(decision);
    const checked = input === undefined ? undefined : await spec.tools.get(call.tool)?.check(input);
    if (checked && !checked.ok)
      throw new ConfigError('input', `the changed input does not fit "${call.tool}":\n${checked.message}`);
    await this.decide(call, decision);
  }

  /** Keeps a decision, once. */
  decide({ callId, tool }: { callId: string; tool: string }, decision: ApprovalDecision): Promise<void> {
    const earlier = this.#deciding.get(callId);
    if (earlier) return earlier;
    const kept = this.#keep({ type: 'approval', callId, tool, ...toDecision(decision) });
    const forget = (): void => void this.#deciding.delete(callId);
    kept.then(forget, forget);
    this.#deciding.set(callId, kept);
    return kept;
  }

  async fork({ id, at }: { readonly id: string; readonly at?: number }): Promise<Session<Output>> {
    if (this.#closing) throw closed(this.id);
    const { length } = this.#parts.journal;
    if (at !== undefined && !(Number.isInteger(at) && at >= 0 && at <= length))
      throw new ConfigError('at', `must be a position from 0 to ${length}, got ${JSON.stringify(at)}.`);
    return this.branch(id, at, 'refuse');
  }

  async save(file: string): Promise<void> {
    if (this.#closing) throw closed(this.id);
    const { journal } = this.#parts;
    await saveSession(file, this.id, firstOf(journal.read(), journal.length));
  }

  async close(): Promise<void> {
    await this.rest(0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Folds the journal. Damage ends it early: what comes before can be read. */
  async load(): Promise<void> {
    try {
      for await (const entry of this.#parts.journal.read()) this.#state.apply(entry);
    } catch (error) {
      if (!(error instanceof JournalError && error.code === 'corrupt')) throw error;
      const unnamed = { where: this.id, from: 0, to: 0, message: error.message };
      this.#damageOnReading = error.damage ?? unnamed;
    }
  }

  /** Writes the first entry of a new session, or checks that the history can be continued by this agent. */
  async matchPrefix(onChange: 'refuse' | 'drop-thinking'): Promise<void> {
    if (this.damage) return;
    const { params } = this.#parts;
    const now = { model: params.model, fingerprint: await fingerprint(params) };
    const { prefix } = this.#state;
    const settings = settingsOf(this.#parts);
    const news: NewEntry[] = sameSettings(settings, this.#state.settings) ? [] : [settings];
    if (!prefix) return this.#append([{ type: 'session-start', version: 1, ...now }, ...news]);
    if (prefix.fingerprint === now.fingerprint) return news.length > 0 ? this.#append(news) : undefined;
    if (onChange === 'drop-thinking') return this.#append([{ type: 'prefix-change', ...now }, ...news]);
    throw new ConfigError(
      'agent',
      `the history of session "${this.id}" was made with another ${prefix.model === now.model ? 'system prompt or set of tools' : `model (${prefix.model})`}, ` +
        "and its thinking blocks are signed over that. Open it with the same agent, or choose onPrefixChange: 'fork' or 'drop-thinking'.",
    );
  }

  announce(): this {
    open.add(this);
    return this;
  }

  /** Opens a copy of the entries before `at`. */
  async branch(
    id: string,
    at = this.#parts.journal.length,
    onChange: 'refuse' | 'drop-thinking',
  ): Promise<OpenSession<Output>> {
    const { store, journal, spec } = this.#parts;
    const stamp = { runId: spec.seams.id('run'), agent: spec.name, at: spec.seams.now() };
    const copied = await copyInto(store, id, firstOf(journal.read(), at), (seq) => ({
      type: 'fork',
      from: this.id,
      entries: at,
      seq,
      ...stamp,
    }));
    try {
      const fork = new OpenSession<Output>({ ...this.#parts, id, journal: copied });
      await fork.load();
      await fork.matchPrefix(onChange);
      return fork.announce();
    } catch (error) {
      await discard(store, id, copied);
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

  async #rest(active: StartedRun<Output> | null): Promise<void> {
    open.delete(this);
    await active?.result.catch(() => {});
    await this.#written.catch(() => {});
    await this.#parts.journal.close();
  }

  #start(
    input: RunInput | null,
    options: SessionRunOptions,
    sink: ((event: AgentEvent) => void) | undefined,
  ): StartedRun<Output> {
    this.#checkFree();
    if (input === null) this.#checkResumable();
    const { spec, journal } = this.#parts;
    const started = startRun<Output>({
      spec,
      journal,
      state: this.#state,
      sessionId: this.id,
      input,
      sink,
      ...options,
      after: this.#written.catch(() => {}),
    });
    this.#active = started;
    const free = (): void => {
      this.#active = null;
    };
    started.result.then(free, free);
    return started;
  }

  #checkFree(): void {
    this.#checkOpen();
    if (this.#active)
      throw new ConfigError(
        'session',
        `session "${this.id}" has a run under way. One run at a time: wait for it, or stop it.`,
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
          'It can be read and forked up to there; repairSession() of the store recovers what can be recovered into a copy.',
      );
    }
  }

  #checkResumable(): void {
    if (this.pending || this.#state.paused) return;
    if (this.#state.transcript.messages.at(-1)?.role === 'user') return;
    throw new ConfigError(
      'session',
      `session "${this.id}" has nothing to resume: its last run is finished. Use run() with a new input.`,
    );
  }

  /** A second answer is no mistake. Anything else that nobody asked is. */
  #checkLate(callId: string): void {
    const record = this.#state.callOf({ id: callId } as ToolUseBlock);
    if (this.#state.wasDecided(callId)) return;
    const why =
      record.asked && !record.started ? 'has waited too long and counts as denied' : 'waits for no decision';
    throw new ConfigError('callId', `the call ${JSON.stringify(callId)} ${why}. See session.pending.`);
  }

  /** Keeps an entry: through the run under way, where there is one, so that it has its place in the order. */
  async #keep(entry: NewEntry): Promise<void> {
    for (let active = this.#active; active; active = this.#active) {
      if (await active.keep(entry)) return;
      await active.result.catch(() => {});
    }
    await this.#append([entry]);
  }

  /** Keeps entries outside a run, after all that were written before. */
  #append(entries: readonly NewEntry[]): Promise<void> {
    const { journal, spec } = this.#parts;
    const written = this.#written.then(async () => {
      const stamp = { runId: this.#state.run?.runId ?? '', agent: spec.name, at: spec.seams.now() };
      const from = journal.length;
      const stamped = entries.map((entry, index) => Object.assign({}, entry, stamp, { seq: from + index }));
      await journal.append(stamped, from, { sync: true });
      for (const entry of stamped) this.#state.apply(entry);
    });
    this.#written = written.catch(() => {});
    return written;
  }
}

function closed(id: string): ConfigError {
  return new ConfigError('session', `session "${id}" is closed.`);
}

async function* iterate<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

/** Reads no further than it has to, and so not into damage. */
async function* firstOf(entries: AsyncIterable<Entry>, count: number): AsyncGenerator<Entry> {
  if (count === 0) return;
  for await (const entry of entries) {
    yield entry;
    if (entry.seq === count - 1) return;
  }
}
