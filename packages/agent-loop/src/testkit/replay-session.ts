import { type Agent, specOf } from '../agent/agent.ts';
import type { AgentSpec } from '../agent/agent-spec.ts';
import { ConfigError, RunError } from '../errors.ts';
import type { Entry } from '../journal/events.ts';
import { type Journal, memoryJournal } from '../journal/journal.ts';
import type { RunResult } from '../loop/result.ts';
import { Tally } from '../money/tally.ts';
import { checkNotNegative, checkOptions, shown } from '../option-checks.ts';
import { OpenSession } from '../session/open-session.ts';
import { readSession } from '../session/session-file.ts';
import { SessionState } from '../journal/session-state.ts';
import { prepared } from '../loop/start-run.ts';
import { ReplayDesk } from './replay-desk.ts';
import { ReplayMismatch } from './replay-mismatch.ts';
import { type Scene, scenesOf } from './replay-scenes.ts';

/** What may be replayed: a file that `session.save` wrote, the journal of any store, or entries. */
export type Recording = string | Pick<Journal, 'read'> | readonly Entry[] | AsyncIterable<Entry>;

/** Options of a replay. */
export interface ReplayOptions {
  /** Position of the entry to begin at: runs that began before are taken for granted. Default 0. */
  readonly fromSeq?: number;
}

/**
 * Plays a recording through an agent, offline: replies, tool results and decisions are the recorded ones; no tool, hook or
 * callback of the agent is called. Each request that the agent would send is compared with the one that the recording
 * implies, and each transcript with the recorded one.
 *
 * Resolves with a result for each time that a recorded run came to an end with an outcome; what that cost is what it cost
 * then, subagents included. Rejects with a ReplayMismatch at the first difference, and with a ConfigError where there is
 * nothing to replay.
 */
export async function replaySession<Output>(
  recording: Recording,
  agent: Agent<Output>,
  options: ReplayOptions = {},
): Promise<readonly RunResult<Output>[]> {
  checkOptions('replaySession', options, ['fromSeq']);
  const { fromSeq = 0 } = options;
  checkNotNegative('fromSeq', fromSeq);
  const entries = await entriesOf(recording);
  const scenes = scenesOf(entries).filter(({ from }) => from >= fromSeq);
  if (scenes.length === 0) throw new ConfigError('recording', 'it holds no run to replay.');
  const replay = new Replay<Output>(entries, specOf(agent));
  const results: RunResult<Output>[] = [];
  for (const scene of scenes) {
    const result = await replay.play(scene);
    if (result) results.push(result);
  }
  return results;
}

async function entriesOf(recording: Recording): Promise<readonly Entry[]> {
  if (typeof recording === 'string') return (await readSession(recording)).entries;
  const entries: Entry[] = [];
  for await (const entry of listOf(recording)) entries.push(entry);
  return entries;
}

function listOf(recording: Exclude<Recording, string>): Iterable<Entry> | AsyncIterable<Entry> {
  const { read } = Object(recording) as Partial<Journal>;
  if (typeof read === 'function') return (recording as Journal).read();
  const list = Object(recording) as Partial<Iterable<Entry> & AsyncIterable<Entry>>;
  if (list[Symbol.iterator] ?? list[Symbol.asyncIterator]) return recording as Iterable<Entry>;
  throw new ConfigError(
    'recording',
    `expected the name of a file that session.save() wrote, a journal, or entries, got ${shown(recording)}.`,
  );
}

class Replay<Output> {
  readonly #entries: readonly Entry[];
  readonly #desk: ReplayDesk;
  readonly #spec: AgentSpec;
  /** What the recording folds into, up to `#position`. */
  readonly #recorded = new SessionState();
  #position = 0;
  /** The session that plays, and the position in the recording that it stands at. */
  #session: OpenSession<Output> | undefined;
  #standsAt = -1;

  constructor(entries: readonly Entry[], original: AgentSpec) {
    this.#entries = entries;
    this.#desk = new ReplayDesk(original);
    this.#spec = this.#desk.spec();
  }

