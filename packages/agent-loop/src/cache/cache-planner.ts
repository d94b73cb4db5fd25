import type { AgentSpec } from '../agent/agent-spec.ts';
import type { RequestParams } from '../api.ts';
import { gapOf, Habit } from './cache-habit.ts';
import type { CacheLog } from './cache-log.ts';
import { lifetimeMs } from './cache-log.ts';
import { type CacheMarks, fitting, headBytes, NO_MARKS, type OwnMarks, ownMarks } from './cache-marks.ts';
import { surelyTooShort } from './cache-minimum.ts';
import type { CacheTtl } from './cache-option.ts';
import { type CacheRates, type NextRequest, USUAL_RATES, worthwhileTtl } from './cache-worth.ts';
import type { Entry } from '../journal/events.ts';

/** What a run tells of itself. */
export interface CacheRun {
  readonly spec: Pick<AgentSpec, 'cache' | 'limits' | 'pricing'>;
  readonly params: RequestParams;
  readonly log: CacheLog;
  /** Whether its transcript will probably be gone on with after it: a session's, or one that was handed in. */
  readonly lasts: boolean;
}

/** What is known of the request that is built. */
export interface NextBody {
  /** Size of its body without markers. */
  readonly bytes: number;
  readonly turn: number;
  readonly now: number;
  /** Whether its messages will not be read back: another tool choice makes them another prefix. */
  readonly differs: boolean;
}

const EVEN: NextRequest = { soon: 0.5, later: 0 };
const NEVER: NextRequest = { soon: 0, later: 0 };

/** How one agent of this process is used, over all of its runs. */
interface Use {
  /** Of runs that nobody goes on with. */
  readonly runs: Habit;
  /** Of its tools and system prompt, which all runs share. */
  readonly head: Habit;
  headAt: number | null;
  headTtl: CacheTtl | null;
  readonly own: OwnMarks;
}

const uses = new WeakMap<RequestParams, Use>();

function useOf(params: RequestParams): Use {
  let use = uses.get(params);
  if (!use) {
    use = { runs: new Habit(), head: new Habit(), headAt: null, headTtl: null, own: ownMarks(params) };
    uses.set(params, use);
  }
  return use;
}

/** Decides where the requests of one run are marked. */
export class CachePlanner {
  readonly #run: CacheRun;
  readonly #use: Use;
  readonly #before: NextRequest;
  #last: { readonly turn: number } | null = null;
  #planned: CacheMarks = NO_MARKS;

  constructor(run: CacheRun) {
    this.#run = run;
    this.#use = useOf(run.params);
    // A run without tools is one request; one with tools asks again as often as not, and somebody answers in a session.
    this.#before = run.lasts || run.params.tools?.length ? EVEN : NEVER;
  }

  /** The breakpoints of the next request. */
  plan(body: NextBody): CacheMarks {
    const { spec, log, params } = this.#run;
    if (!spec.cache.places) return NO_MARKS;
    const end = this.#end(body);
    const head = surelyTooShort(params.model, headBytes(params)) ? null : (end ?? this.#head(body));
    const { tools, system, messages } = spec.cache.places;
    const earlier = log.places.outOfSight;
    const marks: CacheMarks = {
      tools: params.tools?.length ? chosen(tools, head) : null,
      system: params.system === undefined ? null : chosen(system, head),
      end: body.differs ? null : chosen(messages, end),
      earlier: earlier === null ? null : { message: earlier, ttl: '5m' },
      block: spec.cache.block,
    };
    this.#planned = fitting(marks, this.#use.own, log.places.marked);
    return this.#planned;
  }

  /** Learns from what the run records. */
  observe(entry: Entry): void {
    const { lasts } = this.#run;
    if (entry.type === 'request') {
      if (!lasts && this.#last && entry.attempt === 1) this.#use.runs.note(this.#last.turn, 'soon');
      this.#last = { turn: entry.turn };
      if (this.#use.headAt !== null) this.#use.head.note(null, gapOf(entry.at - this.#use.headAt));
      this.#use.headAt = entry.at;
      this.#use.headTtl = this.#planned.system ?? this.#planned.tools;
    } else if (entry.type === 'run-end' && !lasts && this.#last) {
      this.#use.runs.note(this.#last.turn, 'never');
      this.#last = null;
    }
  }

  #end({ bytes, turn, now }: NextBody): CacheTtl | null {
    const { spec, log, lasts } = this.#run;
    const { tokens, cached } = log.estimate(bytes, now);
    const habit = lasts ? log.habit : this.#use.runs;
    const next = !lasts && turn >= spec.limits.turns ? NEVER : habit.expect(turn, this.#before);
    return worthwhileTtl({ cached, fresh: tokens - cached, next, rates: this.#rates(tokens, now) });
  }

  /** Tools and system prompt are shared with other runs of the agent. */
  #head({ now }: NextBody): CacheTtl | null {
    const { log, lasts } = this.#run;
    const { head, headAt, headTtl } = this.#use;
    const isCached = headAt !== null && headTtl !== null && now - headAt <= lifetimeMs(headTtl);
    const before = lasts && log.habit.known ? log.habit.expectAny(EVEN) : EVEN;
    const next = head.expectAny(before);
    const size = { cached: isCached ? 1 : 0, fresh: isCached ? 0 : 1 };
    return worthwhileTtl({ ...size, next, rates: this.#rates(0, now) });
  }

  #rates(promptTokens: number, at: number): CacheRates {
    const { spec, params } = this.#run;
    const { model, speed, inference_geo: geo } = params;
    const rates = spec.pricing.rates.of(model, { at, promptTokens, speed, geo });
    if (!rates) return USUAL_RATES;
    const input = Number(rates.input);
    const of = (rate: bigint | null, usual: number): number =>
      rate === null || input === 0 ? usual : Number(rate) / input;
    return {
      read: of(rates.read, USUAL_RATES.read),
      write5m: of(rates.write5m, USUAL_RATES.write5m),
      write1h: of(rates.write1h, USUAL_RATES.write1h),
    };
  }
}

/** `false` is none, a lifetime is that one, and null is left to be decided. */
function chosen(given: CacheTtl | false | null, decided: CacheTtl | null): CacheTtl | null {
  return given === null ? decided : given || null;
}
