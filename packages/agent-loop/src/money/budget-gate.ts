import type { Candidate, Gate, LeftBehind, Permit, Refusal } from '../loop/admission.ts';
import { type Amount, fromUsd, toUsd } from './amount.ts';
import type { Message } from '../api.ts';
import type { Assessment } from './assessment.ts';
import { type BudgetBook, type Ceiling, plus, type Spend, type Verdict } from './budget-book.ts';
import type { BudgetKeeper } from './budget-keeper.ts';
import { countPrompt } from './count-tokens.ts';
import { SHORTEST_CLOSING, shortestReply } from '../loop/leave.ts';
import type { LostReply } from '../request/lost-reply.ts';
import type { Price, Pricing } from './pricing.ts';
import { reservationId, type RunSpend, spendOf } from './run-spend.ts';
import type { RunState } from '../loop/run-state.ts';
import { type WorstCase, worstAt } from './worst-case.ts';

/** What a gate of a budget keeps to. */
export interface BudgetTerms {
  /** Names it in reasons, such as `limits.usd (0.5)`. */
  readonly name: string;
  readonly ceiling: Ceiling;
  /** Money that only the closing answer may use. */
  readonly hold: Amount;
  readonly keeper: BudgetKeeper;
  /** The window of a moment in epoch milliseconds. */
  readonly windowOf: (at: number) => string;
  /** Whether each run has it to itself, so that what an earlier process spent on the run has to be counted anew. */
  readonly ofRun: boolean;
}

/** The answer to a request, and whether asking the server for the size of its prompt could make it another. */
type Asked = Permit | (Refusal & { readonly countHelps?: boolean });

/** What is reserved for a request. */
interface Reservation {
  readonly id: string;
  readonly reserved: Spend;
  readonly assessment: Assessment;
}

/** What was asked for, and when; `ends` counts what had ended by then. */
interface Asking {
  readonly assessment: Assessment;
  readonly worst: WorstCase;
  readonly at: number;
  readonly ends: number;
}

/** What the message that asks for a closing answer may add to a prompt, in tokens. */
const CLOSING_TOKENS = 512;

/** How long a reservation is held, before any has ended. */
const FIRST_DURATION_MS = 5000;

/** A gate that reserves the worst case of every request before it is sent, and settles it after. */
export class BudgetGate implements Gate {
  readonly name: string;
  readonly limitsMoney: boolean;
  readonly #terms: BudgetTerms;
  /** Resolves when a reservation of this process ends. */
  #ended: PromiseWithResolvers<void> | undefined;
  /** How many have ended. */
  #ends = 0;
  /** How long reservations were held of late. */
  #durationMs = FIRST_DURATION_MS;

  constructor(terms: BudgetTerms) {
    this.#terms = terms;
    this.name = terms.name;
    this.limitsMoney = terms.ceiling.amount !== null;
  }

  admit(run: RunState, candidate: Candidate): Permit | Refusal | Promise<Permit | Refusal> {
    const answer = this.#ask(run, candidate);
    if (answer instanceof Promise) return answer.then((given) => this.#orCounted(run, candidate, given));
    return this.#orCounted(run, candidate, answer);
  }

  /** A run that an earlier process began goes on, or is given up. */
  async recall({ runId, spend, resumed, inherited, ofChildren }: LeftBehind): Promise<void> {
    const { keeper, ofRun } = this.#terms;
    if (!ofRun) return keeper.change((book) => settleOpen(book, runId, spend));
    if (!resumed || inherited) return;
    const children = await ofChildren();
    await keeper.change((book) => book.add(plus(spend.spent, children), spend.lost));
  }

  kept(): Promise<void> | undefined {
    return this.#terms.keeper.kept();
  }

  #ask(run: RunState, candidate: Candidate): Asked | Promise<Asked> {
    const { keeper, ceiling, hold, windowOf } = this.#terms;
    const at = run.seams.now();
    const assessment = run.assess(candidate.request);
    const worst = assessment.worst(this.#pricing(run), at);
    const reserved = worstAt(worst, candidate.request.params.max_tokens);
    const ends = this.#ends;
    const id = reservationId(run.runId, candidate.turn, candidate.attempt);
    const verdict = keeper.reserve({
      id,
      worst: reserved,
      ceiling,
      hold: candidate.closing ? 0n : hold,
      window: windowOf(at),
    });
    const answer = (given: Verdict): Asked =>
      given.kind === 'reserved'
        ? new BudgetPermit(this, run, { id, reserved, assessment })
        : this.#refuse(run, candidate, given, { assessment, worst, at, ends });
    return verdict instanceof Promise ? verdict.then(answer) : answer(verdict);
  }

  /** Where the bound alone does not fit, the server is asked for the size of the prompt, which is free. */
  #orCounted(
    run: RunState,
    candidate: Candidate,
    answer: Asked,
  ): Permit | Refusal | Promise<Permit | Refusal> {
    if (!('refused' in answer) || !answer.countHelps) return answer;
    const { countable, glance } = run.assess(candidate.request);
    if (!countable) return answer;
    return countPrompt(run, candidate.request).then((tokens) => {
      glance.count(tokens);
      return tokens === null ? answer : this.#ask(run, candidate);
    });
  }

  /** Ends a reservation. */
  end(id: string, heldMs: number, change: (book: BudgetBook) => void): void {
    this.#terms.keeper.end(id, change);
    this.#ends += 1;
    this.#durationMs += (heldMs - this.#durationMs) / 4;
    this.#ended?.resolve();
    this.#ended = undefined;
  }

