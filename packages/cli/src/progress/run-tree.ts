import type { AgentEvent } from '@pawl/agent-loop';

type EventOf<T extends AgentEvent['type']> = Extract<AgentEvent, { type: T }>;

/** A tool that runs. */
export interface RunningTool {
  readonly tool: string;
  readonly input: unknown;
  /** Epoch milliseconds. */
  readonly startedAt: number;
  /** The latest that it told of itself. */
  readonly message: string | null;
}

/** What a run waits for. */
export interface Wait {
  readonly reason: EventOf<'wait'>['reason'];
  /** Epoch milliseconds. */
  readonly until: number;
}

/** How a run ended. */
export type Ending = EventOf<'run-end'>['outcome'];

/** One run of an agent: all that is shown of it. */
export interface RunNode {
  readonly runId: string;
  agent: string;
  parent: RunNode | null;
  readonly children: RunNode[];
  turn: number;
  readonly tools: Map<string, RunningTool>;
  readonly approvals: Map<string, string>;
  wait: Wait | null;
  /** Prompt tokens, whether read from the cache or not. */
  inputTokens: number;
  outputTokens: number;
  /** USD; null once a reply has no known price. */
  usd: number | null;
  readonly startedAt: number;
  endedAt: number | null;
  outcome: Ending | null;
  reason: string | null;
}

/** A sum over a run and all that it started. */
export interface TreeTotal {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly usd: number | null;
}

/**
 * The tree of runs that a sequence of events amounts to, of one stream or of many: a fold of the events and nothing else. What
 * it keeps of a run that has ended is a line's worth.
 */
export class RunTree {
  /** Runs that nobody started, or whose parent was never heard of. */
  readonly roots: RunNode[] = [];
  readonly #runs = new Map<string, RunNode>();

  /** Folds one event. Gives the run that it belongs to. */
  apply(event: AgentEvent): RunNode {
    const run = this.#runOf(event);
    // Whatever happens, a wait is over.
    if (event.type !== 'wait' && event.type !== 'tool-progress') run.wait = null;
    fold(run, event);
    if (event.type === 'child-start') this.#adopt(run, event);
    return run;
  }

  #runOf({ runId, agent, parentRunId, at }: AgentEvent): RunNode {
    return this.#runs.get(runId) ?? this.#add(runId, agent, at, this.#runs.get(parentRunId ?? ''));
  }

  #adopt(parent: RunNode, { childRunId, child, at, callId }: EventOf<'child-start'>): void {
    // The child is shown in place of the call that started it.
    parent.tools.delete(callId);
    if (!this.#runs.has(childRunId)) this.#add(childRunId, child, at, parent);
  }

  #add(runId: string, agent: string, startedAt: number, parent: RunNode | undefined): RunNode {
    const run: RunNode = {
      runId,
      agent,
      parent: parent ?? null,
      children: [],
      turn: 0,
      tools: new Map(),
      approvals: new Map(),
      wait: null,
      inputTokens: 0,
      outputTokens: 0,
      usd: 0,
      startedAt,
      endedAt: null,
      outcome: null,
      reason: null,
    };
    this.#runs.set(runId, run);
    (parent ? parent.children : this.roots).push(run);
    return run;
  }
}

/** What a run and all that it started have used. */
export function totalOf(run: RunNode): TreeTotal {
  let { inputTokens, outputTokens, usd } = run;
  for (const child of run.children) {
    const below = totalOf(child);
    inputTokens += below.inputTokens;
    outputTokens += below.outputTokens;
    usd = usd === null || below.usd === null ? null : usd + below.usd;
  }
  return { inputTokens, outputTokens, usd };
}

function fold(run: RunNode, event: AgentEvent): void {
  switch (event.type) {
    case 'run-start':
      run.endedAt = null;
      run.outcome = null;
      break;
    case 'request':
      run.turn = event.turn;
      break;
    case 'reply':
      foldReply(run, event);
      break;
    case 'tool-start':
      run.tools.set(event.callId, {
        tool: event.tool,
        input: event.input,
        startedAt: event.at,
        message: null,
      });
      break;
    case 'tool-progress': {
      const tool = run.tools.get(event.callId);
      if (tool) run.tools.set(event.callId, { ...tool, message: event.message });
      break;
    }
    case 'tool-end':
      run.tools.delete(event.callId);
      run.approvals.delete(event.callId);
      break;
    case 'approval-request':
      run.approvals.set(event.callId, event.tool);
      break;
    case 'approval':
      run.approvals.delete(event.callId);
      break;
    case 'wait':
      // A step or a call that waits keeps nobody else from going on.
      if (event.path === undefined && event.callId === undefined)
        run.wait = { reason: event.reason, until: event.at + event.delayMs };
      break;
    case 'run-end':
      run.tools.clear();
      if (event.outcome !== 'awaiting-approval') run.approvals.clear();
      run.endedAt = event.at;
      run.outcome = event.outcome;
      run.reason = event.reason;
      break;
    default:
  }
}

function foldReply(run: RunNode, { message: { usage }, usd = null }: EventOf<'reply'>): void {
  const cached = (usage.cache_creation_input_tokens ?? 0) + (usage.cache_read_input_tokens ?? 0);
  run.inputTokens += usage.input_tokens + cached;
  run.outputTokens += usage.output_tokens;
  run.usd = run.usd === null || usd === null ? null : run.usd + usd;
}
