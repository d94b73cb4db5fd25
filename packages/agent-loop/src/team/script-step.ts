import type { Awaitable, JsonValue } from '../api.ts';
import { messageOf, RunError } from '../errors.ts';
import type { Seat } from './places.ts';
import type { StepEndEvent, StepOutcome } from './script-entries.ts';
import type { Asked, ScriptRun } from './script-run.ts';
import { haltError, type Scope } from './script-scope.ts';
import type { StepRecord } from './script-state.ts';

/** What a step is told about itself. */
export interface StepTry {
  /** Counts the tries of this step from 1: more than one where it failed, or its process died in the middle of it. */
  readonly attempt: number;
  /** The same for every try of this step. Hand it to services that do a thing once per key. */
  readonly idempotencyKey: string;
}

/** What a step came to. */
export interface Ended<T> {
  readonly value: T;
  readonly outcome: StepOutcome;
  readonly result: JsonValue | undefined;
}

/** Runs a part of a script in a scope and leaves nothing of it behind, however it ends. */
export async function within<T>(script: ScriptRun, scope: Scope, work: () => Awaitable<T>): Promise<T> {
  let isOver = false;
  const over = (): void => void (isOver = true);
  let body: Promise<T> | undefined;
  try {
    scope.check();
    body = (async () => work())();
    body.then(over, over);
    const value = await scope.halt.race(body);
    scope.check();
    return value as T;
  } catch (error) {
    script.breakOff(scope.path);
    throw error;
  } finally {
    await scope.leave(scope.path === '' ? 'the script is over' : `"${scope.path}" is over`);
    // Code that waits for its stopped steps ends in a moment; code that waits for something else is left behind.
    if (body && !isOver) await Promise.race([body.then(over, over), script.grace()]);
  }
}

/** Takes a step: waits for a place, and gives it back when it is over. */
export async function takeStep<T>(
  script: ScriptRun,
  scope: Scope,
  asked: Asked,
  work: (step: StepTry, seat: Seat) => Promise<Ended<T>>,
): Promise<T> {
  const { path } = asked;
  const above = script.callers.current ?? scope.seat;
  const seat = await script.places.take(above, scope.halt, (delayMs) => script.tellWait(path, delayMs));
  if (!seat) throw stopped(scope);
  try {
    return await recordStep(script, scope, asked, (step) => script.callers.run(seat, () => work(step, seat)));
  } finally {
    script.places.leave(seat);
  }
}

/** Records the start of a step, does the work, and records how it ended. */
export async function recordStep<T>(
  script: ScriptRun,
  scope: Scope,
  asked: Asked,
  work: (step: StepTry) => Promise<Ended<T>>,
): Promise<T> {
  const { path, kind, of, input } = asked;
  const known = script.known?.steps.get(path);
  const step = {
    attempt: (known?.latest.attempt ?? 0) + 1,
    idempotencyKey: known?.first.idempotencyKey ?? `${script.runId}:${path}`,
  };
  await script.record({
    type: 'step-start',
    path,
    kind,
    ...(of !== undefined && { of }),
    ...input,
    ...step,
  });
  const startedAt = script.seams.monotonic();
  const end = (outcome: StepOutcome, more: Partial<StepEndEvent>): Promise<void> =>
    script.record({
      type: 'step-end',
      path,
      outcome,
      ...more,
      durationMs: script.seams.monotonic() - startedAt,
    });
  try {
    const { value, outcome, result } = await work(step);
    await end(outcome, result === undefined ? {} : { result });
    return value;
  } catch (error) {
    if (!isGone(script)) await end(...failure(scope, error));
    throw error;
  }
}

/**
 * A step that had begun when the script was completed, and had not finished: it failed again, as it did then, or is never
 * over, as nobody waited for it. Null where it is to be taken.
 */
export function leftBehind(
  script: ScriptRun,
  scope: Scope,
  known: StepRecord | undefined,
): Promise<never> | null {
  if (!known || !script.isLeft(known) || known.end?.outcome === 'waiting') return null;
  const { error } = known.end ?? {};
  if (error) {
    const { code, message } = error;
    return Promise.reject(code === undefined ? new Error(message) : new RunError(code, message));
  }
  return new Promise((_, reject) => {
    scope.halt.on(() => reject(stopped(scope)));
  });
}

/** Why nothing more is begun in a scope. */
export function stopped({ halt }: Scope): RunError {
  return haltError(halt.reason ?? { kind: 'stopped', reason: 'the script was stopped' });
}

/** Whether what happens is no longer recorded: the journal failed, or another process is to go on with the script. */
function isGone(script: ScriptRun): boolean {
  const reason = script.root.halt.reason;
  return (
    script.over || reason?.kind === 'parked' || (reason?.kind === 'failed' && reason.error.code === 'journal')
  );
}

function failure(scope: Scope, error: unknown): [StepOutcome, Pick<StepEndEvent, 'error'>] {
  if (scope.halt.reason) return ['stopped', {}];
  const code = RunError.is(error) ? { code: error.code } : {};
  return ['failed', { error: { ...code, message: messageOf(error) } }];
}
