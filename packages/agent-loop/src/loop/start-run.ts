import type { Gate } from './admission.ts';
import type { AgentSpec } from '../agent/agent-spec.ts';
import { chooseModel, inputToRoute, keepModel } from './choose-model.ts';
import type { RunInput } from '../agent/agent.ts';
import type { MessageParam, RequestParams } from '../api.ts';
import { ConfigError, messageOf, RunError } from '../errors.ts';
import type { AgentEvent, NewEntry } from '../journal/events.ts';
import { gatesOf } from './gates.ts';
import { Halt } from './halt.ts';
import type { Journal } from '../journal/journal.ts';
import { Children } from '../children/children.ts';
import type { JournalStore } from '../journal/journal.ts';
import { Lineage } from '../children/lineage.ts';
import { runLogger } from '../agent/logger.ts';
import { shown } from '../option-checks.ts';
import { haltOfChild, type Parent } from '../children/parent.ts';
import type { RunResult } from './result.ts';
import { endPromptly, type PromptWork } from './prompt-end.ts';
import { withModel } from '../agent/route.ts';
import { leftBehind, runLoop } from './run.ts';
import { RunState } from './run-state.ts';
import type { SessionState } from '../journal/session-state.ts';
import type { Waiting } from '../children/waiting.ts';

/** What a run starts from. */
export interface RunStart {
  readonly spec: AgentSpec;
  readonly journal: Journal;
  readonly state: SessionState;
  readonly sessionId: string | null;
  /** Null where the latest run of the session is gone on with. */
  readonly input: RunInput | null;
  readonly sink: ((event: AgentEvent) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** What every request passes before it is sent, in this order, after what its parent's pass. Default: what the agent asks for. */
  readonly gates?: readonly Gate[] | undefined;
  /** Messages that come before the input. */
  readonly messages?: readonly MessageParam[] | undefined;
  /** What has to be over before it begins. */
  readonly after?: Promise<unknown> | undefined;
  /** Where the sessions of its subagents last: the store of its own. */
  readonly store?: JournalStore | null | undefined;
  /** The run that it is a child of. */
  readonly parent?: Parent | undefined;
  /** Its id, where that was given before. */
  readonly runId?: string | undefined;
  /** Told when all that it does waits for decisions. */
  readonly waiting?: Waiting | undefined;
}

/** A run under way. */
export interface StartedRun<Output> {
  readonly runId: string;
  readonly result: Promise<RunResult<Output>>;
  readonly stop: (reason: string) => void;
  /** Ends the run where it stands, so that it can be resumed. */
  readonly park: () => void;
  /** Keeps an entry in the run's journal, in its order. False where the run has ended, or never began. */
  readonly keep: (entry: NewEntry) => Promise<boolean>;
  /** The runs that it has started. */
  readonly children: Children;
  readonly lineage: Lineage;
  /** What it still has to keep once its result is there, because its store has not answered; undefined for the most part. */
  readonly left: () => Promise<void> | undefined;
}

/** Starts a run at once. A run that was interrupted, or waits for approval, goes on under the id it had. */
export function startRun<Output>(start: RunStart): StartedRun<Output> {
  const { spec, state, input } = start;
  const unfinished = state.run && (state.run.ended === null || state.run.ended === 'awaiting-approval');
  const resumed = input === null && unfinished ? state.run?.runId : undefined;
  const runId = start.runId ?? resumed ?? spec.seams.id('run');
  const halt = new Halt();
  const children = new Children();
  const lineage = new Lineage(spec.limits, start.parent?.lineage, state.children.startedBy(runId));
  let latest: RunState | undefined;
  let running: RunState | undefined;
  let begun: PromiseWithResolvers<void> | undefined;
  let ending: PromptWork<RunResult<Output>> | undefined;
  const result = follow(start, halt, async () => {
    if (input !== null) checkInput(input);
    state.transcript.seed(start.messages ?? []);
    const toRoute = inputToRoute(start, runId);
    const before = state.prefix?.model;
    const own = spec.route ? withModel(spec, before ?? spec.model) : spec;
    const params = await prepared(own);
    const logger = await runLogger(spec.logger, { runId, agent: spec.name });
    const gates = start.gates ?? gatesOf(spec);
    const parts = { ...start, spec: own, gates, runId, halt, logger, params, children, lineage };
    const work = async (): Promise<RunResult> => {
      await start.after;
      const run = new RunState(parts);
      // Nobody waits for it any more.
      if (ending?.left()) return leftBehind(run);
      latest = run;
      return runLoop(run, input, async () => {
        if (toRoute !== null) await chooseModel(run, { spec, input: toRoute, given: input, prepared });
        else if (spec.route) await keepModel(run);
        running = run;
        begun?.resolve();
      });
    };
    ending = endPromptly(halt, spec.seams, work() as Promise<RunResult<Output>>, () =>
      leftBehind<Output>(latest ?? new RunState(parts)),
    );
    return ending.result;
  });
  return {
    runId,
    result,
    children,
    lineage,
    left: () => ending?.left(),
    stop: (reason) => halt.trip({ kind: 'stopped', reason }),
    park: () => halt.trip({ kind: 'parked', reason: 'the session was closed; resume() goes on from here' }),
    async keep(entry) {
      if (!running) {
        begun ??= Promise.withResolvers();
        await Promise.race([begun.promise, Promise.allSettled([result])]);
      }
      if (!running || running.over) return false;
      await running.record(entry);
      return true;
    },
  };
}

/** Runs `work` while an aborted signal stops it, or the end of its parent. */
export function follow<T>(
  above: Pick<RunStart, 'signal' | 'parent'>,
  halt: Halt,
  work: () => Promise<T>,
): Promise<T> {
  return above.signal || above.parent ? followed(above, halt, work) : work();
}

async function followed<T>(
  { signal, parent }: Pick<RunStart, 'signal' | 'parent'>,
  halt: Halt,
  work: () => Promise<T>,
): Promise<T> {
  const onEnd = (): void => {
    if (parent?.halt.reason) halt.trip(haltOfChild(parent.halt.reason));
  };
  // A signal that the parent's end has aborted says less than the parent does.
  const onAbort = (): void => {
    onEnd();
    halt.trip({ kind: 'stopped', reason: abortReason(signal) });
  };
  const detach = parent?.halt.on(onEnd);
  if (signal?.aborted) onAbort();
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    return await work();
  } finally {
    // `once` alone would leak a listener per run on a signal that is never aborted.
    signal?.removeEventListener('abort', onAbort);
    detach?.();
  }
}

