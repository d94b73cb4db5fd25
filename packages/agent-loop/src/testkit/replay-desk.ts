import type { AgentSpec } from '../agent/agent-spec.ts';
import type { Client, MessageParam, RequestParams } from '../api.ts';
import type { AgentEvent, ApprovalEvent, NewEntry, SettingsEvent, ToolEndEvent } from '../journal/events.ts';
import { systemSeams } from '../seams.ts';
import type { SessionState } from '../journal/session-state.ts';
import { toCacheSettings } from '../cache/cache-option.ts';
import { sameJson } from '../journal/same-json.ts';
import { settingsOf } from '../session/session-settings.ts';
import { LeftOpen, ServedEnd } from '../tools/tool-call.ts';
import type { Tool } from '../tools/tool.ts';
import { type Difference, differences, differencesOfMessages } from './replay-diff.ts';
import { ReplayMismatch } from './replay-mismatch.ts';
import type { Scene } from './replay-scenes.ts';
import { brokenResponseOf, responseOf } from './replay-stream.ts';

/** What the desk needs of whoever plays a scene. */
export interface Stage {
  /** Brings the recorded state to just before this entry. */
  readonly recordedUpTo: (seq: number) => SessionState;
  readonly decide: (decision: ApprovalEvent) => void;
  /** Keeps an entry that is none of the run's own. */
  readonly keep: (entry: NewEntry) => Promise<void>;
  /** Ends the run as the recording says that it was ended from outside. */
  readonly cutOff: (how: 'stopped' | 'parked') => void;
}

const NEVER_MS = 2 ** 31 - 1;
const pending = new Promise<never>(() => {});

/**
 * Stands in for everything outside a run: serves the recorded replies, tool results and decisions of a scene, and
 * compares each request with the one that the recording implies.
 */
export class ReplayDesk {
  readonly #original: AgentSpec;
  #scene: Scene | undefined;
  #stage: Stage | undefined;
  #index = 0;
  #served = 0;
  #ends: ToolEndEvent[] = [];
  #fireTimeLimit: () => void = () => {};
  #fail: (error: ReplayMismatch) => void = () => {};
  #progress = 0;
  /** Messages that were found to be equal: each pair is compared once. */
  readonly #same = new WeakMap<object, object>();

  constructor(original: AgentSpec) {
    this.#original = original;
  }

  /** How many recorded requests of the scene were not sent. */
  get left(): number {
    return this.scene.exchanges.length - this.#index;
  }

