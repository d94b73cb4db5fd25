import type { AttemptWatch } from '../loop/admission.ts';
import type { Message, StreamEvent } from '../api.ts';
import { missingKey } from '../agent/default-client.ts';
import { messageOf } from '../errors.ts';
import { DoubtfulTry } from './doubtful-try.ts';
import { LostReply, lostByApi, notSent } from './lost-reply.ts';
import { readReply } from './read-reply.ts';
import { BadStream, ReplyBuilder, type ReplyListener } from './reply-builder.ts';
import type { RunState } from '../loop/run-state.ts';
import { sendRequest } from './send-request.ts';
import type { ModelRequest } from '../journal/session-state.ts';
import { describeCost, type TraceSpan } from './trace-span.ts';

/** A whole reply. */
export interface Reply {
  readonly message: Message;
  readonly brokenCalls: readonly string[];
  readonly requestId: string | null;
  readonly firstTokenMs: number;
  readonly durationMs: number;
}

/** Where content may be withheld, only pings show that a reply goes on: they are believed for this many times `idleMs`. */
const PING_PATIENCE = 10;
/** A long prompt is read before the headers come, without pings: they are waited for this many times `idleMs`, in each of the SDK's tries. */
const HEADER_PATIENCE = 10;
/** How long the end of the body is waited for once the reply is whole: its connection can then serve again. */
const LINGER_MS = 100;

/**
 * Sends one request and reads its reply to the end. Rejects with a LostReply for anything but a whole reply: an API
 * error, a broken or silent stream, a body that is no Messages reply, or a run that was stopped meanwhile.
 */
export function callModel(
  run: RunState,
  request: ModelRequest,
  listener: ReplyListener,
  { begun = () => {}, attempts = [] }: Watching = {},
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    new ModelCall(run, request, { listener, attempts, begun, resolve, reject }).begin();
  });
}

/** Who is told of the request before its reply is whole. */
interface Watching {
  /** The first event of the reply is there. */
  readonly begun?: () => void;
  readonly attempts?: readonly AttemptWatch[] | undefined;
}

interface CallParts extends Required<Watching> {
  readonly listener: ReplyListener;
  readonly attempts: readonly AttemptWatch[];
  readonly resolve: (reply: Reply) => void;
  readonly reject: (lost: LostReply) => void;
}

/** One request under way. It ends once: whole, lost, or stopped; its timer and its listener end with it. */
class ModelCall {
  readonly #run: RunState;
  readonly #request: ModelRequest;
  readonly #parts: CallParts;
  readonly #builder: ReplyBuilder;
  readonly #connection = new AbortController();
  readonly #startedAt: number;
  #lastContentAt: number;
  #lastBytesAt: number;
  #firstTokenMs = 0;
  #requestId: string | null = null;
  #span: TraceSpan | undefined;
  /** Whether headers have come. Until then the SDK waits and retries by its own rules. */
  #streaming = false;
  /** When the SDK's try that is under way began; null while it waits between two. */
  #tryingSince: number | null;
  readonly #doubt = new DoubtfulTry((lost) => this.#lose(lost));
  #suspected = false;
  /** Whether message_stop has come. */
  #whole = false;
  #over = false;
  #cancelTimer = (): void => {};
  #detach = (): void => {};

  constructor(run: RunState, request: ModelRequest, parts: CallParts) {
    this.#run = run;
    this.#request = request;
    this.#parts = parts;
    this.#builder = new ReplyBuilder(parts.listener);
    this.#startedAt = this.#lastContentAt = this.#lastBytesAt = this.#tryingSince = run.seams.monotonic();
  }

