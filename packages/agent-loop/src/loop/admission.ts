import type { Message } from '../api.ts';
import type { Spend } from '../money/budget-book.ts';
import type { LostReply } from '../request/lost-reply.ts';
import type { Price } from '../money/pricing.ts';
import type { RunState } from './run-state.ts';
import type { RunSpend } from '../money/run-spend.ts';
import type { ModelRequest } from '../journal/session-state.ts';

/** A request that is ready to be sent. */
export interface Candidate {
  readonly turn: number;
  /** Counts the tries of this turn from 1. */
  readonly attempt: number;
  readonly request: ModelRequest;
  /** Whether it asks for the answer that ends the run: what is held back for that may be used. */
  readonly closing?: boolean;
}

/** Sees the HTTP tries of one request. */
export interface AttemptWatch {
  /** The SDK is about to try again. The try waits for this; a LostReply that it rejects with ends the request. */
  again(): Promise<void>;
  /** The headers of an answer have come. `hopeless`: it is not retried, although its status is one that is. */
  answered(response: Response, retryAfterMs: number | undefined, hopeless: boolean): void;
  /** A try ended without an answer: `error` is what the fetch threw. */
  failed(error: unknown): void;
}

/** Leave to send one request. One of its methods but `begun` is called, once. None of them may throw. */
export interface Permit {
  /** The reply has begun to come: what the request wrote to the cache can be read. */
  begun?(): void;
  /** See every try of the request. */
  readonly attempts?: readonly AttemptWatch[];
  /** What is reserved for the request: the most it can use. USD where money is limited, otherwise null. */
  readonly worst?: { readonly usd: number | null; readonly tokens: number } | undefined;
  /** The whole reply came; what it costs. */
  settle(reply: Message, price: Price): void;
  /** The request was sent and its reply was lost: the server may have used anything up to the worst case. */
  lose(lost: LostReply): void;
  /** The request was not sent. */
  release(): void;
}

/** Leave of a gate that wants to hear no more of the request. */
export const PASS: Permit = { settle() {}, lose() {}, release() {} };

/** A request that may not be sent as it is. */
export interface Refusal {
  readonly refused: string;
  /** The longest reply, as `max_tokens`, for which the same request would not be refused. */
  readonly fits?: number;
  /** The same for a request that asks for a closing answer in place of this one. */
  readonly fitsClosing?: number;
  /** Resolves when the same request may be asked for again. */
  readonly later?: Promise<void>;
  /** In how many milliseconds that will probably be. Left out where it may be asked for at once. */
  readonly laterMs?: number;
}

/** What a request passes before it is recorded and sent: a budget that reserves its worst case, a governor that makes it wait. */
export interface Gate {
  admit(run: RunState, candidate: Candidate): Permit | Refusal | Promise<Permit | Refusal>;
  /** A run that an earlier process began goes on, or is given up: what it has used and reserved has to be known first. */
  recall?(left: LeftBehind): void | Promise<void>;
  /** Resolves when what its permits were told is kept, or can not be. Nothing where that is so already. */
  kept?(): Promise<void> | undefined;
}

/** What an earlier process has left of a run. */
export interface LeftBehind {
  readonly runId: string;
  readonly spend: RunSpend;
  /** Whether it goes on. Otherwise it is given up. */
  readonly resumed: boolean;
  /** Whether the gate is that of a run above this one. */
  readonly inherited: boolean;
  /** What its unfinished children have used beside. */
  readonly ofChildren: () => Promise<Spend>;
}

/**
 * Asks every gate of the run, one after the other, to admit a request. Resolves with one permit for all of them, with the
 * first refusal, or with null where the run was stopped meanwhile; what was granted by then is released. Where a gate says
 * when to ask again, all are asked again then: nothing is held while waiting, so nobody can wait for each other.
 */
export async function admit(run: RunState, candidate: Candidate): Promise<Permit | Refusal | null> {
  let told = false;
  for (;;) {
    const answer = await askAll(run, candidate);
    if (!answer || !isRefusal(answer) || !answer.later) return answer;
    if (!told && answer.laterMs !== undefined) {
      told = true;
      run.tell({ type: 'wait', reason: 'budget', delayMs: answer.laterMs });
    }
    await run.halt.race(answer.later);
    if (run.halt.reason) return null;
  }
}

/** A process may exit once a run has returned: what its gates were told is kept by then. */
export async function gatesKept({ gates }: RunState): Promise<void> {
  for (const gate of gates) await gate.kept?.();
}

async function askAll(run: RunState, candidate: Candidate): Promise<Permit | Refusal | null> {
  const granted: Permit[] = [];
  const release = (): void => {
    for (const permit of granted) permit.release();
  };
  try {
    for (const gate of run.gates) {
      const answer = gate.admit(run, candidate);
      const admitted = answer instanceof Promise ? await answerOf(run, answer) : answer;
      if (admitted && admitted !== PASS && !isRefusal(admitted)) granted.push(admitted);
      if (run.halt.reason || !admitted || isRefusal(admitted)) {
        release();
        return run.halt.reason ? null : (admitted ?? null);
      }
    }
  } catch (error) {
    release();
    throw error;
  }
  const [only = PASS] = granted;
  if (granted.length < 2) return only;
  return {
    begun: () => granted.forEach((permit) => permit.begun?.()),
    worst: dearest(granted),
    attempts: granted.flatMap(({ attempts = [] }) => attempts),
    settle: (reply, price) => granted.forEach((permit) => permit.settle(reply, price)),
    lose: (lost) => granted.forEach((permit) => permit.lose(lost)),
    release,
  };
}

/** What a reservation holds of tokens is the same at every gate; of money, only where money is limited. */
function dearest(granted: readonly Permit[]): Permit['worst'] {
  return granted.find(({ worst }) => worst?.usd != null)?.worst ?? granted.find(({ worst }) => worst)?.worst;
}

/** Tells a refusal from a permit. */
export function isRefusal(answer: Permit | Refusal): answer is Refusal {
  return 'refused' in answer;
}

/** The answer of a gate, or undefined once the run is stopped; what the gate grants after that is given back. */
async function answerOf(
  run: RunState,
  answer: Promise<Permit | Refusal>,
): Promise<Permit | Refusal | undefined> {
  const admitted = await run.halt.race(answer);
  if (admitted) return admitted;
  answer.then(
    (late) => {
      if (!isRefusal(late)) late.release();
    },
    // The run is over: there is nobody left to tell.
    () => {},
  );
  return undefined;
}