/** The request's fields. A schema whose converter had to be loaded first can turn out unusable only here. */
export async function prepared(spec: AgentSpec): Promise<RequestParams> {
  try {
    return await spec.params();
  } catch (error) {
    throw new RunError('config', messageOf(error), { cause: error });
  }
}

/** Throws a ConfigError for what is no input at all. Null, above all: it says that the latest run is gone on with. */
export function checkInputType(input: unknown): void {
  if (typeof input === 'string' || Array.isArray(input)) return;
  throw new ConfigError('input', `expected a text or content blocks, got ${shown(input)}.`);
}

/** Throws a ConfigError for an input without any content, or with a text block that the API would refuse. */
export function checkInput(input: RunInput): void {
  checkInputType(input);
  if (typeof input === 'string' ? input.trim() === '' : input.length === 0) {
    const got = typeof input === 'string' ? 'an empty text' : 'an empty list';
    throw new ConfigError('input', `expected a text or content blocks, got ${got}.`);
  }
  if (typeof input === 'string') return;
  const odd = input.findIndex((block) => typeof block?.type !== 'string');
  if (odd >= 0)
    throw new ConfigError(
      `input[${odd}]`,
      `is no content block. Expected one such as { type: 'text', text: '...' }, got ${shown(input[odd])}.`,
    );
  const empty = input.findIndex((block) => block?.type === 'text' && !block.text?.trim());
  if (empty >= 0)
    throw new ConfigError(`input[${empty}]`, 'is a text block without any text, which the API refuses.');
}

function abortReason(signal: AbortSignal | undefined): string {
  const reason: unknown = signal?.reason;
  if (typeof reason === 'string') return reason;
  return reason instanceof Error ? reason.message : 'the signal was aborted';
}
