import type { Awaitable } from '../api.ts';
import { type Budget, gateOf } from '../money/budget.ts';
import { ConfigError, messageOf, RunError } from '../errors.ts';
import type { AgentEvent } from '../journal/events.ts';
import { gatesOf } from '../loop/gates.ts';
import { gateOfGovernor, type Governor } from '../governor/governor.ts';
import type { HaltReason } from '../loop/halt.ts';
import { memoryJournal } from '../journal/journal.ts';
import type { Loan } from '../session/occupant.ts';
import { OpenSession } from '../session/open-session.ts';
import {
  checkDuration,
  checkFunction,
  checkMoney,
  checkName,
  checkCount,
  checkOptions as checkGiven,
  checkSignal,
  refuseUnknown,
  shown,
} from '../option-checks.ts';
import type { ScriptOutcome } from './script-entries.ts';
import { endPromptly, type PromptWork, UNKEPT } from '../loop/prompt-end.ts';
import { settleOrphans } from './script-agent.ts';
import { ScriptRun } from './script-run.ts';
import { haltError } from './script-scope.ts';
import { within } from './script-step.ts';
import { type Seams, toSeams } from '../seams.ts';
import type { Session } from '../session/session.ts';
import { SessionState } from '../journal/session-state.ts';
import { follow } from '../loop/start-run.ts';
import { type Team, teamOf } from './team.ts';

/** Bounds of a whole script. */
export interface ScriptLimits {
  /** The most its agents may cost together, in USD, in all processes that run it. An agent that has no room left ends as `budget-limit`. Default: no limit. */
  readonly usd: number;
  /** How long it may take in milliseconds, in this process. Default: no limit but those of its agents. */
  readonly timeMs: number;
}

/** Options of `orchestrate`. */
export interface OrchestrateOptions {
  /** Keeps the steps, so that a later run finds them. No run of it may be under way. Without it nothing outlives the process. */
  readonly session?: Session;
  /** Names the script in its session and in events: steps belong to it. 1 to 64 letters, digits, `_` or `-`. Default `'script'`. */
  readonly name?: string;
  readonly limits?: Partial<ScriptLimits>;
  /** How many agents and steps work at the same time; those that wait for others do not count. Default 8. */
  readonly concurrency?: number;
  /** A budget that its agents use, beside their own. */
  readonly budget?: Budget;
  /** A governor that its agents wait for, beside their own. */
  readonly governor?: Governor;
  /** Stops the script when aborted. */
  readonly signal?: AbortSignal;
  /** Called with every event: of the script, and of its agents with `parentRunId`. Must not throw. */
  readonly onEvent?: (event: AgentEvent) => void;
  /** Clock, ids and timers, for tests and simulations. Default: those of the session's agent. */
  readonly seams?: Partial<Seams>;
}

const OPTIONS: readonly (keyof OrchestrateOptions)[] = [
  'session',
  'name',
  'limits',
  'concurrency',
  'budget',
  'governor',
  'signal',
  'onEvent',
  'seams',
];
const DEFAULT_CONCURRENCY = 8;

/**
 * Runs a script that works with many agents, and returns what it returns. Whatever it has begun ends with it: where it
 * throws, returns early or is stopped, what is left is stopped, and this resolves or rejects when that is done.
 *
 * With a session every named step is kept as it ends: the same script, run again after a crash or a failure, gets what is
 * finished at once and at no cost, and agents that were cut off go on where they were. Between steps a script has to do
 * the same each time: what it takes from outside (time, chance, files, the network) belongs in a `team.step`.
 *
 * Rejects with what the script throws; with a RunError `stopped` or `time-limit` where it was stopped; `script-changed`
 * where it asks for other steps than those it took before, naming the step; `journal` where its session could not be
 * written, also because another owner has opened it. ConfigErrors say what is wrong with options and names.
 */
export async function orchestrate<T>(
  options: OrchestrateOptions,
  script: (team: Team) => Awaitable<T>,
): Promise<T> {
  checkOptions(options);
  if (typeof script !== 'function')
    throw new ConfigError(
      'orchestrate',
      `expected a function of a team as the second argument, got ${shown(script)}.`,
    );
  const { session } = options;
  if (session === undefined) return startScript(options, script, null).result;
  if (!(session instanceof OpenSession))
    throw new ConfigError('session', 'expected a session of openSession of this copy of @pawl/agent-loop.');
  return session.lend((loan) => startScript(options, script, loan)).result;
}

