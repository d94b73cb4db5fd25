import { type Amount, fromUsd } from './amount.ts';
import type { Message } from './api.ts';
import { NOTHING, plus, type Spend } from './budget-book.ts';
import type { Entry, ReplyEvent, RequestEvent } from './events.ts';
import { passesOf } from './pricing.ts';
import { promptTokensOf } from './usage.ts';

/** The latest request of a run, and what became of it. */
export interface LastRequest {
  /** Names its reservation. */
  readonly id: string;
  readonly entry: RequestEvent;
  /** What its reply used; null while there is none, or where its price is not known. */
  readonly used: Spend | null;
  /** Whether it cost nothing: the server answered with an error. */
  readonly unbilled: boolean;
}

/** What a run has used as far as limits count it, folded from its entries. Lost replies count with their worst case. */
export class RunSpend {
  #spent = NOTHING;
  #lost = NOTHING;
  #last: LastRequest | null = null;

  get spent(): Spend {
    return this.#spent;
  }
  get lost(): Spend {
    return this.#lost;
  }
  get last(): LastRequest | null {
    return this.#last;
  }

  /** Folds one entry. */
  apply(entry: Entry): void {
    switch (entry.type) {
      case 'request':
        this.#last = {
          id: reservationId(entry.runId, entry.turn, entry.attempt),
          entry,
          used: null,
          unbilled: false,
        };
        break;
      case 'reply': {
        const used = usedBy(entry);
        this.#spent = plus(
          this.#spent,
          used ?? this.#reserved ?? { amount: 0n, tokens: tokensOf(entry.message) },
        );
        if (this.#last) this.#last = { ...this.#last, used };
        break;
      }
      case 'reply-lost': {
        const unbilled = entry.unbilled === true;
        if (!unbilled)
          this.#lost = plus(
            this.#lost,
            this.#reserved ?? {
              amount: amountOf(entry.lostUsd) ?? 0n,
              tokens: 0,
            },
          );
        if (this.#last) this.#last = { ...this.#last, unbilled };
        break;
      }
      default:
    }
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

/** All tokens of a reply, in all of its passes. */
export function tokensOf({ model, usage }: Message): number {
  let tokens = 0;
  for (const pass of passesOf(model, usage))
    tokens += promptTokensOf(pass.usage) + (pass.usage.output_tokens ?? 0);
  return tokens;
}

function usedBy({ message, usd }: ReplyEvent): Spend | null {
  const amount = amountOf(usd);
  return amount === null ? null : { amount, tokens: tokensOf(message) };
}

function amountOf(usd: number | null | undefined): Amount | null {
  return typeof usd === 'number' ? fromUsd(usd) : null;
}
