import type { Gate } from './admission.ts';
import type { AgentSpec } from './agent-spec.ts';
import { gateOf, moneyGate } from './budget.ts';

/** What every request of a run of this agent, and of the runs it starts, passes: first what may refuse it, then what makes it wait. */
export function gatesOf({ limits, budget, governor }: AgentSpec): readonly Gate[] {
  const gates: Gate[] = [];
  if (limits.usd !== undefined) gates.push(moneyGate('limits.usd', limits.usd));
  if (budget) gates.push(gateOf(budget));
  if (governor) gates.push(governor);
  return gates;
}
