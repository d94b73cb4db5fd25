import pLimit, { type LimitFunction } from 'p-limit';
import type { Gate } from './admission.ts';
import type { AgentSpec } from '../agent/agent-spec.ts';
import type { RequestParams } from '../api.ts';
import { type Assessment, Assessor } from '../money/assessment.ts';
import { CachePlanner } from '../cache/cache-planner.ts';
import { messageOf, RunError } from '../errors.ts';
import type { AgentEvent, ApprovalEvent, NewDelta, NewEntry } from '../journal/events.ts';
import { Background } from '../children/background.ts';
import type { Children } from '../children/children.ts';
import { fanOut } from '../cache/fan-out.ts';
import type { Halt } from './halt.ts';
import { compactingAt } from '../money/compaction-plan.ts';
import type { Journal, JournalStore } from '../journal/journal.ts';
import type { Lineage } from '../children/lineage.ts';
import type { RunLogger } from '../agent/logger.ts';
import type { Parent } from '../children/parent.ts';
import { type Permissions, permissionsOf } from '../children/permissions.ts';
import { checkpointIfDue, isCheckpointDue } from '../session/fold-session.ts';
import { Recorder } from '../journal/recorder.ts';
import type { PartialRunResult } from './result.ts';
import { type Seams, sleep } from '../seams.ts';
import type { ModelRequest, RequestChanges, SessionState } from '../journal/session-state.ts';
import { Tally } from '../money/tally.ts';
import type { Transcript } from '../journal/transcript.ts';
import type { Waiting } from '../children/waiting.ts';

const GRACE_MS = 20;

/** What a run is made of. */
export interface RunParts {
  readonly spec: AgentSpec;
  readonly runId: string;
  /** Trips to stop the run from outside. */
  readonly halt: Halt;
  readonly journal: Journal;
  readonly logger: RunLogger;
  readonly params: RequestParams;
  /** The state of the session that the run belongs to; a session of its own where it belongs to none. */
  readonly state: SessionState;
  readonly sessionId: string | null;
  /** What every request passes before it is sent, in this order. */
  readonly gates?: readonly Gate[] | undefined;
  /** Called with every event. Deltas are only produced where it is given. */
  readonly sink: ((event: AgentEvent) => void) | undefined;
  /** The run that it is a child of. */
  readonly parent?: Parent | undefined;
  readonly children: Children;
  readonly lineage: Lineage;
  readonly store?: JournalStore | null | undefined;
  readonly waiting?: Waiting | undefined;
}

/** The state of one run: what its entries fold into, and the ways to write, tell, wait and stop. */
export class RunState implements Parent {
  spec: AgentSpec;
  readonly runId: string;
  readonly seams: Seams;
  readonly halt: Halt;
  readonly logger: RunLogger;
  readonly state: SessionState;
  readonly sessionId: string | null;
  /** Whether its transcript will probably be gone on with after it. */
  readonly lasts: boolean;
  readonly gates: readonly Gate[];
  /** Those of the runs above this one. */
  readonly inherited: readonly Gate[];
  readonly children: Children;
  /** Those among them that it does not wait for. */
  readonly background = new Background();
  readonly lineage: Lineage;
  readonly permissions: Permissions;
  readonly store: JournalStore | null;
  /** Told when all that it does waits for decisions; undefined where nobody waits for it who could go on meanwhile. */
  readonly waiting: Waiting | undefined;
  /** Whether anybody listens to deltas. */
  readonly telling: boolean;
  #params: RequestParams;
  #limit: LimitFunction | undefined;
  #caching: CachePlanner;
  #assessor: Assessor | undefined;
  readonly #recorder: Recorder;
  readonly #sink: RunParts['sink'];
  #deciders: Map<string, (decision: ApprovalEvent) => void> | undefined;
  #ended = false;
  /** Cancels the checkpoint that would be kept in a moment. */
  #keepNothing = (): void => {};

