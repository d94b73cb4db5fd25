import type { AgentSpec } from '../agent/agent-spec.ts';
import { toUsd } from './amount.ts';
import type { Message, MessageParam, RequestParams } from '../api.ts';
import { type CacheMarks, NO_MARKS } from '../cache/cache-marks.ts';
import { RunError } from '../errors.ts';
import { type HiddenCosts, hiddenCosts } from './hidden-costs.ts';
import type { Pricing } from './pricing.ts';
import { type Glance, PromptBound } from './prompt-bound.ts';
import type { ModelRequest, SessionState } from '../journal/session-state.ts';
import { type WorstCase, worstAt, worstCase } from './worst-case.ts';

/** The region that replies to an agent have named; undefined while none has. */
interface Served {
  region: string | null | undefined;
}

const serving = new WeakMap<AgentSpec, Served>();
const bounds = new WeakMap<SessionState, PromptBound>();

/** Looks at the requests of a run of this agent in that session, each once for all of its gates. */
export class Assessor {
  readonly served: Served;
  readonly bound: PromptBound;
  #latest: Assessment | undefined;

  constructor(spec: AgentSpec, state: SessionState | null) {
    this.served = serving.get(spec) ?? { region: undefined };
    this.bound = (state && bounds.get(state)) ?? new PromptBound();
    serving.set(spec, this.served);
    if (state) bounds.set(state, this.bound);
  }

  /** A request with these fields of the run. */
  assess(params: RequestParams, request: ModelRequest): Assessment {
    if (this.#latest?.request === request) return this.#latest;
    return (this.#latest = new Assessment(this, params, request));
  }
}

interface Asked {
  readonly pricing: Pricing | null;
  readonly at: number;
  readonly promptTokens: number | null;
}

/** What a request can use. */
export class Assessment {
  readonly request: ModelRequest;
  readonly glance: Glance;
  readonly #by: Assessor;
  readonly #params: RequestParams;
  readonly #hidden: HiddenCosts;
  /** Several gates ask the same. */
  #last: (Asked & { readonly worst: WorstCase }) | undefined;

  constructor(by: Assessor, params: RequestParams, request: ModelRequest) {
    this.request = request;
    this.#by = by;
    this.#params = params;
    this.#hidden = hiddenCosts(params);
    this.glance = by.bound.glance(params, request, this.#hidden.added);
  }

  /** Whether `count_tokens` can make the bound tighter. */
  get countable(): boolean {
    const { opaque, growth } = this.#hidden;
    return !this.glance.counted && !opaque && growth !== 'window';
  }

  /** The most it can use when it is sent then, with so many more tokens in its prompt. */
  worst(pricing: Pricing | null, at: number, more = 0): WorstCase {
    const { tokens } = this.glance;
    return this.#worst({ pricing, at, promptTokens: tokens === null ? null : tokens + more });
  }

  /** The same if its prompt were nothing: no count can make it less. */
  least(pricing: Pricing | null, at: number): WorstCase {
    return this.#worst({ pricing, at, promptTokens: 0 });
  }

  /** Learns from the reply what the next bound can lean on. */
  learn(reply: Message): void {
    this.glance.learn(reply);
    this.#by.served.region = reply.usage.inference_geo ?? null;
  }

  #worst(asked: Asked): WorstCase {
    const { pricing, at, promptTokens } = asked;
    const last = this.#last;
    if (last?.pricing === pricing && last.at === at && last.promptTokens === promptTokens) return last.worst;
    const { marker } = this.glance;
    const servedIn = this.#by.served.region;
    const worst = worstCase(
      { params: this.#params, promptTokens, marker, at, servedIn },
      this.#hidden,
      pricing,
    );
    this.#last = { pricing, at, promptTokens, worst };
    return worst;
  }
}

/** The most that a first request can cost in USD, of a prompt of so many tokens; null where that can not be told. */
export function worstUsd(
  spec: AgentSpec,
  { messages, ...params }: RequestParams & { readonly messages: readonly MessageParam[] },
  inputTokens: number,
): number | null {
  const bytes = new TextEncoder().encode(JSON.stringify({ ...params, messages }));
  // Whatever of it is cached, an hour is the dearest.
  const marks: CacheMarks = spec.cache.places ? { ...NO_MARKS, end: '1h' } : NO_MARKS;
  const request = { params, messages, all: messages, bytes, marks };
  const assessment = new Assessor(spec, null).assess(params, request);
  assessment.glance.count(inputTokens);
  try {
    return toUsd(worstAt(assessment.worst(spec.pricing, spec.seams.now()), params.max_tokens).amount);
  } catch (error) {
    if (RunError.is(error) && error.code === 'config') return null;
    throw error;
  }
}