  /** Plays one scene. Resolves with its result, or undefined where it has none. */
  async play(scene: Scene): Promise<RunResult<Output> | undefined> {
    // Cut off before anything was asked: there is nothing to compare.
    if (scene.end === null && scene.exchanges.length === 0) return undefined;
    const session = await this.#sessionAt(scene.from);
    const stop = new AbortController();
    const failed = this.#desk.begin(scene, {
      recordedUpTo: (seq) => this.#foldTo(seq),
      decide: (decision) => void session.decide(decision, decision),
      keep: (entry) => session.keep(entry),
      cutOff: (how) => (how === 'stopped' ? stop.abort(scene.end?.reason ?? '') : void session.rest(0)),
    });
    try {
      const running = scene.input
        ? session.run(scene.input.content, { signal: stop.signal })
        : session.resume({ signal: stop.signal });
      const result = await Promise.race([running.catch(asFailure), failed]);
      this.#compareEnd(scene, result, session);
      return scene.end && !RunError.is(result) ? Object.assign(result, this.#spent()) : undefined;
    } catch (error) {
      await session.rest(0).catch(() => {});
      throw error;
    }
  }

  /** A session that stands where the recording stands before entry `from`. One that has played up to there goes on. */
  async #sessionAt(from: number): Promise<OpenSession<Output>> {
    const since = this.#session ? this.#entries.slice(this.#standsAt, from) : [];
    const playsOn =
      this.#session && since.every(({ type }) => type === 'approval' || type === 'settings')
        ? this.#session
        : null;
    if (playsOn) {
      for (const entry of since)
        if (entry.type === 'approval' && entry.session === undefined) await playsOn.decide(entry, entry);
      return playsOn;
    }
    await this.#session?.rest(0);
    const journal = memoryJournal();
    await journal.append(this.#entries.slice(0, from), 0);
    const parts = {
      spec: this.#spec,
      params: await prepared(this.#spec),
      store: noStore,
      id: 'replay',
      journal,
    };
    const session = new OpenSession<Output>(parts);
    await session.load();
    this.#session = session;
    return session;
  }

  /** What the run has cost by then. The replay has not run its subagents, so it could not tell. */
  #spent(): Pick<RunResult, 'usage' | 'cost' | 'steps'> {
    const { usage, cost, steps } = this.#recorded.run?.tally ?? new Tally();
    return { usage, cost, steps: [...steps] };
  }

  #foldTo(seq: number): SessionState {
    for (const entry of this.#entries.slice(this.#position, seq)) this.#recorded.apply(entry);
    this.#position = Math.max(this.#position, seq);
    return this.#recorded;
  }

  /** A scene has to end as it did, with the same transcript. */
  #compareEnd(scene: Scene, result: RunResult<Output> | RunError, session: OpenSession<Output>): void {
    this.#foldTo(scene.to);
    const { end } = scene;
    const ended = RunError.is(result) ? result.code : result.outcome;
    const recorded = end?.outcome === 'failed' ? (end.code ?? 'failed') : end?.outcome;
    // What the process, or a hook, cut off has no end of its own.
    const isOpen = end === null || end.code === 'hook-failed';
    if (isOpen) {
      this.#session = undefined;
      return;
    }
    if (ended !== recorded)
      throw this.#desk.mismatch(`The run ends as ${ended}, and was recorded as ${recorded}`, scene.to - 1);
    if (this.#desk.left > 0)
      throw this.#desk.mismatch(
        `The agent ends the run where the recording holds ${this.#desk.left} more requests`,
      );
    const found = this.#desk.compareMessages(this.#recorded.transcript.closed(), session.messages);
    if (found.length > 0) {
      const place = { exchange: scene.exchanges.length, runId: scene.runId, seq: scene.to - 1 };
      throw new ReplayMismatch('The run leaves another transcript than was recorded', place, found);
    }
    this.#standsAt = scene.to;
  }
}

function asFailure(error: unknown): RunError {
  if (RunError.is(error)) return error;
  throw error;
}

const noStore = {
  open: () => Promise.reject(new Error('A replay has no store.')),
  list: () => Promise.resolve([]),
  delete: () => Promise.resolve(),
};
