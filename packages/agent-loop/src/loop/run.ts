import type { ContentBlockParam } from '../api.ts';
import { messageOf, RunError } from '../errors.ts';
import { noteCompaction } from './compaction.ts';
import { checkOutput } from '../agent/output.ts';
import type { Outcome, PendingApproval, RunResult } from './result.ts';
import { gatesKept } from './admission.ts';
import { begin, hasEntered } from './begin.ts';
import { awaitBackground, concludeBackground, endChildren, tellEnded } from '../children/run-children.ts';
import { UNKEPT } from './prompt-end.ts';
import type { RunState } from './run-state.ts';
import { servedBlocks } from '../journal/sendable.ts';
import { type Decision, decide } from './stop.ts';
import { takeTurn, type Turn } from './turn.ts';

/** How a run ends. */
interface End {
  readonly outcome: Outcome;
  readonly reason?: string | null;
  readonly output?: unknown;
  readonly pending?: readonly PendingApproval[];
}

/**
 * The loop: ask the model, decide by its stop reason, run the tools it called, ask again. Every step is in the journal
 * before the next begins; a request is sent only when every call of the last reply has its result.
 *
 * `choose` makes a choice before it begins. Returns with an outcome, or rejects with a RunError that carries what was done. The transcript is valid either way.
 */
export async function runLoop(
  run: RunState,
  input: string | readonly ContentBlockParam[] | null,
  choose: () => Promise<void> = async () => {},
): Promise<RunResult> {
  const stopTimer = run.seams.timer(run.spec.limits.timeMs, () => {
    run.halt.trip({ kind: 'time-limit', reason: `limits.timeMs (${run.spec.limits.timeMs}) is over` });
  });
  try {
    await choose();
    return await finish(run, await loop(run, await begin(run, input)));
  } catch (error) {
    throw await fail(run, error);
  } finally {
    stopTimer();
  }
}

async function loop(run: RunState, interrupted: Turn | null): Promise<End> {
  const { limits } = run.spec;
  let pauses = 0;
  let corrections = 0;
  for (let left = interrupted; ; left = null) {
    if (run.halt.reason) return haltedEnd(run);
    const turn = run.tally.turns + (left ? 0 : 1);
    if (turn > limits.turns)
      return { outcome: 'turn-limit', reason: `limits.turns (${limits.turns}) is reached` };
    if (!left) await tellEnded(run);
    const taken = left ?? (await takeTurn(run, turn));
    if (!taken) return haltedEnd(run);
    await noteCompaction(run, taken.reply.message);
    if (run.state.run?.closing) return closingEnd(run, taken);
    const { message } = taken.reply;
    pauses = message.stop_reason === 'pause_turn' ? pauses + 1 : 0;
    const calls = servedBlocks(message.content).filter((block) => block.type === 'tool_use').length;
    const decision = decide({ stopReason: message.stop_reason, calls, pauses, maxPauses: limits.pauses });
    switch (decision.next) {
      case 'run-tools': {
        const undecided = await taken.batch.run();
        if (run.halt.reason) return haltedEnd(run);
        if (taken.batch.open) return awaitingEnd(run, undecided);
        break;
      }
      case 'ask-again':
        break;
      case 'fail':
        await taken.batch.refuse(
          'This call was not run: the reply that asked for it ended in an unexpected way.',
        );
        throw new RunError(decision.code, decision.message);
      case 'end': {
        const waited = await settleCalls(run, taken, decision);
        if (waited === 'told') break;
        const end = waited ?? (await endOf(run, taken, decision, corrections));
        if (end) return end;
        corrections += 1;
        break;
      }
      default:
        decision satisfies never;
    }
  }
}

/** The run pauses until decisions are given. Background children pause with it. */
async function awaitingEnd(run: RunState, undecided: readonly PendingApproval[]): Promise<End> {
  await concludeBackground(run);
  if (run.halt.reason) return haltedEnd(run);
  return { outcome: 'awaiting-approval', pending: [...undecided, ...run.state.children.approvals] };
}

/**
 * What a reply that ends the run leaves: its calls, which are not run, and background children, which end before the run
 * does. `told` where the model has heard of one, and is asked again.
 */
async function settleCalls(
  run: RunState,
  { batch }: Turn,
  { outcome }: Extract<Decision, { next: 'end' }>,
): Promise<End | 'told' | null> {
  await batch.refuse(
    `This call was not run: the reply that asked for it was ${outcome === 'completed' ? 'final' : outcome}.`,
  );
  if (outcome !== 'completed') return null;
  const pending = await awaitBackground(run);
  if (pending === 'told') return 'told';
  if (pending === 'halted') return haltedEnd(run);
  return pending && { outcome: 'awaiting-approval', pending };
}

