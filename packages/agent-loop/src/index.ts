export { createAgent } from './agent/agent.ts';
export type { Agent, Preview, RunInput, RunOptions } from './agent/agent.ts';
export type { AgentOptions } from './agent/agent-options.ts';
export type { ServerTool } from './tools/tool-list.ts';
export type { Limits } from './agent/limits.ts';
export type { AgentStream } from './agent/agent-stream.ts';
export { createBudget } from './money/budget.ts';
export type { Budget, BudgetOptions } from './money/budget.ts';
export type { Client, JsonValue, MessageParam } from './api.ts';
export { compactionWorth } from './money/compaction-worth.ts';
export { costReport } from './money/cost-report.ts';
export type { CostReport } from './money/cost-report.ts';
export { ConfigError, RunError } from './errors.ts';
export type { RunErrorCode } from './errors.ts';
export type { AgentEvent, Delta, Entry, ToolOutcome } from './journal/events.ts';
export { createGovernor } from './governor/governor.ts';
export type { Governor, GovernorOptions } from './governor/governor.ts';
export type { ApprovalDecision, Approve, Hooks, ToolCall } from './agent/hooks.ts';
export { JournalError } from './journal/journal.ts';
export type { Journal, JournalInfo, JournalStore } from './journal/journal.ts';
export { orchestrate } from './team/orchestrate.ts';
export type { OrchestrateOptions } from './team/orchestrate.ts';
export type {
  Cost,
  Outcome,
  PartialRunResult,
  Pending,
  PendingApproval,
  RunResult,
  Step,
} from './loop/result.ts';
export { routeByAgent } from './agent/route-by-agent.ts';
export { routeByRules } from './agent/route.ts';
export type { Route, RouteRule } from './agent/route.ts';
export type { InferSchema, Schema } from './tools/schema.ts';
export type { Seams } from './seams.ts';
export { drain, loadSession, openSession } from './session/session.ts';
export type { Drained, LoadOptions, Session, SessionOptions, SessionRunOptions } from './session/session.ts';
export { importTranscript } from './session/session-import.ts';
export type { ImportedTranscript, ImportOptions } from './session/session-import.ts';
export type { SubagentOptions } from './children/subagent.ts';
export type { Team } from './team/team.ts';
export { defineTool } from './tools/tool.ts';
export type {
  RunnableTool,
  Tool,
  ToolAccess,
  ToolBehaviour,
  ToolContext,
  ToolEffect,
  ToolOptions,
} from './tools/tool.ts';
export type { ToolOutput } from './tools/tool-content.ts';
export type { Usage } from './money/usage.ts';
