import type { AgentSpec } from '../agent/agent-spec.ts';
import { stateOf } from '../session/fold-session.ts';
import type { RunInput } from '../agent/agent.ts';
import { freeChildId } from './child-id.ts';
import type { ChildRecord } from './child-records.ts';
import { messageOf, RunError } from '../errors.ts';
import type { ChildEndEvent, Entry } from '../journal/events.ts';
import { type Journal, JournalError, memoryJournal } from '../journal/journal.ts';
import { haltOfChild, type Parent } from './parent.ts';
import { recordedResult } from '../session/recorded-result.ts';
import type { RunResult } from '../loop/result.ts';
import { prefixNews } from '../session/session-prefix.ts';
import { withModelOf } from '../agent/route.ts';
import { SessionState } from '../journal/session-state.ts';
import { prepared, type StartedRun, startRun } from '../loop/start-run.ts';
import type { Waiting } from './waiting.ts';

/** What a child is started for. */
export interface ChildTask {
  readonly spec: AgentSpec;
  /** The call that asks for it, or the name of the step: the same key reaches the same child again. */
  readonly key: string;
  readonly input: RunInput;
  /** The tool that was called; none for a step of a script. */
  readonly tool?: string | undefined;
  /** Whether the same key may have been used before by an earlier process. Default true. */
  readonly again?: boolean;
  /** Whether a run that ended so is over for good, rather than gone on with when the same key is asked for again. Default: all but `stopped` and `awaiting-approval`. */
  readonly isFinal?: ((outcome: ChildEndEvent['outcome']) => boolean) | undefined;
  /** Stops this child alone. */
  readonly signal?: AbortSignal | undefined;
  /** What the model is told when it ends; its parent does not wait for it. */
  readonly background?: ((ended: ChildEnded) => string) | undefined;
  /** Called when its start is kept. */
  readonly onStart?: (() => void) | undefined;
  /** Told when all that the child does waits for decisions. */
  readonly waiting?: Waiting | undefined;
}

/** How a child ended: with its result, or with the error of a run that could not go on. */
export type ChildEnded = RunResult | RunError;

/** Why a child was not run: a limit of the tree, or a parent that is stopped. Nothing was recorded or sent for it. */
export class ChildRefused extends Error {
  override readonly name = 'ChildRefused';
}

/** A child whose session is not here: it may have done anything. */
export class ChildLost extends Error {
  override readonly name = 'ChildLost';
}

/**
 * Runs a child of a run or of a script, in a session of its own in its parent's store. A child that an earlier process
 * began goes on where it was left; one that has ended returns what is recorded, at no cost.
 *
 * Resolves however it ended, as `Agent.run` does, and rejects with its RunError where it failed. A child that was left
 * with its parent, to be resumed, resolves as `stopped`. Waits for nothing that its parent's tools could hold.
 */
export async function runChild(parent: Parent, task: ChildTask): Promise<RunResult> {
  const ended = await parent.children.follow(enter(parent, task));
  if (RunError.is(ended)) throw ended;
  return ended;
}

function enter(parent: Parent, task: ChildTask): Promise<ChildEnded> {
  const known = task.again === false ? undefined : parent.state.children.of(task.key);
  return known ? reenter(parent, task, known) : begin(parent, task);
}

/** A child that never ran before. Its start is kept before its session is touched: from then on it is known where to look. */
async function begin(parent: Parent, task: ChildTask): Promise<ChildEnded> {
  const { refusal } = parent.lineage;
  if (refusal !== null) throw new ChildRefused(refusal);
  parent.lineage.count();
  const { store, state, sessionId, runId } = parent;
  const isKnown = (id: string): boolean => state.children.has(id);
  const session = await freeChildId(sessionId ?? runId, task.key, store, isKnown);
  const childRunId = task.spec.seams.id('run');
  await keepStart(parent, task, { session, childRunId, resumed: false });
  return withSession(await openChild(parent, session), (opened) =>
    carryOn(parent, task, { ...opened, session, childRunId }),
  );
}

async function reenter(parent: Parent, task: ChildTask, known: ChildRecord): Promise<ChildEnded> {
  const { session, childRunId, input } = known;
  if (known.end?.lost) throw new ChildLost('its session belongs to another copy of this one');
  const isOver = task.isFinal ?? isFinal;
  const over = known.end !== null && isOver(known.end.outcome);
  return withSession(await openChild(parent, session, over), async (opened) => {
    const { run } = opened.state;
    if (over && !run?.end) throw new ChildLost('its session is not here, or did not end');
    if (run?.end && (isOver(run.end.outcome) || !canGoOn(opened.state, run.end.outcome))) {
      const ended = await recorded(opened.state, task.spec);
      if (!over) await keepEnd(parent, task, { ...opened, session, childRunId: run.runId }, ended, 0);
      return ended;
    }
    // What goes on after an end is another run, but for one that waited. That of a fork has an id of its own.
    const ended = run?.end && run.end.outcome !== 'awaiting-approval';
    const next = ended ? task.spec.seams.id('run') : (run?.runId ?? childRunId);
    await keepStart(parent, task, { session, childRunId: next, resumed: run !== null });
    return carryOn(parent, { ...task, input }, { ...opened, session, childRunId: next });
  });
}

