import type {
  ApprovalEvent,
  ChildEndEvent,
  ChildStartEvent,
  Entry,
  InputEvent,
  ReplyEvent,
  ReplyLostEvent,
  RequestEvent,
  RunEndEvent,
  ToolEndEvent,
} from '../journal/events.ts';

/** A request of a recording and what came of it; null where the process ended first. */
export interface Exchange {
  readonly request: RequestEvent;
  readonly answer: ReplyEvent | ReplyLostEvent | null;
  /** Starts and ends of the background subagents that the model was told of before the next request. */
  readonly children: readonly (ChildStartEvent | ChildEndEvent)[];
}

/** What one call of `run` or `resume` recorded. */
export interface Scene {
  readonly runId: string;
  /** Positions of its first entry and of the one after its last. */
  readonly from: number;
  readonly to: number;
  /** Null where it was a resume. */
  readonly input: InputEvent | null;
  readonly exchanges: readonly Exchange[];
  /** Null where the process ended first. */
  readonly end: RunEndEvent | null;
  /** Ends of calls, in their order. */
  readonly ends: readonly ToolEndEvent[];
  readonly started: ReadonlySet<string>;
  /** Calls that a decision was asked for. */
  readonly asked: ReadonlySet<string>;
  /** Decisions that the run itself carried out. */
  readonly decided: ReadonlyMap<string, ApprovalEvent>;
}

/** What stands between runs: written by the session, or by `approve` while no run was under way. */
const BETWEEN: ReadonlySet<Entry['type']> = new Set(['session-start', 'settings', 'fork', 'prefix-change']);

/** Cuts a recording into what each call of `run` and `resume` has recorded. */
export function scenesOf(entries: readonly Entry[]): Scene[] {
  const starts: number[] = [];
  let begun = false;
  let runId: string | null = null;
  for (const [index, entry] of entries.entries()) {
    if (BETWEEN.has(entry.type)) continue;
    // What a new run gives up of the one before comes before its own beginning.
    const isNew = entry.runId !== runId && entry.type !== 'approval';
    if (isNew || (entry.type === 'run-start' && begun)) {
      starts.push(index);
      begun = false;
    }
    if (entry.type === 'run-start') begun = true;
    if (entry.type !== 'approval') runId = entry.runId;
  }
  return starts.map((from, index) => sceneOf(entries, from, starts[index + 1] ?? entries.length));
}

function sceneOf(entries: readonly Entry[], from: number, to: number): Scene {
  const own = entries.slice(from, to);
  const endAt = own.findIndex((entry) => entry.type === 'run-end');
  const end = own[endAt];
  const within = endAt < 0 ? own : own.slice(0, endAt + 1);
  const started = new Set<string>();
  for (const entry of within) if (entry.type === 'tool-start') started.add(entry.callId);
  const ends = within.filter((entry) => entry.type === 'tool-end');
  const touched = new Set([...started, ...ends.map(({ callId }) => callId)]);
  const approvals = within.filter((entry) => entry.type === 'approval');
  const start = within.findIndex((entry) => entry.type === 'run-start');
  const input = within.slice(start).find((entry) => entry.type === 'input' && entry.source === 'user');
  return {
    runId: own[0]?.runId ?? '',
    from,
    to: from + within.length,
    input: input?.type === 'input' ? input : null,
    exchanges: exchangesOf(within.slice(Math.max(start, 0))),
    end: end?.type === 'run-end' ? end : null,
    ends,
    started,
    asked: new Set(within.flatMap((entry) => (entry.type === 'approval-request' ? [entry.callId] : []))),
    // Of two decisions the first counts. One that no run carried out was given too late for this one.
    decided: new Map(
      approvals
        .filter(({ callId }) => touched.has(callId))
        .toReversed()
        .map((entry) => [entry.callId, entry]),
    ),
  };
}

function exchangesOf(entries: readonly Entry[]): Exchange[] {
  const exchanges: Exchange[] = [];
  const children: (ChildStartEvent | ChildEndEvent)[] = [];
  const change = (more: Partial<Exchange>): void => {
    const last = exchanges.pop();
    if (last) exchanges.push({ ...last, ...more });
  };
  for (const entry of entries) {
    if (entry.type === 'request') exchanges.push({ request: entry, answer: null, children: [] });
    else if (entry.type === 'reply' || entry.type === 'reply-lost') change({ answer: entry });
    else if (entry.type === 'child-start' || entry.type === 'child-end') children.push(entry);
    else if (entry.type === 'input' && entry.children)
      change({ children: children.filter(({ session }) => entry.children?.includes(session)) });
  }
  return exchanges;
}
