import type { RunState } from '../loop/run-state.ts';
import type { ToolContext } from './tool.ts';
import type { Waiting } from '../children/waiting.ts';

/** What a call that starts subagents has to know of the run it belongs to. */
export interface ToolScope {
  readonly run: RunState;
  /** Tells the batch of the call that it only waits for decisions. */
  readonly waiting: Waiting;
}

const scopes = new WeakMap<ToolContext, ToolScope>();

/** Remembers where a context belongs, so that a tool which is handed it can start subagents there. */
export function setScope(ctx: ToolContext, scope: ToolScope): void {
  scopes.set(ctx, scope);
}

/** Where a context belongs; undefined for one that no run has made. */
export function scopeOf(ctx: ToolContext): ToolScope | undefined {
  return scopes.get(ctx);
}
