import { closeChild } from './close-child.ts';
import { delegationOf } from './delegation.ts';
import type { PendingApproval } from '../loop/result.ts';
import type { RunState } from '../loop/run-state.ts';

/**
 * At a turn boundary: tells the model which background children have ended, as a user message. Returns whether there was
 * anything to tell. A paused turn is sent back as it is first.
 */
export async function tellEnded(run: RunState): Promise<boolean> {
  const { children, paused } = run.state;
  const { untold } = children;
  if (untold.length === 0 || paused) return false;
  await run.record({
    type: 'input',
    source: 'subagent',
    children: untold.map(({ session }) => session),
    content: untold.map(({ child, end }) => ({
      type: 'text',
      text: end?.content ?? `The background subagent "${child}" was stopped.`,
    })),
  });
  return true;
}

/** What the model's last word waits for: `told` where it has to hear something first, approvals where decisions are due, null where it waits for nothing. */
export async function awaitBackground(
  run: RunState,
): Promise<'told' | 'halted' | readonly PendingApproval[] | null> {
  const { background, halt, waiting } = run;
  const { untold, approvals: asked } = run.state.children;
  if (background.size + untold.length + asked.length === 0) return null;
  for (;;) {
    if (halt.reason) return 'halted';
    if (await tellEnded(run)) return 'told';
    if (background.size === 0) {
      const { approvals } = run.state.children;
      return approvals.length > 0 ? approvals : null;
    }
    const change = background.changed();
    if (!background.quiet) waiting?.end();
    else if (waiting) waiting.begin(() => background.conclude());
    else background.conclude();
    await halt.race(change);
  }
}

/** Calls wait for decisions: so do all background children by now, and end with them. */
export async function concludeBackground(run: RunState): Promise<void> {
  const { background, halt } = run;
  while (background.size > 0 && !halt.reason) {
    const change = background.changed();
    background.conclude();
    await halt.race(change);
  }
}

/** Goes on with the background children that an earlier process left. Those of calls go on with their calls. */
export function resumeBackground(run: RunState): void {
  for (const record of run.state.children.unfinished) {
    if (!record.background || record.parentRunId !== run.runId) continue;
    delegationOf(run.spec.tools.get(record.tool ?? ''))?.resume(run, record);
  }
}

/**
 * Nothing of a run goes on once it has ended: what still runs is stopped, and what an earlier process left is closed. Returns
 * the names of the background children that were stopped.
 */
export async function endChildren(run: RunState, reason: string): Promise<readonly string[]> {
  const cut =
    run.background.size > 0 ? run.state.children.unfinished.filter(({ background }) => background) : [];
  run.children.stop(reason);
  await run.children.settled();
  await closeChildren(run, run.runId);
  return cut.map(({ child }) => child);
}

/** Closes the sessions of children that nobody goes on with, and keeps what they have used. */
export async function closeChildren(run: RunState, parentRunId: string): Promise<void> {
  const left = run.state.children.unfinished.filter((record) => record.parentRunId === parentRunId);
  for (const record of left) await run.record(await closeChild(run, record));
}
