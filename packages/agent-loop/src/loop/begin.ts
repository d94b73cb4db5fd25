import type { ContentBlockParam } from '../api.ts';
import type { Spend } from '../money/budget-book.ts';
import { spendOfUnfinished } from '../children/child-spend.ts';
import { lossOf } from '../children/close-child.ts';
import { closeChildren, resumeBackground } from '../children/run-children.ts';
import type { RunState } from './run-state.ts';
import type { RunRecord } from '../journal/run-record.ts';
import type { SessionState } from '../journal/session-state.ts';
import { settle } from '../tools/tool-call.ts';
import { ToolBatch } from '../tools/tool-batch.ts';
import type { Turn } from './turn.ts';

/**
 * Begins a run, or goes on with one: `input` is null where the session is resumed. Whatever an earlier run left open is
 * settled first. Returns the reply that was being dealt with when the run was interrupted, if there is one; the loop
 * goes on with it as if it had just come.
 */
export async function begin(
  run: RunState,
  input: string | readonly ContentBlockParam[] | null,
): Promise<Turn | null> {
  const { state } = run;
  const resumed = await enter(run, input);
  const reply = resumed ? state.run?.unanswered : null;
  if (!reply) return null;
  const batch = new ToolBatch(run, reply.turn);
  for (const block of state.openCalls()) {
    const broken = reply.brokenCalls.includes(block.id) ? 'it was cut' : undefined;
    batch.add(block, broken, state.callOf(block));
  }
  return { reply, batch };
}

const entered = new WeakMap<RunState, Promise<boolean>>();

/** The first entries of a run, once: it may have begun before its model was chosen. Returns whether it is gone on with. */
export function enter(run: RunState, input: string | readonly ContentBlockParam[] | null): Promise<boolean> {
  let entering = entered.get(run);
  if (!entering) entered.set(run, (entering = enterAnew(run, input)));
  return entering;
}

/** Whether its first entries are there, or on their way. */
export function hasEntered(run: RunState): boolean {
  return entered.has(run);
}

async function enterAnew(
  run: RunState,
  input: string | readonly ContentBlockParam[] | null,
): Promise<boolean> {
  const { state } = run;
  const before = state.run;
  const resumed = before?.runId === run.runId;
  const unfinished = before?.ended === null;
  if (!resumed) await giveUp(run, state);
  await run.record({ type: 'run-start', model: run.params.model, ...(resumed && { resumed: true }) });
  if (resumed) await recordLoss(run, state);
  if (before && (resumed || unfinished)) await recall(run, before, resumed);
  if (resumed) resumeBackground(run);
  if (input !== null) await run.record({ type: 'input', source: 'user', content: input });
  return resumed;
}

/** What an earlier process has used and reserved for a run is counted before anything else is. */
async function recall(run: RunState, record: RunRecord, resumed: boolean): Promise<void> {
  const { runId, spend } = record;
  const ofChildren = (): Promise<Spend> => spendOfUnfinished(run.store, run.state, spend, runId);
  for (const gate of run.gates)
    await gate.recall?.({ runId, spend, resumed, inherited: run.inherited.includes(gate), ofChildren });
}

/** A new run begins while an earlier one is unfinished: its calls are answered with what is known of them. */
async function giveUp(run: RunState, state: SessionState): Promise<void> {
  await recordLoss(run, state);
  if (state.run) await closeChildren(run, state.run.runId);
  const turn = state.run?.unanswered?.turn ?? 0;
  for (const block of state.openCalls()) {
    const { outcome, content } = state.callOf(block).started
      ? settle(
          'unknown',
          'This call was interrupted and given up: it may or may not have taken effect. Check before repeating it.',
        )
      : settle('cancelled', 'This call was given up before it was carried out.');
    await run.record({
      type: 'tool-end',
      turn,
      callId: block.id,
      tool: block.name,
      outcome,
      content,
      durationMs: 0,
    });
  }
}

/** The request that was under way when the process ended. */
async function recordLoss(run: RunState, state: SessionState): Promise<void> {
  const request = state.run?.inFlight;
  if (request) await run.record(lossOf(run, request));
}
