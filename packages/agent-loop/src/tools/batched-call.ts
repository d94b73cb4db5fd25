import type { ToolUseBlock } from '../api.ts';
import { LazyAbort } from './lazy-abort.ts';
import type { CallRecord } from '../journal/call-records.ts';
import { type Ready, type Settled, settle, type Undecided } from './tool-call.ts';
import type { Tool, ToolAccess, ToolEffect } from './tool.ts';

/** A tool call of a batch, and how far it is. */
export interface BatchedCall {
  readonly block: ToolUseBlock;
  /** What an earlier process left of the call, where it was interrupted. */
  readonly record: CallRecord | undefined;
  /** The checked call; settled at once where it can not run. */
  readonly prepared: Promise<Ready | Settled>;
  /** What it touches: known once it is prepared, another where a decision changed the input. */
  access: ToolAccess | undefined;
  /** Resolves when the call has ended or is left undecided. */
  done: Promise<Settled | Undecided | Held | null>;
  /** Whether `done` has resolved. */
  over: boolean;
  /** Whether it waits for no other call any more. */
  admitted: boolean;
  /** What it waits for before it can go on: a decision, or the end of another call. */
  waitsFor: 'decision' | BatchedCall | null;
  /** Ends the waiting for a decision. */
  conclude: () => void;
  /** When the tool started, on the monotonic clock. */
  startedAt: number | undefined;
  /** The effect of the tool, once it has started. */
  effect: ToolEffect | undefined;
  /** Whether it runs an agent, and so only waits for what that does. */
  delegates: boolean;
  /** Whether its end is recorded. */
  ended: boolean;
  readonly abort: LazyAbort;
  stopTimer: () => void;
}

/** A call that may not run beside an earlier one, on which nobody has decided. */
export interface Held {
  readonly state: 'held';
}

function nothing(): void {}

/** A call that has only been found and is being checked. */
export function batchedCall(
  block: ToolUseBlock,
  record: CallRecord | undefined,
  checked: Promise<Ready | Settled>,
): BatchedCall {
  const call: BatchedCall = {
    block,
    record,
    prepared: checked.then((prepared) => {
      if (prepared.state === 'ready') call.access = prepared.access;
      return prepared;
    }),
    access: undefined,
    done: Promise.resolve(null),
    over: false,
    admitted: false,
    waitsFor: null,
    conclude: nothing,
    startedAt: undefined,
    effect: undefined,
    delegates: false,
    ended: false,
    abort: new LazyAbort(),
    stopTimer: nothing,
  };
  return call;
}

/** Only what changes nothing and needs no decision may run before the stop reason is known. */
export function startsEarly(tool: Tool): boolean {
  return tool.effect === 'read' && tool.approval === 'never';
}

/** Whether one writes what the other reads or writes. */
export function conflict(a: ToolAccess | undefined, b: ToolAccess | undefined): boolean {
  const touches = (writes: readonly string[] = [], other: ToolAccess): boolean =>
    writes.some((key) => other.writes?.includes(key) || other.reads?.includes(key));
  return a !== undefined && b !== undefined && (touches(a.writes, b) || touches(b.writes, a));
}

/** How a call ends that the run did not wait for. */
export function unfinished({ effect }: BatchedCall): Settled {
  if (effect === undefined)
    return settle('cancelled', 'The run was stopped before this call was carried out.');
  return settle(
    'unknown',
    `The run was stopped while this call was being carried out. ${mayHaveHappened(effect)}`,
  );
}

/** What the model is told of an effect that nobody has seen end. */
export function mayHaveHappened(effect: ToolEffect): string {
  return effect === 'read'
    ? 'It changed nothing: it can be repeated, perhaps with a smaller request.'
    : 'It may or may not have taken effect: check before repeating it.';
}