/** How a reply that ends the run ends it; null where the model is asked to correct its output. */
async function endOf(
  run: RunState,
  { reply }: Turn,
  { outcome, reason: why }: Extract<Decision, { next: 'end' }>,
  corrections: number,
): Promise<End | null> {
  const details = reply.message.stop_details;
  if (outcome === 'refused') return { outcome, reason: details?.explanation ?? details?.category ?? null };
  if (outcome === 'truncated' && wasShortened(run))
    return { outcome: 'budget-limit', reason: 'the reply was cut: the budget had no room for a longer one' };
  if (outcome !== 'completed' || !run.spec.output) return { outcome, reason: why ?? null };
  const checked = await checkOutput(run.spec.output, reply.message);
  if (checked.ok) return { outcome, output: checked.value };
  if (corrections >= run.spec.limits.outputRetries) {
    throw new RunError(
      'output-invalid',
      `The model's output does not fit the agent's output schema: ${checked.message}`,
    );
  }
  const content = `Your reply does not fit the required output format:\n${checked.message}\nReply again with the corrected output only.`;
  await run.record({ type: 'input', source: 'output-check', content });
  return null;
}

/** Whatever the reply to the request for a closing answer is, it is the last one. */
async function closingEnd(run: RunState, { reply, batch }: Turn): Promise<End> {
  await batch.refuse('This call was not run: the budget of the run is used up.');
  const { message } = reply;
  if (message.stop_reason === 'refusal')
    return { outcome: 'refused', reason: message.stop_details?.explanation ?? null };
  const checked = run.spec.output && (await checkOutput(run.spec.output, message));
  return {
    outcome: 'budget-limit',
    reason: 'the budget had no room for another step: the model was asked to finish',
    ...(checked?.ok && { output: checked.value }),
  };
}

/** Whether the last reply had less room than the agent gives it. */
function wasShortened({ state, params }: RunState): boolean {
  const asked = state.run?.spend.last?.entry.maxTokens;
  return asked !== undefined && asked < params.max_tokens;
}

function haltedEnd(run: RunState): End {
  const halted = run.halt.reason;
  if (halted?.kind === 'failed') throw halted.error;
  const isStopped = !halted || halted.kind === 'stopped' || halted.kind === 'parked';
  return { outcome: isStopped ? 'stopped' : halted.kind, reason: halted?.reason ?? null };
}

/** The result of a run that was stopped and could not end, because its store did not answer. Throws where it had failed. */
export function leftBehind<Output>(run: RunState): RunResult<Output> {
  const result = run.snapshot();
  if (run.halt.reason?.kind === 'failed') {
    run.halt.reason.error.result ??= result;
    throw run.halt.reason.error;
  }
  const { outcome, reason } = haltedEnd(run);
  run.logger.warn({ outcome, reason }, 'run left: its store does not answer');
  const said = `${reason ?? outcome}; ${UNKEPT}`;
  return { ...result, outcome, output: null, reason: said, reply: run.tally.reply, pending: null };
}

async function finish(run: RunState, end: End): Promise<RunResult> {
  const { outcome, output = null, pending } = end;
  const reason = await leaveChildren(run, end);
  // A parked run has no end yet: that is how the next owner knows it for interrupted.
  if (run.halt.reason?.kind === 'parked' && outcome === 'stopped') await run.leave();
  else await run.record({ type: 'run-end', outcome, turns: run.tally.turns, reason });
  if (run.halt.reason?.kind === 'failed') throw run.halt.reason.error;
  await run.halt.race(gatesKept(run));
  const { turns, usage, usd } = run.tally;
  run.logger.info({ outcome, turns, usage, usd, reason }, 'run ended');
  // Its messages are parsed only when somebody looks at them.
  return Object.assign(run.snapshot(), {
    outcome,
    output,
    reason,
    reply: run.tally.reply,
    pending: pending ? ({ reason: 'awaiting-approval', approvals: pending } as const) : null,
  });
}

/** A run takes its children with it. One that can be resumed leaves them to be resumed. Returns the reason, complete. */
async function leaveChildren(run: RunState, { outcome, reason = null }: End): Promise<string | null> {
  if (run.halt.reason?.kind === 'parked' || outcome === 'awaiting-approval') {
    await run.children.settled();
    return reason;
  }
  const cut = await endChildren(run, `the run that started it has ended (${outcome})`);
  if (cut.length === 0) return reason;
  return `${reason ?? outcome}; stopped with it in the background: ${cut.join(', ')}`;
}

/** Makes a RunError of what was thrown, with what is known of the run, and closes the journal with it. */
async function fail(run: RunState, thrown: unknown): Promise<RunError> {
  const error = RunError.is(thrown)
    ? thrown
    : new RunError('config', `The run failed unexpectedly: ${messageOf(thrown)}`, { cause: thrown });
  // Where the journal itself failed there is nothing left to close. Its children were left with it.
  if (error.code === 'journal') await run.children.settled();
  else if (hasEntered(run)) {
    await endChildren(run, 'the run that started it has failed').catch(() => {});
    await run
      .record({
        type: 'run-end',
        outcome: 'failed',
        turns: run.tally.turns,
        reason: error.message,
        code: error.code,
      })
      .catch(() => {});
    await run.halt.race(gatesKept(run));
  }
  run.halt.trip({ kind: 'failed', reason: error.message, error });
  // Logged before it carries the run: a transcript has no place in a log.
  run.logger.error({ code: error.code, err: error }, 'run failed');
  error.result = run.snapshot();
  return error;
}
