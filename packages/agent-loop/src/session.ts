import { type Agent, type RunInput, specOf } from './agent.ts';
import { type AgentStream, openStream } from './agent-stream.ts';
import type { AgentSpec } from './agent-spec.ts';
import type { MessageParam, RequestParams } from './api.ts';
import { ConfigError } from './errors.ts';
import type { AgentEvent, Entry, NewEntry } from './events.ts';
import { fingerprint } from './fingerprint.ts';
import { copyInto } from './fork-journal.ts';
import type { ApprovalDecision } from './hooks.ts';
import { type Journal, type JournalDamage, JournalError, type JournalStore } from './journal.ts';
import type { Cost, Pending, RunResult, Step } from './result.ts';
import { prepared, type StartedRun, startRun } from './start-run.ts';
import { formatSession, parseSession } from './session-file.ts';
import { pendingOf } from './session-pending.ts';
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
  /** What waits to be finished or decided, or null. */
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
  /** Decides on a pending call. The first decision counts; more of them are ignored. `resume()` then carries it out. */
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
    if (onPrefixChange !== 'fork' || !(error instanceof ConfigError)) {
      await journal.close();
      throw error;
    }
    const fork = await session.copy(options.forkId ?? `${id}-fork`);
    await journal.close();
    await fork.matchPrefix('drop-thinking');
    return fork.announce();
  }
}

/** Opens a saved session under a new id. The file is checked whole before anything is written. */
export async function loadSession<Output>(
  options: Omit<SessionOptions<Output>, 'id'> & { readonly file: string; readonly id: string },
): Promise<Session<Output>> {
  const { readText } = await import('#files');
  const { entries } = parseSession(await readText(options.file), options.file);
  const journal = await copyInto(options.store, options.id, iterate(entries));
  await journal.close();
  return openSession(options);
}

/**
 * Brings every open session of this process to rest, for a SIGTERM: runs under way may finish until the deadline, then
 * they are parked: left as they stand, to be resumed by the next process. Resolves when all are closed.
 */
export async function drain(options: { readonly deadlineMs?: number } = {}): Promise<void> {
  const { deadlineMs = 10_000 } = options;
  await Promise.all([...open].map((session) => session.rest(deadlineMs)));
}

interface SessionParts {
  readonly spec: AgentSpec;
  readonly params: RequestParams;
  readonly store: JournalStore;
  readonly id: string;
  readonly journal: Journal;
}

class OpenSession<Output> implements Session<Output> {
  readonly id: string;
  readonly #parts: SessionParts;
  readonly #state = new SessionState();
  #active: StartedRun<Output> | null = null;
  #closed = false;

  constructor(parts: SessionParts) {
    this.#parts = parts;
    this.id = parts.id;
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
    return this.#parts.journal.damage;
  }
  get pending(): Pending | null {
    return this.#active ? null : pendingOf(this.#state, this.#parts.spec);
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
    const block = this.#state.openCalls().find((call) => call.id === callId);
    if (!block)
      throw new ConfigError(
        'callId',
        `no call ${JSON.stringify(callId)} waits for a decision. See session.pending.`,
      );
    if (this.#state.callOf(block).decided) return;
    await this.#record({ type: 'approval', callId, tool: block.name, ...toDecision(decision) });
  }

  async fork({ id, at }: { readonly id: string; readonly at?: number }): Promise<Session<Output>> {
    if (at !== undefined && !(Number.isInteger(at) && at >= 0 && at <= this.#parts.journal.length)) {
      throw new ConfigError(
        'at',
        `must be a position from 0 to ${this.#parts.journal.length}, got ${JSON.stringify(at)}.`,
      );
    }
    const fork = await this.copy(id, at);
    await fork.matchPrefix('refuse');
    return fork.announce();
  }

  async save(file: string): Promise<void> {
    const { writeText } = await import('#files');
    await writeText(file, await formatSession(this.id, this.#parts.journal.read()));
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
    }
  }

  /** Writes the first entry of a new session, or checks that the history can be continued by this agent. */
  async matchPrefix(onChange: 'refuse' | 'drop-thinking'): Promise<void> {
    if (this.damage) return;
    const { params } = this.#parts;
    const now = { model: params.model, fingerprint: await fingerprint(params) };
    const { prefix } = this.#state;
    if (!prefix) return this.#record({ type: 'session-start', version: 1, ...now });
    if (prefix.fingerprint === now.fingerprint) return;
    if (onChange === 'drop-thinking') return this.#record({ type: 'prefix-change', ...now });
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

  async copy(id: string, at = this.#parts.journal.length): Promise<OpenSession<Output>> {
    const { store, journal, spec } = this.#parts;
    const stamp = { runId: '', agent: spec.name, at: spec.seams.now() };
    const copied = await copyInto(store, id, firstOf(journal.read(), at), (seq) => ({
      type: 'fork',
      from: this.id,
      entries: at,
      seq,
      ...stamp,
    }));
    const fork = new OpenSession<Output>({ ...this.#parts, id, journal: copied });
    await fork.load();
    return fork;
  }

  /** Lets a run finish until the deadline, parks it then, and closes. */
  async rest(deadlineMs: number): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    open.delete(this);
    const active = this.#active;
    if (active) {
      const cancel = this.#parts.spec.seams.timer(deadlineMs, () => active.park());
      await active.result.catch(() => {});
      cancel();
    }
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
    });
    this.#active = started;
    const free = (): void => {
      this.#active = null;
    };
    started.result.then(free, free);
    return started;
  }

  #checkFree(): void {
    if (this.#closed) throw new ConfigError('session', `session "${this.id}" is closed.`);
    if (this.#active)
      throw new ConfigError(
        'session',
        `session "${this.id}" has a run under way. One run at a time: wait for it, or stop it.`,
      );
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
    if (this.pending) return;
    if (this.#state.transcript.messages.at(-1)?.role === 'user') return;
    throw new ConfigError(
      'session',
      `session "${this.id}" has nothing to resume: its last run is finished. Use run() with a new input.`,
    );
  }

  async #record(entry: NewEntry): Promise<void> {
    if (this.#active) return this.#active.record(entry);
    const { journal, spec } = this.#parts;
    const stamp = {
      runId: this.#state.run?.runId ?? '',
      agent: spec.name,
      at: spec.seams.now(),
      seq: journal.length,
    };
    const stamped = { ...entry, ...stamp } as Entry;
    await journal.append([stamped], stamped.seq, { sync: true });
    this.#state.apply(stamped);
  }
}

async function* iterate<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

async function* firstOf(entries: AsyncIterable<Entry>, count: number): AsyncGenerator<Entry> {
  for await (const entry of entries) {
    if (entry.seq >= count) return;
    yield entry;
  }
}
