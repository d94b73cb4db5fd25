/**
 * Every type that stands in a signature of the other entries and is seldom named: options of functions, the single
 * events, parts of results. For wrappers, and for declarations of what is inferred from them.
 *
 * @module
 */
export type { ContextOption } from './agent/context-option.ts';
export type { RouteRequest, RouteRule } from './agent/route.ts';
export type { RouteByAgentOptions, RouteTarget } from './agent/route-by-agent.ts';
export type {
  Awaitable,
  JsonObject,
  JsonValue,
  Message,
  Model,
  RequestParams,
  ToolResultContent,
} from './api.ts';
export type { CacheBreakpoints, CacheOption, CacheTtl } from './cache/cache-option.ts';
export type { SubagentOptions } from './children/subagent.ts';
export type { GovernorNote, GovernorStore } from './governor/governor-store.ts';
export type {
  ApprovalEvent,
  ApprovalRequestEvent,
  ChildEndEvent,
  ChildStartEvent,
  CompactionEvent,
  CompactionPlanEvent,
  CostEvent,
  EntryBase,
  ForkEvent,
  InputEvent,
  ParentLink,
  PrefixChangeEvent,
  ReplyEvent,
  ReplyLostEvent,
  RequestEvent,
  RetryEvent,
  RunEndEvent,
  RunStartEvent,
  SessionStartEvent,
  SettingsEvent,
  TextDeltaEvent,
  ThinkingDeltaEvent,
  ToolEndEvent,
  ToolInputDeltaEvent,
  ToolProgressEvent,
  ToolStartEvent,
  WaitEvent,
  WarningEvent,
} from './journal/events.ts';
export type {
  AppendOptions,
  FullJournal,
  JournalDamage,
  JournalErrorCode,
  JournalInfo,
} from './journal/journal.ts';
export type { CostPart, PartialRunResult } from './loop/result.ts';
export type { BudgetOptions, BudgetState } from './money/budget.ts';
export type { BudgetStore } from './money/budget-store.ts';
export type { BudgetPeriod } from './money/budget-window.ts';
export type { CompactionSizes, CompactionWorth } from './money/compaction-worth.ts';
export type { CostRow } from './money/cost-report.ts';
export type { PricingOptions } from './money/pricing-option.ts';
export type { LoadOptions, SessionRunOptions } from './session/session.ts';
export type { ImportOptions } from './session/session-import.ts';
export type { LeftOut } from './session/transcript-lines.ts';
export type { ScriptLimits } from './team/orchestrate.ts';
export type {
  ScriptEndEvent,
  ScriptStartEvent,
  StepEndEvent,
  StepStartEvent,
} from './team/script-entries.ts';
export type { StepTry } from './team/script-step.ts';
export type { Branch, BranchResults } from './team/team.ts';
export type { Checked } from './tools/schema.ts';
export type { ApprovalQuestion, ToolBehaviour } from './tools/tool.ts';
export type { ServerTool } from './tools/tool-list.ts';
