export { createAgent } from './agent.ts';
export type { Agent, Preview, RunInput, RunOptions } from './agent.ts';
export type { AgentOptions, ServerTool } from './agent-options.ts';
export type { Limits } from './agent-spec.ts';
export type { AgentStream } from './agent-stream.ts';
export { createBudget } from './budget.ts';
export type { Budget, BudgetOptions } from './budget.ts';
export type { Client, JsonValue, MessageParam } from './api.ts';
export { costReport } from './cost-report.ts';
export type { CostReport } from './cost-report.ts';
export { compactionWorth } from './compaction-worth.ts';
export { ConfigError, RunError } from './errors.ts';
export type { RunErrorCode } from './errors.ts';
export type { AgentEvent, Delta, Entry, ToolOutcome } from './events.ts';
export { createGovernor } from './governor.ts';
export type { Governor, GovernorOptions } from './governor.ts';
export type { ApprovalDecision, Approve, Hooks, ToolCall } from './hooks.ts';
export { JournalError } from './journal.ts';
export type { Journal, JournalInfo, JournalStore } from './journal.ts';
export { orchestrate } from './orchestrate.ts';
export type { OrchestrateOptions } from './orchestrate.ts';
export type { Cost, Outcome, PartialRunResult, Pending, PendingApproval, RunResult, Step } from './result.ts';
export { routeByRules } from './route.ts';
export type { Route, RouteRule } from './route.ts';
export type { InferSchema, Schema } from './schema.ts';
export type { Seams } from './seams.ts';
export { drain, loadSession, openSession } from './session.ts';
export type { Drained, LoadOptions, Session, SessionOptions, SessionRunOptions } from './session.ts';
export { importTranscript } from './session-import.ts';
export type { ImportedTranscript, ImportOptions } from './session-import.ts';
export type { SubagentOptions } from './subagent.ts';
export type { Team } from './team.ts';
export { defineTool } from './tool.ts';
export type {
  RunnableTool,
  Tool,
  ToolAccess,
  ToolBehaviour,
  ToolContext,
  ToolEffect,
  ToolOptions,
} from './tool.ts';
export type { ToolOutput } from './tool-content.ts';
export type { Usage } from './usage.ts';