  constructor(parts: RunParts) {
    const { spec, runId, halt, journal, logger, params, state, sessionId, sink } = parts;
    this.spec = spec;
    this.runId = runId;
    this.halt = halt;
    this.seams = spec.seams;
    this.logger = logger;
    this.#params = params;
    this.#sink = sink;
    this.telling = sink !== undefined || spec.hooks.onEvent !== undefined;
    this.state = state;
    this.sessionId = sessionId;
    this.inherited = parts.parent?.gates ?? [];
    this.gates = [...new Set([fanOut, ...this.inherited, ...(parts.gates ?? [])])];
    this.children = parts.children;
    this.lineage = parts.lineage;
    this.permissions = permissionsOf(spec, parts.parent?.permissions);
    this.store = parts.store ?? null;
    this.waiting = parts.waiting;
    this.lasts = !parts.parent && (sessionId !== null || state.transcript.length > 0);
    this.#caching = new CachePlanner({ spec, params, log: state.cache, lasts: this.lasts });
    this.#recorder = new Recorder({
      journal,
      from: state.length,
      seams: spec.seams,
      halt,
      runId,
      agent: spec.name,
      parentRunId: parts.parent?.runId,
      tell: (event) => this.#tellReaders(event),
      fold: (entry) => {
        state.apply(entry);
        this.#caching.observe(entry);
        if (entry.type === 'approval' && entry.session === undefined)
          this.#deciders?.get(entry.callId)?.(entry);
      },
      rest: ({ type }) => {
        if (type !== 'request' && type !== 'run-end') return;
        this.#keepNothing();
        // In a moment the request is on its way, and nobody waits for a checkpoint.
        if (type === 'request' && isCheckpointDue(journal))
          this.#keepNothing = this.seams.timer(0, () => void checkpointIfDue(journal, state, () => logger));
      },
    });
  }

  /** The request's fields but for the transcript: the same object for every request that has the same. */
  get params(): RequestParams {
    const { compactAt } = this.state;
    const decides = compactAt !== null && this.spec.autoCompaction !== null;
    return decides ? compactingAt(this.#params, compactAt) : this.#params;
  }

  /** What is known of its requests before they are sent, for those who limit them. */
  assess(request: ModelRequest): Assessment {
    this.#assessor ??= new Assessor(this.spec, this.state);
    return this.#assessor.assess(this.params, request);
  }

  /** Runs leaf work under `limits.concurrency`. Never entered from inside itself. */
  get limit(): LimitFunction {
    return (this.#limit ??= pLimit(this.spec.limits.concurrency));
  }

  /** Goes on as an agent that differs in its model. Before the first request only. */
  adopt(spec: AgentSpec, params: RequestParams): void {
    this.spec = spec;
    this.#params = params;
    this.#assessor = undefined;
    this.#caching = new CachePlanner({ spec, params, log: this.state.cache, lasts: this.lasts });
  }

  /** Model calls of the conversation so far, in earlier runs too. */
  get conversationTurns(): number {
    return this.state.total.steps.filter(({ agent, lost }) => agent === this.spec.name && !lost).length;
  }

  /** What this run amounts to so far. */
  get tally(): Tally {
    return this.state.run?.runId === this.runId ? this.state.run.tally : new Tally();
  }

  get transcript(): Transcript {
    return this.state.transcript;
  }

  /** Keeps an entry, then tells it. Rejects with a RunError `journal` where it could not be kept. */
  record(entry: NewEntry): Promise<void> {
    if (this.#ended) return Promise.reject(new Error('The run has ended; what comes later is not recorded.'));
    if (entry.type === 'run-end') this.#ended = true;
    return this.#recorder.record(entry);
  }

  /** Tells something that is not kept. */
  tell(delta: NewDelta): void {
    if (this.telling && !this.#ended) this.#recorder.tell(delta);
  }

  /** Tells the readers an event of a child. */
  forward(event: AgentEvent): void {
    this.#tellReaders(event);
  }

  /** The next request, as an object and as the bytes of its body. `changes` are for this request alone. */
  request(changes?: RequestChanges): ModelRequest {
    const now = this.seams.now();
    const next = { now, turn: this.tally.turns + 1, differs: changes?.tool_choice !== undefined };
    return this.state.request(this.params, now, changes, (bytes) => this.#caching.plan({ ...next, bytes }));
  }

  /** Whether nothing more is recorded. */
  get over(): boolean {
    return this.#ended;
  }

  /** Nothing more is recorded: the run is left as it stands, to be resumed. Resolves when what was recorded is kept. */
  async leave(): Promise<void> {
    this.#ended = true;
    this.#keepNothing();
    await this.flushed();
  }

  /** Resolves when everything recorded so far is kept, or has failed. */
  flushed(): Promise<void> {
    return this.#recorder.flushed();
  }

  /** The next decision on a call, whoever gives it. To be forgotten when it is no longer waited for. */
  decisionOn(callId: string): { readonly decision: Promise<ApprovalEvent>; readonly forget: () => void } {
    const deciders = (this.#deciders ??= new Map());
    const decision = new Promise<ApprovalEvent>((resolve) => deciders.set(callId, resolve));
    return { decision, forget: () => deciders.delete(callId) };
  }

  /** Waits, but no longer than until the run is stopped. */
  sleep(ms: number): Promise<void> {
    return sleep(this.seams, ms, this.halt.on);
  }

  /** The moment that tools get to end by themselves once the run is stopped. */
  grace(): Promise<void> {
    return new Promise((resolve) => {
      this.seams.timer(GRACE_MS, resolve);
    });
  }

  /** Waits for work that ends by itself, but no longer than that moment. */
  graceFor(work: Promise<unknown>): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = this.seams.timer(GRACE_MS, resolve);
    const over = work.then(cancel, cancel);
    return Promise.race([promise, over]);
  }

  /** What is known of the run now. */
  snapshot(): PartialRunResult {
    const { turns, text, usage, steps, cost } = this.tally;
    const messages = this.transcript.closing();
    return {
      runId: this.runId,
      text,
      turns,
      get messages() {
        return messages();
      },
      usage,
      cost,
      steps: [...steps],
    };
  }

  #tellReaders(event: AgentEvent): void {
    this.#sink?.(event);
    try {
      // Typed to return nothing, which an asynchronous function fits too: it is not waited for, but must not fail silently.
      const pending = this.spec.hooks.onEvent?.(event) as unknown;
      if (pending instanceof Promise) pending.catch((error: unknown) => this.#failHook(error));
    } catch (error) {
      this.#failHook(error);
    }
  }

  #failHook(error: unknown): void {
    const message = `The onEvent hook failed: ${messageOf(error)}`;
    const failure = new RunError('hook-failed', message, { cause: error });
    this.halt.trip({ kind: 'failed', reason: failure.message, error: failure });
  }
}
