import type { AttemptWatch, Candidate, Permit } from '../loop/admission.ts';
import type { Message } from '../api.ts';
import { type LostReply, notSent } from '../request/lost-reply.ts';
import { readRates } from './rate-headers.ts';
import type { Lane, RateGovernor } from './rate-governor.ts';
import type { Charges } from './rate-lane.ts';
import type { RunState } from '../loop/run-state.ts';
import { type RateNeeds, takenBy } from './token-forecast.ts';

/**
 * Leave to send one request, through all the tries that the SDK makes. It is charged while a try is under way; a try that
 * failed gives its place up, and the next has to be admitted again, before all that have not had their turn.
 */
export class GovernorPermit implements Permit, AttemptWatch {
  readonly attempts: readonly AttemptWatch[] = [this];
  readonly #governor: RateGovernor;
  readonly #lane: Lane;
  readonly #run: RunState;
  readonly #candidate: Candidate;
  readonly #fast: boolean;
  readonly #needs: RateNeeds;
  /** While a try is under way. */
  #charges: Charges | undefined;
  #sentAt = 0;
  #over = false;

  constructor(governor: RateGovernor, lane: Lane, run: RunState, candidate: Candidate, fast: boolean) {
    this.#governor = governor;
    this.#lane = lane;
    this.#run = run;
    this.#candidate = candidate;
    this.#fast = fast;
    this.#needs = governor.forecast.needsOf(run, candidate);
  }

  /** Waits for its turn. Resolves with null when it may be sent, or with the hold that the run does not wait for. */
  take(place: 'in-turn' | 'first'): Promise<number | null> {
    const { promise, resolve } = Promise.withResolvers<number | null>();
    const admit = (charges: Charges): void => {
      this.#charges = charges;
      this.#sentAt = this.#governor.now();
      if (this.#over) this.release();
      resolve(null);
    };
    this.#governor.join(this.#lane, { run: this.#run, needs: this.#needs, admit, refuse: resolve }, place);
    return promise;
  }

  /** The SDK is about to try again. */
  async again(): Promise<void> {
    if (this.#charges || this.#over) return;
    const heldForMs = await this.#run.halt.race(this.take('first'));
    if (typeof heldForMs !== 'number') return;
    // Whatever was sent before was answered with an error, or there would be no other try.
    const lost = notSent('rate-limited', heldMessage(heldForMs, this.#run));
    lost.retryAfterMs = heldForMs;
    throw lost;
  }

  answered({ status, headers }: Response, retryAfterMs: number | undefined, hopeless: boolean): void {
    const charges = this.#charges;
    if (!charges) return;
    const { rates } = this.#lane;
    const now = this.#governor.now();
    const readings = readRates(headers, this.#fast);
    if (status === 429) {
      this.#refund(charges);
      // A spend limit says nothing of the others' rates.
      const spent = hopeless && retryAfterMs === undefined;
      if (!spent && rates.limited(charges, readings, retryAfterMs, now)) this.#governor.learnt(this.#lane);
    } else {
      if (rates.counted(charges, readings, now)) this.#governor.learnt(this.#lane);
      if (status >= 400) this.#end(charges, failedTry(status, this.#needs));
      if (status === 529) rates.overloaded(charges, retryAfterMs, now);
    }
    if (status === 429 || status === 529) this.#governor.held(this.#lane);
    this.#governor.pump();
  }

  failed(): void {
    // Nobody knows whether the server counted it.
    if (this.#charges) this.#end(this.#charges, { ...this.#needs, output: 0 });
    this.#governor.pump();
  }

  settle(reply: Message): void {
    this.#over = true;
    const taken = this.#governor.forecast.learn(this.#run, this.#candidate, reply);
    const charges = this.#charges;
    if (!charges) return;
    this.#end(charges, taken);
    this.#lane.rates.succeeded(charges, this.#governor.now() - this.#sentAt);
    this.#governor.pump();
  }

  lose({ code, partial, retryAfterMs }: LostReply): void {
    this.#over = true;
    const charges = this.#charges;
    if (!charges) return;
    const taken = partial?.usage ? takenBy(partial.usage) : { ...this.#needs, output: 0 };
    const seen = Math.ceil((partial?.text.length ?? 0) / 4);
    this.#end(charges, { ...taken, output: Math.max(taken.output, seen) });
    // An error event in the middle of a stream says what a status would have said.
    const { rates } = this.#lane;
    const now = this.#governor.now();
    if (code === 'overloaded') rates.overloaded(charges, retryAfterMs, now);
    if (code === 'rate-limited') rates.limited(charges, {}, retryAfterMs, now);
    if (code === 'overloaded' || code === 'rate-limited') this.#governor.held(this.#lane);
    this.#governor.pump();
  }

  release(): void {
    this.#over = true;
    if (this.#charges) this.#refund(this.#charges);
    this.#governor.pump();
  }

  #end(charges: Charges, taken: RateNeeds): void {
    this.#charges = undefined;
    this.#lane.rates.settle(charges, taken, this.#governor.now());
    this.#governor.ended();
    this.#noteCorrection(charges.needs, taken);
  }

  #refund(charges: Charges): void {
    this.#charges = undefined;
    this.#lane.rates.refund(charges, this.#governor.now());
    this.#governor.ended();
    this.#noteCorrection(charges.needs, { requests: 0, input: 0, output: 0 });
  }

  #noteCorrection(told: RateNeeds, taken: RateNeeds): void {
    const requests = taken.requests - told.requests;
    const input = taken.input - told.input;
    const output = taken.output - told.output;
    if (requests !== 0 || input !== 0 || output !== 0)
      this.#governor.note({ type: 'charge', lane: this.#lane.name, requests, input, output });
  }
}

/** What a try that was answered with an error took: one that the server could not serve probably counts, one it refused as a request. */
function failedTry(status: number, needs: RateNeeds): RateNeeds {
  return { ...needs, input: status >= 500 ? needs.input : 0, output: 0 };
}

/** Why a run does not wait for a hold. */
export function heldMessage(heldForMs: number, run: RunState): string {
  const seconds = Math.ceil(heldForMs / 1000);
  const { retryAfterMs } = run.spec.limits;
  return `The server asks to wait ${seconds} s before the next request; limits.retryAfterMs allows ${retryAfterMs} ms.`;
}
