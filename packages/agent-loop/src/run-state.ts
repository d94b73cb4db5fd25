import pLimit, { type LimitFunction } from 'p-limit';
import type { AgentSpec } from './agent-spec.ts';
import type { MessageParam, RequestParams } from './api.ts';
import { messageOf, RunError } from './errors.ts';
import type { AgentEvent, NewDelta, NewEntry } from './events.ts';
import type { Halt } from './halt.ts';
import type { Journal } from './journal.ts';
import type { RunLogger } from './logger.ts';
import { Recorder } from './recorder.ts';
import { RequestBody } from './request-body.ts';
import type { PartialRunResult } from './result.ts';
import { type Seams, sleep } from './seams.ts';
import { costOf, Tally } from './tally.ts';
import { Transcript } from './transcript.ts';

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
  /** The transcript so far. */
  readonly history: readonly MessageParam[];
  /** Called with every event. Deltas are only produced where it is given. */
  readonly sink: ((event: AgentEvent) => void) | undefined;
}

/** One request to the model. */
export interface ModelRequest {
  readonly params: RequestParams;
  readonly messages: readonly MessageParam[];
  readonly bytes: Uint8Array;
}

/** The state of one run: what its entries fold into, and the ways to write, tell, wait and stop. */
export class RunState {
  readonly spec: AgentSpec;
  readonly runId: string;
  readonly seams: Seams;
  readonly halt: Halt;
  readonly logger: RunLogger;
  readonly params: RequestParams;
  readonly transcript: Transcript;
  readonly tally = new Tally();
  /** Runs leaf work under `limits.concurrency`. Never entered from inside itself. */
  readonly limit: LimitFunction;
  /** Whether anybody listens to deltas. */
  readonly telling: boolean;
  readonly #recorder: Recorder;
  readonly #sink: RunParts['sink'];
  #body: RequestBody | undefined;
  #ended = false;

  constructor(parts: RunParts) {
    const { spec, runId, halt, journal, logger, params, history, sink } = parts;
    this.spec = spec;
    this.runId = runId;
    this.halt = halt;
    this.seams = spec.seams;
    this.logger = logger;
    this.params = params;
    this.limit = pLimit(spec.limits.concurrency);
    this.#sink = sink;
    this.telling = sink !== undefined || spec.hooks.onEvent !== undefined;
    this.transcript = new Transcript({
      append: (message) => this.#body?.append(message),
      rewrite: () => (this.#body = undefined),
    });
    this.transcript.seed(history);
    this.#recorder = new Recorder({
      journal,
      seams: spec.seams,
      runId,
      agent: spec.name,
      tell: (event) => this.#tellReaders(event),
      fold: (entry) => {
        this.transcript.apply(entry);
        this.tally.apply(entry);
      },
    });
  }

  /** Keeps an entry, then tells it. Rejects with a RunError `journal` where it could not be kept. */
  async record(entry: NewEntry): Promise<void> {
    if (this.#ended) throw new Error('The run has ended; what comes later is not recorded.');
    if (entry.type === 'run-end') this.#ended = true;
    try {
      await this.#recorder.record(entry);
    } catch (error) {
      const failure = new RunError('journal', `The journal could not be written: ${messageOf(error)}`, {
        cause: error,
      });
      this.halt.trip({ kind: 'failed', reason: failure.message, error: failure });
      throw failure;
    }
  }

  /** Tells something that is not kept. */
  tell(delta: NewDelta): void {
    if (this.telling && !this.#ended) this.#recorder.tell(delta);
  }

  /** The next request, as an object and as the bytes of its body. */
  request(): ModelRequest {
    const { container: given, ...params } = this.params;
    if (!this.#body) {
      this.#body = new RequestBody(params);
      for (const message of this.transcript.messages) this.#body.append(message);
    }
    const id = this.transcript.container(this.seams.now());
    const container = id === undefined || typeof given === 'string' ? given : given ? { ...given, id } : id;
    return {
      params: container === undefined ? params : { ...params, container },
      messages: this.transcript.messages,
      bytes: this.#body.bytes(container),
    };
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

  /** What is known of the run now. */
  snapshot(): PartialRunResult {
    const { turns, text, usage, steps } = this.tally;
    return {
      runId: this.runId,
      text,
      turns,
      messages: this.transcript.closed(),
      usage,
      cost: costOf(steps),
      steps: [...steps],
    };
  }

  #tellReaders(event: AgentEvent): void {
    this.#sink?.(event);
    try {
      this.spec.hooks.onEvent?.(event);
    } catch (error) {
      const failure = new RunError('hook-failed', `The onEvent hook failed: ${messageOf(error)}`, {
        cause: error,
      });
      this.halt.trip({ kind: 'failed', reason: failure.message, error: failure });
    }
  }
}
