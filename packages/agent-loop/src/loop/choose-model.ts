import type { RunInput } from '../agent/agent.ts';
import type { AgentSpec } from '../agent/agent-spec.ts';
import { routed, type RouteScope } from '../agent/route.ts';
import type { RequestParams } from '../api.ts';
import { enter } from './begin.ts';
import type { RunState } from './run-state.ts';
import { prefixNews } from '../session/session-prefix.ts';
import type { SessionState } from '../journal/session-state.ts';

/** What a run chooses its model by. */
export interface Routing {
  /** The agent with its route. */
  readonly spec: AgentSpec;
  /** What the route is given. */
  readonly input: RunInput;
  /** What the run begins with; null where it goes on. */
  readonly given: RunInput | null;
  readonly prepared: (spec: AgentSpec) => Promise<RequestParams>;
}

/** What a route has to choose for; null where the conversation has its model, or the agent no route. */
export function inputToRoute(
  {
    spec,
    state,
    input,
  }: { readonly spec: AgentSpec; readonly state: SessionState; readonly input: RunInput | null },
  runId: string,
): RunInput | null {
  if (!spec.route) return null;
  const { transcript } = state;
  if (input !== null) return transcript.length > 0 ? null : input;
  // The process ended before the choice was made, while an agent was asked.
  const asked = state.children.of(keyOf(runId, 1));
  const undecided = state.run?.tally.turns === 0 && transcript.all.every(({ role }) => role === 'user');
  return asked && undecided ? asked.input : null;
}

/** Asks the route, and goes on as the agent with the model that it has chosen. Where an agent is asked, it is a child of this run. */
export async function chooseModel(run: RunState, { spec, input, given, prepared }: Routing): Promise<void> {
  let asked = 0;
  const scope: RouteScope = {
    nextKey: () => keyOf(run.runId, (asked += 1)),
    async begin() {
      await enter(run, given);
      return run;
    },
  };
  const chosen = await run.halt.race(routed(spec, { input, hasHistory: false, before: undefined }, scope));
  if (!chosen || run.halt.reason) return;
  run.adopt(chosen, await prepared(chosen));
  await keepModel(run);
}

/** A session knows which model it is to go on with. */
export async function keepModel(run: RunState): Promise<void> {
  const { spec, params, state } = run;
  if (!state.prefix) return;
  for (const entry of (await prefixNews({ spec, params, state })).news) await run.record(entry);
}

function keyOf(runId: string, count: number): string {
  return count === 1 ? `route:${runId}` : `route:${runId}:${count}`;
}
