import type { Awaitable, Message, RequestParams, ToolResultContent } from '../api.ts';
import type { AgentEvent, ToolOutcome } from '../journal/events.ts';
import type { ToolOutput } from '../tools/tool-content.ts';

/** A tool call as hooks and approvals see it. */
export interface ToolCall {
  /** The id of the call (`tool_use.id`). */
  readonly callId: string;
  readonly tool: string;
  /** For hooks the checked input, as the tool receives it; for approvals the input as the model sent it. */
  readonly input: unknown;
  /** Name of the agent. */
  readonly agent: string;
  readonly runId: string;
}

/**
 * Functions called along a run. They may observe and, for tools, veto or replace. One that throws fails its step with a
 * clear error: a tool hook turns the call into an error result, any other ends the run with a RunError `hook-failed`.
 */
export interface Hooks {
  /**
   * Before each request, once it has leave to be sent: it is recorded and sent next. `params` are its fields without the
   * transcript. Budgets and governors hold its place meanwhile: do not run agents that share them here.
   */
  beforeRequest?(request: {
    readonly runId: string;
    readonly turn: number;
    readonly attempt: number;
    readonly params: RequestParams;
  }): Awaitable<void>;
  /** After each whole reply, before anything follows from it. */
  afterReply?(reply: {
    readonly runId: string;
    readonly turn: number;
    readonly message: Message;
  }): Awaitable<void>;
  /**
   * Before a call is approved and run, for `read` tools while the reply still streams. `{ deny }` refuses it with that
   * reason; `{ result }` answers it without running it.
   */
  beforeTool?(call: ToolCall): Awaitable<{ readonly deny: string } | { readonly result: ToolOutput } | void>;
  /** After a call has run or timed out. `{ result }` replaces what the model reads; the outcome stays. */
  afterTool?(
    call: ToolCall & { readonly outcome: ToolOutcome; readonly content: ToolResultContent },
  ): Awaitable<{ readonly result: ToolOutput } | void>;
  /** With every event, in order. */
  onEvent?(event: AgentEvent): void;
}

/** A decision on a tool call: yes or no, or with a changed input or a reason the model will read. */
export type ApprovalDecision =
  | boolean
  | { readonly allow: boolean; readonly input?: unknown; readonly reason?: string };

/**
 * Decides on calls of tools that need approval. Where it throws, or returns what is no decision, such as nothing, the call is
 * not run and its error says so.
 */
export type Approve = (call: ToolCall) => Awaitable<ApprovalDecision>;
