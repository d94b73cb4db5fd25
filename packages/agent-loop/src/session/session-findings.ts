import type { ToolUseBlock } from '../api.ts';
import type { Entry } from '../journal/events.ts';
import type { PendingApproval } from '../loop/result.ts';
import type { SessionState } from '../journal/session-state.ts';

/** Something worth telling about a session. */
export interface SessionFinding {
  /** `problem`: something is wrong. `waiting`: it can go on, and says how. `note`: good to know. */
  readonly kind: 'problem' | 'waiting' | 'note';
  readonly message: string;
}

/**
 * What the entries of a session, and what they fold into, tell about it. They may end early, where it is damaged. `below`
 * are the calls that children wait with that were cut off.
 */
export function findingsOf(
  entries: readonly Entry[],
  state: SessionState,
  below: readonly PendingApproval[],
): readonly SessionFinding[] {
  const findings: SessionFinding[] = [];
  for (const [index, { seq }] of entries.entries())
    if (seq !== index)
      findings.push({ kind: 'problem', message: `entry ${index} says that it is entry ${seq}` });
  if (entries.length > 0 && !state.prefix)
    findings.push({ kind: 'note', message: 'it has not been opened by an agent yet' });
  return [...findings, ...waitingFor(state), ...waitingBelow(state, below), ...notesOn(entries)];
}

function waitingFor(state: SessionState): SessionFinding[] {
  const { run, transcript } = state;
  const waiting = (message: string): SessionFinding => ({ kind: 'waiting', message });
  if (!run) return [];
  const found: SessionFinding[] = [];
  const resumable = state.paused || transcript.lastRole === 'user' || state.openCalls().length > 0;
  if (run.ended === null) found.push(waiting('its last run was interrupted: resume() finishes it'));
  else if (run.ended === 'awaiting-approval')
    found.push(waiting('its last run waits for approval: approve(), then resume()'));
  else if (run.ended !== 'completed' && resumable)
    found.push(waiting(`its last run ended as ${run.ended}: resume() goes on, run() begins anew`));
  if (run.inFlight)
    found.push(
      waiting(
        `a request was under way (turn ${run.inFlight.turn}): resuming notes its reply as lost and asks again`,
      ),
    );
  for (const call of state.openCalls())
    found.push(waiting(`${call.name} (${call.id}) ${standingOf(state, call)}`));
  return found;
}

/** Where an open call stands, and what becomes of it. */
function standingOf(state: SessionState, call: ToolUseBlock): string {
  const { started, asked, decided } = state.callOf(call);
  const child = state.children.of(call.id);
  if (child) return `is the subagent ${child.child} in session "${child.session}": resuming goes on with it`;
  if (started?.effect === 'once')
    return 'was started and may have taken effect: it is asked about, or waits for a decision';
  if (started) return 'was started: resuming repeats it with the same idempotency key';
  if (decided) return `was ${decided.allow ? 'allowed' : 'denied'}: resuming carries that out`;
  return asked ? 'waits for a decision' : 'was not started: resuming runs it';
}

/** Scripts, and the calls of subagents that a decision can be given on. */
function waitingBelow(state: SessionState, below: readonly PendingApproval[]): SessionFinding[] {
  const script = state.scripts.unfinished;
  const calls = [...state.children.approvals, ...below].map(
    ({ tool, callId, agent, session }) =>
      `${tool} (${callId}) of ${agent} in session "${session}" waits for a decision: approve() on this session`,
  );
  const messages =
    script === undefined ? calls : [`its script "${script}" goes on when it is run again`, ...calls];
  return messages.map((message) => ({ kind: 'waiting', message }));
}

function notesOn(entries: readonly Entry[]): SessionFinding[] {
  const note = (message: string): SessionFinding => ({ kind: 'note', message });
  const ends = entries.filter((entry) => entry.type === 'run-end');
  const lost = entries.filter((entry) => entry.type === 'reply-lost');
  const worst = lost.flatMap((entry) => (entry.worst ? [entry.worst] : []));
  const notes: SessionFinding[] = [];
  if (ends.length > 0)
    notes.push(
      note(
        `${ends.length} ${ends.length === 1 ? 'run' : 'runs'} ended: ${counted(ends.map(({ outcome }) => outcome))}`,
      ),
    );
  for (const entry of entries) {
    if (entry.type === 'fork')
      notes.push(note(`entries 0 to ${entry.entries - 1} were copied from "${entry.from}"`));
    if (entry.type === 'prefix-change')
      notes.push(note(`its agent changed at entry ${entry.seq} (${entry.model})`));
  }
  if (lost.length > 0)
    notes.push(note(`${lost.length} replies were lost: ${counted(lost.map(({ code }) => code))}`));
  if (worst.length > 0) {
    const sum = (field: 'input_tokens' | 'output_tokens'): number =>
      worst.reduce((total, tokens) => total + tokens[field], 0);
    notes.push(
      note(
        `of ${worst.length} of them nothing is known: at most ${sum('input_tokens')} tokens in, ${sum('output_tokens')} out`,
      ),
    );
  }
  return notes;
}

/** Such as `3 completed, 1 stopped`. */
function counted(words: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return [...counts].map(([word, count]) => `${count} ${word}`).join(', ');
}