function startScript<T>(
  options: OrchestrateOptions,
  script: (team: Team) => Awaitable<T>,
  loan: Loan | null,
) {
  const {
    name = 'script',
    concurrency = DEFAULT_CONCURRENCY,
    budget,
    governor,
    onEvent,
    limits = {},
    signal,
  } = options;
  const run = new ScriptRun({
    name,
    seams: toSeams(options.seams, loan?.seams),
    journal: loan?.journal ?? memoryJournal(),
    state: loan?.state ?? new SessionState(),
    session: loan && { id: loan.id, store: loan.store },
    gates: gatesOf({ limits, budget, governor: governor && gateOfGovernor(governor) }),
    budget,
    concurrency,
    onEvent,
  });
  let ending: PromptWork<T> | undefined;
  const { halt } = run.root;
  const result = follow({ signal }, halt, () => {
    ending = endPromptly(halt, run.seams, play(run, limits, script, loan?.after), () => leftBehind(run));
    return ending.result;
  });
  return {
    result,
    left: () => ending?.left(),
    children: run.children,
    park: () =>
      run.root.halt.trip({ kind: 'parked', reason: 'the session was closed; run the script again to go on' }),
    keep: (entry: Parameters<typeof run.keep>[0]) => run.keep(entry),
  };
}

async function play<T>(
  run: ScriptRun,
  { timeMs }: Partial<ScriptLimits>,
  script: (team: Team) => Awaitable<T>,
  after: Promise<unknown> | undefined,
): Promise<T> {
  const { halt } = run.root;
  const stopTimer =
    timeMs === undefined
      ? () => {}
      : run.seams.timer(timeMs, () =>
          halt.trip({ kind: 'time-limit', reason: `limits.timeMs (${timeMs}) is over` }),
        );
  try {
    await after;
    await run.start();
    const value = await within(run, run.root, () => script(teamOf(run, run.root)));
    run.checkAllAsked();
    await settleOrphans(run);
    await run.end('completed', null);
    return value;
  } catch (error) {
    throw await failed(run, error);
  } finally {
    stopTimer();
    run.release();
  }
}

/** Records how a script ended that did not return, and what to throw for it. */
async function failed(run: ScriptRun, error: unknown): Promise<unknown> {
  const reason = run.root.halt.reason;
  const outcome: ScriptOutcome =
    RunError.is(error) && (error.code === 'stopped' || error.code === 'time-limit') ? error.code : 'failed';
  if (reason?.kind === 'parked') await run.leave();
  else if (!isJournal(reason)) await close(run, outcome, messageOf(error));
  if (RunError.is(error)) error.result ??= run.snapshot();
  return error;
}

/** A script that was stopped and could not end, because its store did not answer. */
function leftBehind(run: ScriptRun): never {
  const { reason } = run.root.halt;
  const { code, message, cause } = haltError(reason ?? { kind: 'stopped', reason: 'the script was stopped' });
  const error = new RunError(code, `${message}; ${UNKEPT}`, { cause });
  error.result = run.snapshot();
  throw error;
}

/** Where even this cannot be kept, what went wrong before is what has to be told. */
async function close(run: ScriptRun, outcome: ScriptOutcome, reason: string): Promise<void> {
  try {
    await settleOrphans(run);
    await run.end(outcome, reason);
  } catch {
    await run.leave();
  }
}

function isJournal(reason: HaltReason | null): boolean {
  return reason?.kind === 'failed' && reason.error.code === 'journal';
}

function checkOptions(options: OrchestrateOptions): void {
  if (typeof options !== 'object' || options === null)
    throw new ConfigError(
      'orchestrate',
      `expected an object of options as the first argument, got ${shown(options)}.`,
    );
  refuseUnknown('orchestrate', options, OPTIONS);
  const { name, limits = {}, concurrency, budget, governor, onEvent, signal } = options;
  if (name !== undefined) checkName('name', name);
  checkGiven('limits', limits, ['usd', 'timeMs']);
  checkMoney('limits.usd', limits.usd);
  checkDuration('limits.timeMs', limits.timeMs);
  if (budget !== undefined) gateOf(budget);
  if (governor !== undefined) gateOfGovernor(governor);
  checkCount('concurrency', concurrency);
  checkFunction('onEvent', onEvent);
  checkSignal(signal);
}