  get scene(): Scene {
    if (!this.#scene) throw new Error('No scene is being played.');
    return this.#scene;
  }

  /** Begins a scene. The promise rejects when it comes out otherwise than recorded; it never resolves. */
  begin(scene: Scene, stage: Stage): Promise<never> {
    this.#scene = scene;
    this.#stage = stage;
    this.#index = 0;
    this.#ends = [...scene.ends];
    const failed = new Promise<never>((_resolve, reject) => (this.#fail = reject));
    failed.catch(() => {});
    return failed;
  }

  mismatch(what: string, seq = this.#here): ReplayMismatch {
    return new ReplayMismatch(what, { exchange: this.#served, runId: this.scene.runId, seq });
  }

  get #here(): number {
    return this.scene.exchanges[this.#index]?.request.seq ?? this.scene.to - 1;
  }

  /** The agent, with this desk in place of the world. */
  spec(): AgentSpec {
    const original = this.#original;
    return {
      ...original,
      tools: new Map([...original.tools].map(([name, tool]) => [name, this.#offline(tool)])),
      limits: { ...original.limits, idleMs: NEVER_MS, timeMs: NEVER_MS - 1 },
      hooks: { beforeRequest: () => this.#beforeRequest(), onEvent: (event) => this.#onEvent(event) },
      // What it chose then.
      ...(original.route && { route: () => this.scene.exchanges[0]?.request.model }),
      approve: undefined,
      logger: undefined,
      seams: {
        now: () => this.scene.exchanges[this.#index]?.request.at ?? this.scene.end?.at ?? this.#lastAt,
        monotonic: () => 0,
        random: () => 0,
        id: () => this.scene.runId,
        timer: (ms, fire) => this.#timer(ms, fire),
      },
      // Its markers move with the prices and pauses of the day. What is replayed is what was asked.
      cache: toCacheSettings('off'),
      client: () => Promise.resolve(this.#client()),
    };
  }

  get #lastAt(): number {
    return this.scene.ends.at(-1)?.at ?? this.scene.input?.at ?? 0;
  }

  /** Nothing is waited for but what never comes. */
  #timer(ms: number, fire: () => void): () => void {
    if (ms === NEVER_MS - 1) this.#fireTimeLimit = fire;
    if (ms >= NEVER_MS - 1) return () => {};
    return systemSeams.timer(0, fire);
  }

  #offline(tool: Tool): Tool {
    return {
      ...tool,
      timeoutMs: undefined,
      needsApproval: (_input, { callId }) => this.scene.asked.has(callId),
      run: (_input, { callId }) => this.#serve(callId, tool.name),
      ...(tool.reconcile && {
        reconcile: (_input: unknown, { callId }: { callId: string }) =>
          this.scene.started.has(callId) ? undefined : this.#serve(callId, tool.name),
      }),
    };
  }

  /** How the call ended then. Where the process ended first, so does the replay. */
  #serve(callId: string, tool: string): Promise<never> {
    const at = this.#ends.findIndex((end) => end.callId === callId);
    const [end] = at < 0 ? [] : this.#ends.splice(at, 1);
    if (end) return Promise.reject(new ServedEnd(end.outcome, end.content));
    const ended = this.scene.end?.outcome;
    if (ended === undefined || ended === 'stopped' || ended === 'time-limit' || ended === 'failed')
      void this.#whenQuiet();
    // It had started, and waited: so do subagents whose calls need decisions.
    else if (ended === 'awaiting-approval' && this.scene.started.has(callId))
      return Promise.reject(new LeftOpen());
    else this.#fail(this.mismatch(`The agent ran "${tool}" (${callId}), which the recording does not hold`));
    return pending;
  }

  /** A call hangs as it did then: the scene is over when nothing else happens any more. */
  async #whenQuiet(): Promise<void> {
    for (let seen = -1, quiet = 0; quiet < 5; quiet = seen === this.#progress ? quiet + 1 : 0) {
      seen = this.#progress;
      await new Promise<void>((resolve) => systemSeams.timer(0, resolve));
    }
    this.#cutOff();
  }

  #cutOff(): void {
    const outcome = this.scene.end?.outcome;
    if (outcome === 'time-limit') this.#fireTimeLimit();
    else this.#stage?.cutOff(outcome === 'stopped' ? 'stopped' : 'parked');
  }

  /** A request more than was recorded: the run was ended here from outside, or the agent has changed. */
  #beforeRequest(): Promise<void> | void {
    if (this.left > 0 || this.#isTooLong) return;
    const end = this.scene.end;
    const fromOutside =
      !end || end.outcome === 'stopped' || end.outcome === 'time-limit' || end.code === 'hook-failed';
    if (fromOutside) this.#cutOff();
    else this.#fail(this.#oneMore());
    return pending;
  }

  #oneMore(): ReplayMismatch {
    const ended = this.scene.end?.outcome;
    return this.mismatch(`The agent sends a request more than was recorded: that run ended as ${ended} here`);
  }

  #onEvent(event: AgentEvent): void {
    this.#progress += 1;
    const { decided, asked } = this.scene;
    const decide = (callId: string): void => {
      const decision = decided.get(callId);
      if (decision) this.#stage?.decide(decision);
    };
    if (event.type === 'approval-request') decide(event.callId);
    // Decisions on calls that had been asked about before.
    if (event.type === 'run-start')
      for (const callId of decided.keys()) if (!asked.has(callId)) decide(callId);
  }

  #client(): Client {
    const create = (body: object) => ({ withResponse: () => this.#exchange(body) });
    const messages = { create, countTokens: () => this.#count() };
    return { messages, beta: { messages } } as unknown as Client;
  }

  /** What a count said is known only where it ended the run: in the reason. */
  async #count(): Promise<{ readonly input_tokens: number }> {
    const [, tokens] = this.#isTooLong ? (/ (\d+) tokens/.exec(this.scene.end?.reason ?? '') ?? []) : [];
    if (tokens === undefined) throw new Error('The recording does not hold this count.');
    return { input_tokens: Number(tokens) };
  }

  /** Whether the run ended because its next prompt did not fit. */
  get #isTooLong(): boolean {
    return this.left <= 0 && this.scene.end?.outcome === 'context-full';
  }

  async #exchange(body: object) {
    const exchange = this.scene.exchanges[this.#index];
    if (!exchange && this.#isTooLong) this.#fail(this.#oneMore());
    if (!exchange) return pending;
    this.#served += 1;
    const { request, answer, children } = exchange;
    const found = this.#compare(body, request.seq);
    if (found.length > 0) {
      const place = { exchange: this.#served, runId: request.runId, seq: request.seq };
      this.#fail(new ReplayMismatch('The agent sends another request than was recorded', place, found));
      return pending;
    }
    this.#index += 1;
    // They ran beside it then, and had ended by the time the model was told.
    for (const entry of children) await this.#stage?.keep(entry);
    if (answer?.type === 'reply') return { data: null, response: responseOf(answer) };
    if (
      !answer ||
      answer.code === 'interrupted' ||
      answer.code === 'stopped' ||
      answer.code === 'time-limit'
    ) {
      this.#cutOff();
      return pending;
    }
    const again = this.scene.exchanges[this.#index]?.request.turn === request.turn;
    return { data: null, response: brokenResponseOf(answer, again) };
  }

  #compare(body: object, seq: number) {
    const {
      messages,
      betas = [],
      container,
      ...params
    } = body as RequestParams & {
      readonly messages: readonly MessageParam[];
      readonly betas?: readonly string[];
    };
    const recorded = this.#stage?.recordedUpTo(seq);
    if (!recorded) return [];
    const sent = settingsOf({ params, spec: { betas } });
    const at = this.scene.exchanges[this.#index]?.request;
    return [
      ...differencesOfSettings(recorded.settings, sent, at?.model, at?.maxTokens),
      ...differences(recorded.transcript.container(at?.at ?? 0), idOf(container), 'container'),
      ...this.compareMessages(recorded.transcript.messages, messages),
    ];
  }

  /** The first message that differs. */
  compareMessages(recorded: readonly MessageParam[], sent: readonly MessageParam[]): Difference[] {
    const length = Math.max(recorded.length, sent.length);
    for (let index = 0; index < length; index += 1) {
      const [before, now] = [recorded[index], sent[index]];
      if (before && now && this.#same.get(now) === before) continue;
      const found =
        before && now && sameJson(before, now)
          ? []
          : differencesOfMessages(plain(before), plain(now), `messages[${index}]`);
      if (found.length > 0) return found;
      if (before && now) this.#same.set(now, before);
    }
    return [];
  }
}

function differencesOfSettings(
  recorded: Pick<SettingsEvent, 'params' | 'betas'> | null,
  sent: Pick<SettingsEvent, 'params' | 'betas'>,
  model: string | undefined,
  maxTokens: number | undefined,
) {
  // A recording without settings tells no more than this of them.
  if (!recorded) {
    return [
      ...differences(model, sent.params.model, 'model'),
      ...differences(maxTokens, sent.params.max_tokens, 'max_tokens'),
    ];
  }
  return [
    ...differences(plain(recorded.params), plain(sent.params)),
    ...differences(recorded.betas.join(', '), sent.betas.join(', '), 'betas'),
  ];
}

function idOf(container: RequestParams['container']): string | undefined {
  return typeof container === 'string' ? container : (container?.id ?? undefined);
}

/** As JSON would have it. */
function plain(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}