  #refuse(
    run: RunState,
    { closing: isClosing = false }: Candidate,
    verdict: Exclude<Verdict, { kind: 'reserved' }>,
    { assessment, worst, at, ends }: Asking,
  ): Exclude<Asked, Permit> {
    const { name } = this;
    if (verdict.kind !== 'refused') {
      // One that ended while the store was asked is not waited for: it may have been the last.
      if (ends !== this.#ends) return { refused: `${name} was reserved by others`, later: Promise.resolve() };
      this.#ended ??= Promise.withResolvers<void>();
      const laterMs = Math.ceil(this.#durationMs);
      return { refused: `${name} is reserved by others`, later: this.#ended.promise, laterMs };
    }
    const { room } = verdict;
    const hold = isClosing ? 0n : this.#terms.hold;
    const closing = assessment.worst(this.#pricing(run), at, CLOSING_TOKENS);
    const whole = room.amount === null ? room : { ...room, amount: room.amount + hold };
    const working = worstAt(worst, shortestReply(run.params, isClosing));
    const answer = worstAt(closing, shortestReply(run.params, true));
    // What would have been enough, for whoever sets the limit: the least that can be asked for.
    const least = {
      amount: smaller(working.amount + hold, answer.amount),
      tokens: Math.min(working.tokens, answer.tokens),
    };
    return {
      refused: `${name} has no room for another request: ${shownAs(least, whole)}`,
      fits: longestIn(worst, room),
      fitsClosing: longestIn(closing, whole),
      countHelps: longestIn(assessment.least(this.#pricing(run), at), whole) >= SHORTEST_CLOSING,
    };
  }

  #pricing(run: RunState): Pricing | null {
    return this.limitsMoney ? run.spec.pricing : null;
  }
}

/** Leave to use what is reserved. */
class BudgetPermit implements Permit {
  readonly worst: NonNullable<Permit['worst']>;
  readonly #gate: BudgetGate;
  readonly #run: RunState;
  readonly #reservation: Reservation;
  readonly #since: number;

  constructor(gate: BudgetGate, run: RunState, reservation: Reservation) {
    const { amount, tokens } = reservation.reserved;
    this.#gate = gate;
    this.#run = run;
    this.#reservation = reservation;
    this.#since = run.seams.monotonic();
    this.worst = { usd: gate.limitsMoney ? toUsd(amount) : null, tokens };
  }

  settle(reply: Message, { amount }: Price): void {
    const { id, reserved, assessment } = this.#reservation;
    assessment.learn(reply);
    const used = spendOf(reply, this.#gate.limitsMoney ? amount : 0n);
    if (!used || used.amount > reserved.amount || used.tokens > reserved.tokens)
      this.#run.logger.warn(
        { budget: this.#gate.name, reserved, used },
        'a reply used other than its worst case',
      );
    this.#end((book) => book.settle(id, used));
  }

  lose({ unbilled }: LostReply): void {
    const { id } = this.#reservation;
    this.#end((book) => (unbilled ? book.release(id) : book.lose(id)));
  }

  release(): void {
    const { id } = this.#reservation;
    this.#end((book) => book.release(id));
  }

  #end(change: (book: BudgetBook) => void): void {
    this.#gate.end(this.#reservation.id, this.#run.seams.monotonic() - this.#since, change);
  }
}

/** The longest reply, in tokens, for which there is room. */
function longestIn({ money, tokens }: WorstCase, room: Ceiling): number {
  const byMoney =
    money && room.amount !== null ? Number((room.amount - money.base) / money.perToken) : Infinity;
  const byTokens =
    room.tokens === null ? Infinity : Math.floor((room.tokens - tokens.base) / tokens.perToken);
  return Math.max(0, Math.min(byMoney, byTokens));
}

function shownAs({ amount, tokens }: Spend, room: Ceiling): string {
  const parts: string[] = [];
  if (room.amount !== null)
    parts.push(`${usd(amount + STEP - 1n)} USD at worst for the shortest, ${usd(room.amount)} USD left`);
  if (room.tokens !== null)
    parts.push(`${tokens} tokens at worst for the shortest, ${Math.max(0, room.tokens)} left`);
  return parts.join('; ');
}

function smaller(one: Amount, other: Amount): Amount {
  return one < other ? one : other;
}

/** A hundredth of a cent: enough to see by what it is too much. */
const STEP = fromUsd(0.0001);

/** Whole steps of an amount. */
function usd(amount: Amount): string {
  return toUsd(amount > 0n ? (amount / STEP) * STEP : 0n).toFixed(4);
}

/** What an earlier process had reserved for a run, and could not settle any more. */
function settleOpen(book: BudgetBook, runId: string, { last }: RunSpend): void {
  for (const id of book.openOf(`${runId}:`)) {
    // A request is recorded before it is sent: what came after the last one in the journal was not sent.
    if (!last || isLater(id, last.id)) book.release(id);
    else if (id !== last.id || !(last.used || last.unbilled)) book.lose(id);
    else if (last.used) book.settle(id, last.used);
    else book.release(id);
  }
}

function isLater(id: string, than: string): boolean {
  const [turn = 0, attempt = 0] = placeOf(id);
  const [lastTurn = 0, lastAttempt = 0] = placeOf(than);
  return turn > lastTurn || (turn === lastTurn && attempt > lastAttempt);
}

/** Turn and try, as `reservationId` writes them. */
function placeOf(id: string): number[] {
  return id
    .slice(id.lastIndexOf(':') + 1)
    .split('.')
    .map(Number);
}
