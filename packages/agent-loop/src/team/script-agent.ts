import type { AgentSpec } from '../agent/agent-spec.ts';
import { type Agent, type RunInput, specOf } from '../agent/agent.ts';
import type { JsonValue } from '../api.ts';
import type { ChildRecord } from '../children/child-records.ts';
import { ChildLost, runChild } from '../children/child-run.ts';
import { RunError } from '../errors.ts';
import type { JournalStore } from '../journal/journal.ts';
import type { Seat } from './places.ts';
import type { Parent } from '../children/parent.ts';
import type { Outcome, RunResult } from '../loop/result.ts';
import type { ScriptRun } from './script-run.ts';
import type { Scope } from './script-scope.ts';
import { type Ended, leftBehind, stopped, takeStep } from './script-step.ts';
import { lookInto } from '../session/fold-session.ts';
import { checkInput } from '../loop/start-run.ts';
import { stepInput } from './step-value.ts';

/**
 * Runs an agent as a step of a script, in a session of its own. One that is finished returns what its session holds; one
 * that was cut off goes on in it.
 */
export async function agentStep<Output>(
  script: ScriptRun,
  scope: Scope,
  path: string,
  agent: Agent<Output>,
  input: RunInput,
): Promise<RunResult<Output>> {
  const spec = specOf(agent);
  checkInput(input);
  const asked = { path, kind: 'run' as const, of: spec.name, input: stepInput(input as JsonValue) };
  const known = script.find(asked);
  const run = async (
    isFinal: (outcome: Outcome | 'failed') => boolean,
    seat?: Seat,
  ): Promise<RunResult<Output>> => {
    const task = { spec, key: keyOf(script, path), input, isFinal };
    return (await runChild(parentOf(script, scope, seat), task)) as RunResult<Output>;
  };
  if (known?.end?.outcome === 'done') return run(() => true).catch((error: unknown) => lost(error, path));
  const wasWaiting = known?.end?.outcome === 'waiting';
  return (
    leftBehind(script, scope, known) ??
    takeStep(script, scope, asked, async (_, seat): Promise<Ended<RunResult<Output>>> => {
      const value = await run((outcome) => isFinal(outcome, wasWaiting), seat);
      if (scope.halt.reason) throw stopped(scope);
      return { value, outcome: waits(script, spec, value) ? 'waiting' : 'done', result: undefined };
    })
  );
}

/**
 * Takes what agents have used into account that a dead process left running and that nobody has asked for since, such as
 * the losers of a race. They can still be gone on with.
 */
export async function settleOrphans(script: ScriptRun): Promise<void> {
  const { state, session } = script;
  if (!session) return;
  for (const child of state.children.unfinished)
    if (child.end === null && child.callId.startsWith(keyOf(script, '')))
      await settle(script, session.store, child);
}

async function settle(script: ScriptRun, store: JournalStore, child: ChildRecord): Promise<void> {
  const { callId, childRunId, session } = child;
  const found = await lookInto(store, session);
  await script.record({
    type: 'child-end',
    callId,
    childRunId,
    child: child.child,
    session,
    outcome: 'stopped',
    steps: [...found.total.steps],
    lostUsd: found.total.lostUsd,
    children: found.children.startedBy(childRunId),
  });
}

/** By which the session of an agent's step is found. No tool call has such an id. */
function keyOf({ name }: ScriptRun, path: string): string {
  return `${name}:${path}`;
}

function parentOf(script: ScriptRun, { halt }: Scope, seat: Seat | undefined): Parent {
  const { runId, session, state, lineage, permissions, children, sink } = script;
  // Before all that reserve something: nobody waits for a place with money that another could need.
  const gates = seat ? [script.places.gateOf(seat), ...script.gates] : script.gates;
  return {
    runId,
    sessionId: session?.id ?? null,
    store: session?.store ?? null,
    state,
    gates,
    halt,
    lineage,
    permissions,
    children,
    telling: sink !== undefined,
    record: (entry) => script.record(entry),
    forward: (event) => sink?.(event),
  };
}

/** Whether an agent's step is over. Where the money of the whole script ran out, it goes on when there is more. */
function isFinal(outcome: Outcome | 'failed', wasWaiting: boolean): boolean {
  if (outcome === 'budget-limit') return !wasWaiting;
  return outcome !== 'stopped' && outcome !== 'failed' && outcome !== 'awaiting-approval';
}

/** Where the money of an agent's own ran out it is done: asked again, it would only get as much anew. */
function waits(script: ScriptRun, { limits, budget }: AgentSpec, { outcome }: RunResult): boolean {
  if (outcome !== 'budget-limit') return outcome === 'awaiting-approval';
  const isOwn = limits.usd !== undefined || (budget !== undefined && budget !== script.budget);
  return script.gates.length > 0 && !isOwn;
}

function lost(error: unknown, path: string): never {
  if (!(error instanceof ChildLost)) throw error;
  throw new RunError(
    'journal',
    `The step "${path}" is finished, but the session of its agent is not in this store: ${error.message}. ` +
      'Sessions of agents belong to the session of the script and have to be where it is.',
    { cause: error },
  );
}
