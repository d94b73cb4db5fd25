import type { AgentSpec } from '../agent/agent-spec.ts';
import type { ApprovalDecision, Approve, Hooks, ToolCall } from '../agent/hooks.ts';
import { checkDecision } from '../tools/tool-call.ts';

/** Who may forbid the calls of a run: its agent, and the agents of all runs above it. */
export interface Permissions {
  /** Decides on calls that need approval; undefined where nobody was given the say. */
  readonly approve: Approve | undefined;
  readonly beforeTool: Hooks['beforeTool'];
}

/** The permissions of a run: at most those of the run that started it. */
export function permissionsOf(spec: Pick<AgentSpec, 'approve' | 'hooks'>, above?: Permissions): Permissions {
  const beforeTool = spec.hooks.beforeTool?.bind(spec.hooks);
  const approve = spec.approve && checked(spec.approve);
  if (!above) return { approve, beforeTool };
  return {
    approve: both(approve, above.approve),
    beforeTool: first(above.beforeTool, beforeTool),
  };
}

/** Throws what is no decision: taken for a no in silence, a forgotten `return` could not be found. */
function checked(approve: Approve): Approve {
  return async (call) => {
    const decision: unknown = await approve(call);
    checkDecision(decision, 'what approve returned');
    return decision as ApprovalDecision;
  };
}

/** Both have to agree. The second sees the input as the first changed it. */
function both(own: Approve | undefined, above: Approve | undefined): Approve | undefined {
  if (!own || !above) return own ?? above;
  return async (call) => {
    const decision = await own(call);
    if (!allows(decision)) return decision;
    const changed = typeof decision === 'object' && decision.input !== undefined;
    const last = await above(changed ? { ...call, input: decision.input } : call);
    if (!changed || !allows(last) || (typeof last === 'object' && last.input !== undefined)) return last;
    return { allow: true, input: decision.input };
  };
}

function allows(decision: ApprovalDecision): boolean {
  return typeof decision === 'object' ? decision.allow : decision;
}

/** The first that denies a call, or answers it, counts. */
function first(above: Hooks['beforeTool'], own: Hooks['beforeTool']): Hooks['beforeTool'] {
  if (!own || !above) return own ?? above;
  return async (call: ToolCall) => {
    const verdict: unknown = await above(call);
    // `condition && { deny }` says nothing where it is false.
    return verdict === undefined || verdict === null || verdict === false
      ? own(call)
      : (verdict as { deny: string });
  };
}
