import type { AgentSpec } from '../agent/agent-spec.ts';
import type { ChildRecord } from './child-records.ts';
import type { RunState } from '../loop/run-state.ts';
import type { Tool } from '../tools/tool.ts';

/** What a tool is that runs an agent. */
export interface Delegation {
  readonly spec: AgentSpec;
  /** Goes on with a background child that an earlier process left. */
  resume(run: RunState, record: ChildRecord): void;
}

const delegations = new WeakMap<Tool, Delegation>();

/** Marks a tool as one that runs an agent. */
export function markDelegation(tool: Tool, delegation: Delegation): void {
  delegations.set(tool, delegation);
}

/** What a tool delegates to; undefined for a tool that does its work itself. */
export function delegationOf(tool: Tool | undefined): Delegation | undefined {
  return tool && delegations.get(tool);
}

/** The agent of that name among an agent and those below it. */
export function specNamed(spec: AgentSpec, name: string): AgentSpec | undefined {
  if (spec.name === name) return spec;
  return specBelow(spec, name);
}

function specBelow(spec: AgentSpec, name: string): AgentSpec | undefined {
  for (const tool of spec.tools.values()) {
    const below = delegationOf(tool)?.spec;
    const found = below && specNamed(below, name);
    if (found) return found;
  }
  return undefined;
}
