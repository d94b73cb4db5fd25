import type { Awaitable } from '../api.ts';
import { EventQueue } from './event-queue.ts';
import type { AgentEvent } from '../journal/events.ts';
import type { RunResult } from '../loop/result.ts';

/**
 * A run under way: its events, and its result. It runs whether or not anybody reads. Reading ends with the run;
 * leaving the loop early stops the run. A run that fails makes reading throw its RunError, and `result` reject with it.
 */
export interface AgentStream<Output = unknown> extends AsyncIterable<AgentEvent>, AsyncDisposable {
  readonly runId: string;
  readonly result: Promise<RunResult<Output>>;
  /** Ends the run with the outcome `stopped`, within 100 ms. What is finished stays. */
  stop(reason?: string): void;
}

interface Started<Output> {
  readonly runId: string;
  readonly result: Promise<RunResult<Output>>;
  readonly stop: (reason: string) => void;
}

/** Starts a run with a queue as its sink and gives both ends of it. */
export function openStream<Output>(
  start: (sink: (event: AgentEvent) => void) => Started<Output>,
): AgentStream<Output> {
  const queue = new EventQueue();
  const { runId, result, stop } = start((event) => queue.push(event));
  const close = (): void => queue.close();
  // Also keeps a result that nobody awaits from becoming an unhandled rejection.
  result.then(close, close);
  let taken = false;
  return {
    runId,
    result,
    stop: (reason = 'stop() was called') => stop(reason),
    [Symbol.asyncIterator]() {
      if (taken) throw new Error('The events of a run can be read once. Keep them, or read the result.');
      taken = true;
      return read(queue, result, stop);
    },
    async [Symbol.asyncDispose]() {
      stop('the stream was disposed of');
      await result.catch(() => {});
    },
  };
}

/** An iterator of its own: an asynchronous generator would cost every delta several turns of the microtask queue. */
function read<Output>(
  queue: EventQueue,
  result: Promise<RunResult<Output>>,
  stop: (reason: string) => void,
): AsyncIterableIterator<AgentEvent> {
  let over = false;
  const done = { done: true, value: undefined } as const;
  const end = (): Promise<IteratorResult<AgentEvent>> => {
    if (over) return Promise.resolve(done);
    over = true;
    return result.then(() => done);
  };
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    next() {
      const event = queue.take();
      if (event) return Promise.resolve({ done: false, value: event });
      return queue
        .next()
        .then((value): Awaitable<IteratorResult<AgentEvent>> => (value ? { done: false, value } : end()));
    },
    async return() {
      if (over) return done;
      over = true;
      stop('the reader left');
      queue.close();
      // What follows the loop finds the run ended.
      await result.catch(() => {});
      return done;
    },
  };
}
