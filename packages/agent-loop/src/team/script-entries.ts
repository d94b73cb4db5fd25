import type { JsonValue } from '../api.ts';
import type { EntryBase } from '../journal/events.ts';
import type { RunErrorCode } from '../errors.ts';

/** What a named step of a script is: an agent's run, work of the script's own, or a race between branches. */
export type StepKind = 'run' | 'step' | 'race';

/**
 * How a step ended. `done`: for good. `failed` and `stopped`: a later run of the script tries it again, an agent goes on
 * where it was. `waiting`: an agent waits for an approval, or for more money; asked again, it goes on.
 */
export type StepOutcome = 'done' | 'failed' | 'stopped' | 'waiting';

/** How a run of a script ended. */
export type ScriptOutcome = 'completed' | 'failed' | 'stopped' | 'time-limit';

/** A script began, or goes on in another process (`resumed`) under the id it had. Its `agent` is the script's name. */
export interface ScriptStartEvent extends EntryBase {
  readonly type: 'script-start';
  readonly resumed?: true;
}
/** A named step of a script is about to run. */
export interface StepStartEvent extends EntryBase {
  readonly type: 'step-start';
  /** The names of the step and of what it is part of, with `/` between them. */
  readonly path: string;
  readonly kind: StepKind;
  /** The agent of a run. */
  readonly of?: string;
  /** What the step works on, as a hash; left out where it was not told. */
  readonly hash?: string;
  /** The beginning of what it works on, for people. */
  readonly shown?: string;
  /** Counts the tries of this step from 1. */
  readonly attempt: number;
  /** The same for every try of this step. */
  readonly idempotencyKey: string;
}
/** A named step ended. */
export interface StepEndEvent extends EntryBase {
  readonly type: 'step-end';
  readonly path: string;
  readonly outcome: StepOutcome;
  /** What it returned: of an agent's run without its transcript, of a race the winner's number. */
  readonly result?: JsonValue;
  /** Why it failed. */
  readonly error?: { readonly code?: RunErrorCode; readonly message: string };
  readonly durationMs: number;
}
/** A script's run ended. One that has no end was interrupted. */
export interface ScriptEndEvent extends EntryBase {
  readonly type: 'script-end';
  readonly outcome: ScriptOutcome;
  readonly reason: string | null;
}

/** What a script adds to a journal. */
export type ScriptEntry = ScriptStartEvent | StepStartEvent | StepEndEvent | ScriptEndEvent;