interface OpenChild {
  readonly journal: Journal;
  readonly state: SessionState;
}
interface ChildSession extends OpenChild {
  readonly session: string;
  readonly childRunId: string;
}

async function openChild({ store }: Parent, session: string, readonly = false): Promise<OpenChild> {
  const state = new SessionState();
  if (!store) return { journal: memoryJournal(), state };
  let journal: Journal;
  try {
    journal = await store.open(session, { readonly });
  } catch (error) {
    if (error instanceof JournalError && error.code === 'not-found')
      return { journal: memoryJournal(), state };
    throw error;
  }
  return { journal, state: await stateOf(journal) };
}

async function withSession<T>(opened: OpenChild, work: (opened: OpenChild) => Promise<T>): Promise<T> {
  try {
    return await work(opened);
  } finally {
    await opened.journal.close();
  }
}

/** Runs it, or goes on with it, and keeps how it ended in the parent's journal. */
async function carryOn(parent: Parent, given: ChildTask, child: ChildSession): Promise<ChildEnded> {
  const task = { ...given, spec: withModelOf(given.spec, child.state.prefix) };
  const { signal, waiting } = task;
  const { journal, state, session, childRunId } = child;
  if (parent.store) await matchPrefix(parent, task, child);
  const started: StartedRun<unknown> = startRun({
    spec: given.spec,
    journal,
    state,
    store: parent.store,
    sessionId: parent.store ? session : null,
    runId: childRunId,
    parent,
    waiting,
    input: state.transcript.length > 0 ? null : task.input,
    sink: parent.telling ? (event) => parent.forward(event) : undefined,
    signal,
  });
  const leave = parent.children.enter({ session, spec: task.spec, state, ...started });
  const ended = await started.result.catch(asRunError);
  await started.left();
  leave();
  const parked = parent.halt.reason && haltOfChild(parent.halt.reason).kind === 'parked';
  if (state.run?.end || !parked) await keepEnd(parent, task, child, ended, started.lineage.started);
  return ended;
}

/** Thinking that another version of the agent has done can not be sent again: the child goes on without it. */
async function matchPrefix(parent: Parent, { spec, key }: ChildTask, child: ChildSession): Promise<void> {
  const { journal, state, childRunId } = child;
  const params = await prepared(spec);
  const { news } = await prefixNews({
    spec,
    params,
    state,
    parent: { session: parent.sessionId ?? parent.runId, callId: key },
  });
  const stamp = { runId: childRunId, agent: spec.name, at: spec.seams.now(), parentRunId: parent.runId };
  const from = state.length;
  const entries = news.map((entry, index): Entry => ({ ...entry, ...stamp, seq: from + index }));
  if (entries.length === 0) return;
  // The run's first entries are synced, and these with them.
  await journal.append(entries, from, { sync: false });
  for (const entry of entries) state.apply(entry);
}

async function keepStart(
  parent: Parent,
  { spec, key, tool, input, background, onStart }: ChildTask,
  { session, childRunId, resumed }: { session: string; childRunId: string; resumed: boolean },
): Promise<void> {
  if (parent.halt.reason) throw new ChildRefused(parent.halt.reason.reason);
  await parent.record({
    type: 'child-start',
    callId: key,
    childRunId,
    child: spec.name,
    session,
    input,
    ...(background && { background: true }),
    ...(tool !== undefined && { tool }),
    ...(resumed && { resumed: true }),
  });
  onStart?.();
}

async function keepEnd(
  parent: Parent,
  { spec, key, background }: ChildTask,
  { session, childRunId, state }: Omit<ChildSession, 'journal'>,
  ended: ChildEnded,
  started: number,
): Promise<void> {
  const outcome: ChildEndEvent['outcome'] = RunError.is(ended) ? 'failed' : ended.outcome;
  const approvals = RunError.is(ended) ? [] : (ended.pending?.approvals ?? []);
  const waits = outcome === 'awaiting-approval';
  await parent.record({
    type: 'child-end',
    callId: key,
    childRunId,
    child: spec.name,
    session,
    outcome,
    steps: [...state.total.steps],
    lostUsd: state.total.lostUsd,
    ...(state.spend.told && { counted: state.spend.told }),
    children: Math.max(started, state.children.startedBy(childRunId)),
    ...(waits && { approvals: approvals.map((approval) => ({ session, ...approval })) }),
    ...(background && !waits && { content: background(ended) }),
  });
}

/** Whether a run ended for itself. One that was stopped with its parent, or waits for a decision, can go on. */
function isFinal(outcome: ChildEndEvent['outcome']): boolean {
  return outcome !== 'stopped' && outcome !== 'awaiting-approval';
}

/** Whether there is something to send: a whole answer is not sent back. */
function canGoOn({ transcript, paused }: SessionState, outcome: ChildEndEvent['outcome']): boolean {
  return outcome === 'awaiting-approval' || paused || transcript.lastRole !== 'assistant';
}

function recorded(state: SessionState, spec: AgentSpec): Promise<ChildEnded> {
  return recordedResult(state, spec).catch(asRunError);
}

function asRunError(error: unknown): RunError {
  return RunError.is(error) ? error : new RunError('config', messageOf(error), { cause: error });
}
