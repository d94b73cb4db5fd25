import type { Message } from './api.ts';
import type { LostReply } from './lost-reply.ts';
import type { RunState } from './run-state.ts';
import type { ModelRequest } from './session-state.ts';

/** A request that is ready to be sent. */
export interface Candidate {
  readonly turn: number;
  /** Counts the tries of this turn from 1. */
  readonly attempt: number;
  readonly request: ModelRequest;
}

/** Leave to send one request. One of its methods but `begun` is called, once. None of them may throw. */
export interface Permit {
  /** The reply has begun to come: what the request wrote to the cache can be read. */
  begun?(): void;
  /** The whole reply came. */
  settle(reply: Message): void;
  /** The request was sent and its reply was lost: the server may have used anything up to the worst case. */
  lose(lost: LostReply): void;
  /** The request was not sent. */
  release(): void;
}

/** A request that may not be sent as it is. */
export interface Refusal {
  readonly refused: string;
}

/** What a request passes before it is recorded and sent: a budget that reserves its worst case, a governor that makes it wait. */
export interface Gate {
  admit(run: RunState, candidate: Candidate): Permit | Refusal | Promise<Permit | Refusal>;
}

/**
 * Asks every gate of the run, one after the other, to admit a request. Resolves with one permit for all of them, with the
 * first refusal, or with null where the run was stopped meanwhile; what was granted by then is released.
 */
export async function admit(run: RunState, candidate: Candidate): Promise<Permit | Refusal | null> {
  const granted: Permit[] = [];
  const release = (): void => {
    for (const permit of granted) permit.release();
  };
  try {
    for (const gate of run.gates) {
      const answer = gate.admit(run, candidate);
      const admitted = answer instanceof Promise ? await answerOf(run, answer) : answer;
      if (admitted && !isRefusal(admitted)) granted.push(admitted);
      if (run.halt.reason || !admitted || isRefusal(admitted)) {
        release();
        return run.halt.reason ? null : (admitted ?? null);
      }
    }
  } catch (error) {
    release();
    throw error;
  }
  return {
    begun: () => granted.forEach((permit) => permit.begun?.()),
    settle: (reply) => granted.forEach((permit) => permit.settle(reply)),
    lose: (lost) => granted.forEach((permit) => permit.lose(lost)),
    release,
  };
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