  begin(): void {
    const { halt, seams } = this.#run;
    this.#detach = halt.on(() => {
      if (this.#whole) return this.#complete();
      const { kind, reason } = halt.reason ?? { kind: 'stopped', reason: 'stopped' };
      this.#lose(new LostReply(kind === 'time-limit' ? 'time-limit' : 'stopped', reason, false));
    });
    this.#watch();
    void this.#read().then(
      () => this.#complete(),
      // What goes wrong with the connection after the reply is whole takes nothing from it.
      (error: unknown) => (this.#whole ? this.#complete() : this.#lose(this.#asLost(error, seams.now()))),
    );
  }

  async #read(): Promise<void> {
    const { seams } = this.#run;
    const attempts = [this.#doubt, ...this.#parts.attempts, this.#tries];
    const sent = await sendRequest(this.#run, this.#request, this.#connection.signal, attempts);
    this.#requestId = sent.response.headers.get('request-id');
    this.#span = sent.span;
    this.#streaming = true;
    this.#lastContentAt = this.#lastBytesAt = seams.monotonic();
    await readReply(
      sent,
      (event) => this.#take(event),
      () => (this.#lastBytesAt = seams.monotonic()),
    );
  }

  #take(event: StreamEvent): void {
    if (this.#over || !this.#builder.accept(event)) return;
    this.#lastContentAt = this.#run.seams.monotonic();
    if (event.type === 'message_start') this.#parts.begun();
    if (this.#firstTokenMs === 0 && event.type === 'content_block_start')
      this.#firstTokenMs = this.#lastContentAt - this.#startedAt;
    if (event.type !== 'message_stop') return;
    this.#whole = true;
    if (this.#span) describeCost(this.#run, this.#span, this.#builder.finish().message);
    this.#linger();
  }

  /** The reply is whole; a server that keeps the connection open is not waited for. */
  #linger(): void {
    this.#cancelTimer();
    this.#cancelTimer = this.#run.seams.timer(LINGER_MS, () => {
      this.#complete();
      giveUp(this.#connection);
    });
  }

  readonly #tries: AttemptWatch = {
    again: () => {
      this.#tryingSince = this.#run.seams.monotonic();
      return Promise.resolve();
    },
    answered: () => (this.#tryingSince = null),
    failed: () => (this.#tryingSince = null),
  };

  /** One timer that looks again when silence could have become too long: nothing is re-armed per event. */
  #watch(): void {
    const { idleMs } = this.#run.spec.limits;
    const left = this.#patienceUntil(idleMs) - this.#run.seams.monotonic();
    if (left <= 0 && this.#suspected) {
      const silence = this.#streaming
        ? `The stream was silent for ${idleMs} ms.`
        : `No answer began for ${idleMs * HEADER_PATIENCE} ms.`;
      return this.#lose(new LostReply('stream-broken', silence, true));
    }
    // Where this process was busy that long, what came meanwhile is read first.
    this.#suspected = left <= 0;
    this.#cancelTimer = this.#run.seams.timer(Math.max(Math.min(left, idleMs), 1), () => this.#watch());
  }

  #patienceUntil(idleMs: number): number {
    if (this.#streaming) return this.#quietSince(idleMs) + idleMs;
    return this.#tryingSince === null
      ? this.#run.seams.monotonic() + idleMs
      : this.#tryingSince + idleMs * HEADER_PATIENCE;
  }

  #quietSince(idleMs: number): number {
    if (!this.#builder.mayBeQuiet) return this.#lastContentAt;
    const patience = this.#lastContentAt + idleMs * (PING_PATIENCE - 1);
    return Math.max(this.#lastContentAt, Math.min(this.#lastBytesAt, patience));
  }

  #complete(): void {
    if (this.#over) return;
    try {
      const whole = this.#builder.finish();
      const durationMs = this.#lastContentAt - this.#startedAt;
      const firstTokenMs = this.#firstTokenMs || durationMs;
      this.#end();
      this.#parts.resolve({ ...whole, requestId: this.#requestId, firstTokenMs, durationMs });
    } catch (error) {
      this.#lose(this.#asLost(error, this.#run.seams.now()));
    }
  }

  #lose(lost: LostReply): void {
    if (this.#over) return;
    this.#end();
    giveUp(this.#connection);
    const { text, usage = null, model = this.#request.params.model } = this.#builder.partial;
    const durationMs = this.#run.seams.monotonic() - this.#startedAt;
    const firstTokenMs = this.#firstTokenMs || null;
    lost.partial = { text, usage, model, durationMs, firstTokenMs };
    lost.unbilled ||= this.#doubt.unsent;
    this.#parts.reject(lost);
  }

  #asLost(error: unknown, now: number): LostReply {
    if (error instanceof LostReply) return error;
    if (error instanceof BadStream) return new LostReply('stream-broken', error.message, true, error);
    const lost = lostByApi(error, now);
    // What is thrown before any answer and is no error of the API or the network is about the client: no key, a bad header.
    if (this.#streaming || lost.code !== 'stream-broken') return lost;
    return notSent('config', missingKey(this.#run.spec.account, error) ?? messageOf(error), error);
  }

  #end(): void {
    this.#over = true;
    this.#cancelTimer();
    this.#detach();
  }
}

/**
 * Aborts from a stack of its own. The reason of an abort remembers the objects whose methods were being called, the SDK
 * remembers the reason for as long as there is the body, and the body of a broken stream then stays for ever: with it
 * would stay all of the run.
 */
function giveUp(connection: AbortController): void {
  queueMicrotask(() => connection.abort());
}
