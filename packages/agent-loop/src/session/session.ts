import { type Agent, type RunInput, specOf } from '../agent/agent.ts';
import type { AgentStream } from '../agent/agent-stream.ts';
import type { MessageParam } from '../api.ts';
import { ConfigError } from '../errors.ts';
import type { Entry } from '../journal/events.ts';
import { copyInto, discard } from './fork-journal.ts';
import type { ApprovalDecision } from '../agent/hooks.ts';
import type { JournalDamage, JournalStore } from '../journal/journal.ts';
import { OpenSession, openSessions } from './open-session.ts';
import {
  checkDuration,
  checkMethods,
  checkNotNegative,
  checkOptions,
  checkStore,
  checkText,
  shown,
} from '../option-checks.ts';
import type { Cost, Pending, RunResult, Step } from '../loop/result.ts';
import { readSession } from './session-file.ts';
import { prepared } from '../loop/start-run.ts';
import type { Usage } from '../money/usage.ts';

/** What `openSession` takes. */
export interface SessionOptions<Output = unknown> {
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
export interface Session<Output = unknown> extends AsyncDisposable {
  readonly id: string;
  /** The transcript. Always one that the API accepts. */
  readonly messages: readonly MessageParam[];
  /** Tokens of all runs. A fork does not count what its parent used. */
  readonly usage: Usage;
  readonly cost: Cost;
  readonly steps: readonly Step[];
  /** What waits to be finished or decided, or null. While a run is under way: the calls of it that wait for a decision. */
  readonly pending: Pending | null;
  /** Whether `resume()` has something to go on with: what is pending, or a run that a limit, a stop or a failure ended. */
  readonly resumable: boolean;
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

const OPTIONS: readonly (keyof SessionOptions)[] = ['agent', 'store', 'id', 'onPrefixChange', 'forkId'];
const PREFIX_CHANGES: readonly unknown[] = ['refuse', 'drop-thinking', 'fork'];

/** Whether the text of an id will do is for the store to say. */
function checkSessionOptions(where: string, options: SessionOptions, more: readonly string[] = []): void {
  checkOptions(where, options, [...OPTIONS, ...more]);
  const { store, id, onPrefixChange, forkId } = options;
  checkStore(store);
  checkText('id', id);
  if (forkId !== undefined) checkText('forkId', forkId);
  if (onPrefixChange !== undefined && !PREFIX_CHANGES.includes(onPrefixChange))
    throw new ConfigError(
      'onPrefixChange',
      `must be 'refuse', 'drop-thinking' or 'fork', got ${shown(onPrefixChange)}.`,
    );
}

/** Opens a session, or creates it. Of two owners of one session only the later can go on; the other gets an error. */
export async function openSession<Output>(options: SessionOptions<Output>): Promise<Session<Output>> {
  checkSessionOptions('openSession', options);
  const { agent, store, id, onPrefixChange = 'refuse' } = options;
  const spec = specOf(agent);
  // Before the session is opened, which would take it from its owner.
  await prepared(spec);
  const journal = await store.open(id);
  checkMethods('store', 'one whose open() gives a journal', journal, ['append', 'read', 'close']);
  const session = new OpenSession<Output>({ spec, store, id, journal });
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
export type LoadOptions<Output = unknown> = SessionOptions<Output> &
  (
    | { readonly file: string; readonly entries?: never }
    | { readonly entries: readonly Entry[]; readonly file?: never }
  );

/**
 * Opens a session that `save` wrote to a file, or that `importTranscript` made of a foreign transcript, under a new id.
 * It is checked whole before anything is written.
 */
export async function loadSession<Output>(options: LoadOptions<Output>): Promise<Session<Output>> {
  checkSessionOptions('loadSession', options, ['file', 'entries']);
  const { agent, store, id, file, entries, onPrefixChange = 'refuse' } = options;
  const spec = specOf(agent);
  // Before the session is opened, which would take it from its owner.
  await prepared(spec);
  if (file !== undefined) checkText('file', file);
  const loaded = file === undefined ? entries : (await readSession(file)).entries;
  if (!Array.isArray(loaded)) throw new ConfigError('file', 'expected the name of a file, or entries.');
  const journal = await copyInto(store, id, iterate(loaded as readonly Entry[]));
  try {
    const session = new OpenSession<Output>({ spec, store, id, journal });
    await session.load();
    // It is a copy already.
    await session.matchPrefix(onPrefixChange === 'refuse' ? 'refuse' : 'drop-thinking');
    await session.leaveChildren();
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

/**
 * Brings every open session of this process to rest, for a SIGTERM: runs under way may finish until the deadline, in
 * milliseconds (default 10,000); then they are parked: left as they stand, to be resumed by the next process. They take
 * no new runs. Sessions opened after this call are not among them: stop taking work first. Resolves at most a second after the deadline, and never rejects for a session.
 */
export async function drain(options: { readonly deadlineMs?: number } = {}): Promise<Drained> {
  checkOptions('drain', options, ['deadlineMs']);
  const { deadlineMs = 10_000 } = options;
  checkNotNegative('deadlineMs', deadlineMs);
  if (deadlineMs !== 0) checkDuration('deadlineMs', deadlineMs);
  const ends = await Promise.all(
    [...openSessions].map(async (session) => ({ id: session.id, end: await session.settle(deadlineMs) })),
  );
  const idsOf = (wanted: string): string[] => ends.flatMap(({ id, end }) => (end === wanted ? [id] : []));
  return { rested: idsOf('rested'), parked: idsOf('parked'), stuck: idsOf('stuck') };
}

async function* iterate<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}
