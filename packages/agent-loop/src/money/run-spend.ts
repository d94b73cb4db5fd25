import { type Amount, fromUsd, restoredAmount, type SavedAmount, savedAmount, toUsd } from './amount.ts';
import type { Message } from '../api.ts';
import { NOTHING, plus, type Spend } from './budget-book.ts';
import type { ChildEndEvent, Entry, RequestEvent } from '../journal/events.ts';
import { amountOf } from './ledger.ts';
import { passesOf, tellsTokens } from './pricing.ts';
import { promptTokensOf } from './usage.ts';

/** The latest request of a run, and what became of it. */
export interface LastRequest {
  /** Names its reservation. */
  readonly id: string;
  readonly entry: RequestEvent;
  /** What its reply used; null while there is none, or where its price or its tokens are not known. */
  readonly used: Spend | null;
  /** Whether it cost nothing: the server answered with an error. */
  readonly unbilled: boolean;
  readonly over: boolean;
}

type SavedSpend = readonly [amount: SavedAmount, tokens: number];

/** What was used, as a checkpoint has it. */
export interface SavedRunSpend {
  readonly spent: SavedSpend;
  readonly lost: SavedSpend;
  readonly last: (Omit<LastRequest, 'used'> & { readonly used: SavedSpend | null }) | null;
  readonly budgeted: boolean;
  readonly children: readonly (readonly [session: string, spend: SavedSpend])[];
}

/**
 * What a run or a session has used as limits count it, its ended children included, folded from its entries. Lost replies
 * count with the worst cases of their requests.
 */
export class RunSpend {
  #spent = NOTHING;
  #lost = NOTHING;
  #last: LastRequest | null = null;
  #budgeted = false;
  /** What was counted of each child, by its session. */
  #children: Map<string, Spend> | undefined;

  constructor(children?: ReadonlyMap<string, Spend>) {
    this.#children = children && new Map(children);
  }

  get spent(): Spend {
    return this.#spent;
  }
  get lost(): Spend {
    return this.#lost;
  }
  get last(): LastRequest | null {
    return this.#last;
  }

  /** All that counts. A request of which nobody knows what became counts with its worst case. */
  get counted(): Spend {
    const inFlight = this.#last && !this.#last.over ? this.#reserved : undefined;
    return plus(plus(this.#spent, this.#lost), inFlight ?? NOTHING);
  }

  /** The same for the journal of the run that started this one; undefined where there are no budgets. */
  get told(): ChildEndEvent['counted'] {
    const { amount, tokens } = this.counted;
    return this.#budgeted ? { usd: toUsd(amount), tokens } : undefined;
  }

  /** What was counted of the child with this session. */
  ofChild(session: string): Spend {
    return this.#children?.get(session) ?? NOTHING;
  }

  /** For the next run of the same session: nothing yet, but children that go on are not counted again. */
  next(): RunSpend {
    return new RunSpend(this.#children);
  }

  /** What a checkpoint has. */
  static restore({ spent, lost, last, budgeted, children }: SavedRunSpend): RunSpend {
    const counted = new Map(children.map(([session, spend]) => [session, restoredSpend(spend)]));
    const spend = new RunSpend(counted.size > 0 ? counted : undefined);
    spend.#spent = restoredSpend(spent);
    spend.#lost = restoredSpend(lost);
    spend.#last = last && { ...last, used: last.used && restoredSpend(last.used) };
    spend.#budgeted = budgeted;
    return spend;
  }

  /** For a checkpoint. */
  save(): SavedRunSpend {
    const last = this.#last;
    return {
      spent: savedSpend(this.#spent),
      lost: savedSpend(this.#lost),
      last: last && { ...last, used: last.used && savedSpend(last.used) },
      budgeted: this.#budgeted,
      children: [...(this.#children ?? [])].map(([session, spend]) => [session, savedSpend(spend)]),
    };
  }

  /** Folds one entry. */
  apply(entry: Entry): void {
    switch (entry.type) {
      case 'request':
        this.#budgeted ||= entry.reserved !== undefined;
        this.#last = { id: idOf(entry), entry, used: null, unbilled: false, over: false };
        break;
      case 'reply': {
        const used = spendOf(entry.message, amountOf(entry.usd));
        const counted = used ?? this.#reserved ?? { amount: 0n, tokens: tokensOf(entry.message) ?? 0 };
        this.#spent = plus(this.#spent, counted);
        if (this.#last) this.#last = { ...this.#last, used, over: true };
        break;
      }
      case 'reply-lost': {
        const unbilled = entry.unbilled === true;
        const estimate = { amount: amountOf(entry.lostUsd) ?? 0n, tokens: 0 };
        if (!unbilled) this.#lost = plus(this.#lost, this.#reserved ?? estimate);
        if (this.#last) this.#last = { ...this.#last, unbilled, over: true };
        break;
      }
      case 'child-end':
        this.#addChild(entry);
        break;
      default:
    }
  }

  /** What is told of a child is of its whole session: what was counted of it before is in there. */
  #addChild(entry: ChildEndEvent): void {
    const { amount, tokens } = this.ofChild(entry.session);
    const all = countedOf(entry);
    this.#budgeted ||= entry.counted !== undefined;
    this.#spent = plus(this.#spent, { amount: all.amount - amount, tokens: all.tokens - tokens });
    (this.#children ??= new Map()).set(entry.session, all);
  }

  /** What was reserved for the last request; undefined where no budget asked for it. */
  get #reserved(): Spend | undefined {
    const reserved = this.#last?.entry.reserved;
    return reserved && { amount: amountOf(reserved.usd) ?? 0n, tokens: reserved.tokens };
  }
}

/** The name of what is reserved for a request. */
export function reservationId(runId: string, turn: number, attempt: number): string {
  return `${runId}:${turn}.${attempt}`;
}

/** All tokens of a reply, in all of its passes; null where it does not tell them. */
function tokensOf({ model, usage }: Message): number | null {
  let tokens = 0;
  for (const pass of passesOf(model, usage)) {
    if (!tellsTokens(pass.usage)) return null;
    tokens += promptTokensOf(pass.usage) + (pass.usage.output_tokens ?? 0);
  }
  return tokens;
}

/** What a reply of that price used; null where the price or the tokens are not known. */
export function spendOf(reply: Message, amount: Amount | null): Spend | null {
  const tokens = tokensOf(reply);
  return amount === null || tokens === null ? null : { amount, tokens };
}

function idOf({ runId, turn, attempt }: RequestEvent): string {
  return reservationId(runId, turn, attempt);
}

/** Where no budget was kept for the child, what its steps cost, and the estimate for those that were lost. */
function countedOf({ counted, steps, lostUsd }: ChildEndEvent): Spend {
  if (counted) return { amount: fromUsd(counted.usd), tokens: counted.tokens };
  let sum: Spend = { amount: amountOf(lostUsd) ?? 0n, tokens: 0 };
  for (const { usd, usage } of steps) {
    const tokens = promptTokensOf(usage) + usage.output_tokens;
    sum = plus(sum, { amount: amountOf(usd) ?? 0n, tokens });
  }
  return sum;
}

function savedSpend({ amount, tokens }: Spend): SavedSpend {
  return [savedAmount(amount), tokens];
}

function restoredSpend([amount, tokens]: SavedSpend): Spend {
  return { amount: restoredAmount(amount) ?? 0n, tokens };
}
