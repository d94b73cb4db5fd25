import type { Gate } from './admission.ts';
import type { AgentSpec } from '../agent/agent-spec.ts';
import type { Limits } from '../agent/limits.ts';
import { gateOf, moneyGate } from '../money/budget.ts';

/** The options of an agent, or of a script, that have a gate. */
export type Gated = Pick<AgentSpec, 'budget' | 'governor'> & { readonly limits: Pick<Limits, 'usd'> };

/** What every request of a run of this agent, and of the runs it starts, passes: first what may refuse it, then what makes it wait. */
export function gatesOf({ limits, budget, governor }: Gated): readonly Gate[] {
  const gates: Gate[] = [];
  if (limits.usd !== undefined) gates.push(moneyGate('limits.usd', limits.usd));
  if (budget) gates.push(gateOf(budget));
  if (governor) gates.push(governor);
  return gates;
}
