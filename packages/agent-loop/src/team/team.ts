import type { Agent, RunInput } from '../agent/agent.ts';
import type { Awaitable } from '../api.ts';
import { ConfigError } from '../errors.ts';
import { checkCount, checkOptions, shown } from '../option-checks.ts';
import type { Cost, RunResult } from '../loop/result.ts';
import { agentStep } from './script-agent.ts';
import type { ScriptRun } from './script-run.ts';
import { checkStepName, Scope } from './script-scope.ts';
import { type Ended, leftBehind, recordStep, type StepTry, takeStep, within } from './script-step.ts';
import { keptValue, stepInput } from './step-value.ts';

/** A part of a script. Steps that it takes with its own `team` are stopped with it, and named within it. */
export type Branch<T = unknown> = (team: Team) => Awaitable<T>;

/** What branches return, each in its place. */
export type BranchResults<B extends readonly Branch[]> = {
  -readonly [K in keyof B]: B[K] extends Branch<infer T> ? Awaited<T> : never;
};

/**
 * What a script works with. Every step has a name, 1 to 100 characters without `/`, by which a later run of the script
 * finds it again; names differ within a script, and those of branches and steps within steps are prefixed with where they
 * are. What is done is recorded before the script goes on, and never done or paid for again.
 *
 * Once its part of the script is stopped (another branch failed, the race is lost, the signal, the time limit, the end of
 * the script) every method rejects with a RunError `stopped` or `time-limit`.
 */
export interface Team {
  /** Aborted when this part of the script is stopped or over. For work of your own. */
  readonly signal: AbortSignal;
  /** What the agents of the whole script have used, as far as they have ended. */
  readonly cost: Cost;
  /**
   * Runs an agent on an input. Limits and refusals are outcomes of the result, not errors; rejects with a RunError where
   * the run cannot go on.
   */
  run<Output>(name: string, agent: Agent<Output>, input: RunInput): Promise<RunResult<Output>>;
  /**
   * Does work of your own and keeps what it returns, which has to be JSON (or nothing). A step that was cut off in the
   * middle is done again, under the same `idempotencyKey`. `input`: what the work depends on, JSON too; where it changes
   * from one run of the script to the next, the step is refused instead of giving an old result.
   */
  step<T>(
    name: string,
    work: (team: Team, step: StepTry) => Awaitable<T>,
    options?: { readonly input?: unknown },
  ): Promise<T>;
  /** Does the same for every item, all at a time or `concurrency` of them. The first that throws stops the others. */
  map<T, R>(
    name: string,
    items: Iterable<T>,
    work: (item: T, team: Team, index: number) => Awaitable<R>,
    options?: { readonly concurrency?: number },
  ): Promise<R[]>;
  /** Takes branches in parallel. The first that throws stops the others. */
  all<const B extends readonly Branch[]>(name: string, branches: B): Promise<BranchResults<B>>;
  /**
   * The result of the first branch that returns one; the others are stopped, and what they used is billed. A branch that
   * throws has lost; where all do, rejects with what the first of the list threw.
   */
  race<const B extends readonly Branch[]>(name: string, branches: B): Promise<BranchResults<B>[number]>;
}

/** A team within a scope of its script. */
export function teamOf(script: ScriptRun, scope: Scope): Team {
  const begin = <T>(name: string, work: (path: string) => Promise<T>): Promise<T> =>
    scope.begin(() => {
      checkStepName(name);
      script.entered.check(scope);
      const path = scope.path === '' ? name : `${scope.path}/${name}`;
      script.claim(path);
      return work(path);
    });
  return {
    get signal() {
      return scope.signal;
    },
    get cost() {
      return script.tally.cost;
    },
    run: (name, agent, input) => begin(name, (path) => agentStep(script, scope, path, agent, input)),
    step: (name, work, options = {}) => begin(name, (path) => ownStep(script, scope, path, work, options)),
    map: (name, items, work, options = {}) =>
      begin(name, (path) => {
        checkWork(work);
        checkOptions('map', options, ['concurrency']);
        const { concurrency } = options;
        checkCount('concurrency', concurrency);
        const branches = [...items].map((item, index) => (team: Team) => work(item, team, index));
        return together(script, scope, path, branches, concurrency);
      }),
    all: ((name: string, branches: readonly Branch[]) =>
      begin(name, (path) => together(script, scope, path, checked(branches)))) as Team['all'],
    race: ((name: string, branches: readonly Branch[]) =>
      begin(name, (path) => race(script, scope, path, checked(branches)))) as Team['race'],
  };
}

function checked(branches: readonly Branch[]): readonly Branch[] {
  if (Array.isArray(branches) && branches.every((branch) => typeof branch === 'function')) return branches;
  throw new ConfigError(
    'branches',
    'expected a list of functions, such as [(team) => team.run(…), (team) => team.run(…)]. A promise is under way already, and could not be stopped with the others.',
  );
}

function checkWork(work: unknown): void {
  if (typeof work === 'function') return;
  throw new ConfigError('work', `expected a function that does the work, got ${shown(work)}.`);
}

async function ownStep<T>(
  script: ScriptRun,
  scope: Scope,
  path: string,
  work: (team: Team, step: StepTry) => Awaitable<T>,
  options: { readonly input?: unknown },
): Promise<T> {
  checkWork(work);
  checkOptions('step', options, ['input']);
  const { input } = options;
  const given = keptValue(`the input of step "${path}"`, input);
  const asked = { path, kind: 'step' as const, input: given === undefined ? undefined : stepInput(given) };
  const known = script.find(asked);
  if (known?.end?.outcome === 'done') return known.end.result as T;
  return (
    leftBehind(script, scope, known) ??
    takeStep(script, scope, asked, async (step, seat): Promise<Ended<T>> => {
      const own = new Scope(path, scope, seat);
      const value = await within(script, own, () =>
        script.entered.call(own, () => work(teamOf(script, own), step)),
      );
      const result = keptValue(`the result of step "${path}"`, value);
      return { value: result as T, outcome: 'done', result };
    })
  );
}

/** Takes branches, at most `concurrency` at a time, until all are over or one has thrown. */
async function together<T>(
  script: ScriptRun,
  scope: Scope,
  path: string,
  branches: readonly Branch<T>[],
  concurrency = Infinity,
): Promise<T[]> {
  const group = new Scope(path, scope);
  return within(script, group, async () => {
    const results: T[] = [];
    const left = branches.entries();
    const work = async (): Promise<void> => {
      for (const [index, branch] of left) {
        group.check();
        results[index] = await takeBranch(script, group, index, branch);
      }
    };
    await Promise.all(Array.from({ length: Math.min(concurrency, branches.length) }, work));
    return results;
  });
}

/** The group waits for its branches, also for one that nobody waits for any more. */
function takeBranch<T>(script: ScriptRun, group: Scope, index: number, branch: Branch<T>): Promise<T> {
  const own = new Scope(`${group.path}/${index}`, group);
  return group.begin(() => within(script, own, () => branch(teamOf(script, own))));
}

async function race<T>(
  script: ScriptRun,
  scope: Scope,
  path: string,
  branches: readonly Branch<T>[],
): Promise<T> {
  if (branches.length === 0) throw new ConfigError('branches', `the race "${path}" has nobody to win it.`);
  const asked = { path, kind: 'race' as const, input: stepInput(branches.length) };
  const known = script.find(asked);
  const won = known?.end?.outcome === 'done' ? (known.end.result as number) : undefined;
  const left = won === undefined ? leftBehind(script, scope, known) : null;
  if (left) return left;
  const group = new Scope(path, scope);
  return within(script, group, async () => {
    const winner = won === undefined ? undefined : branches[won];
    if (won !== undefined && winner) {
      return takeBranch(script, group, won, winner);
    }
    // Which of them won is kept before the others are stopped, by leaving the group: it is decided once. A race works
    // through its branches alone, and takes no place.
    return recordStep(script, group, asked, async (): Promise<Ended<T>> => {
      const { value, index } = await firstOf(script, group, branches);
      return { value, outcome: 'done', result: index };
    });
  });
}

/** The first branch that returns. */
async function firstOf<T>(
  script: ScriptRun,
  group: Scope,
  branches: readonly Branch<T>[],
): Promise<{ readonly value: T; readonly index: number }> {
  const running = branches.map((branch, index) => takeBranch(script, group, index, branch));
  const first = running.map(async (result, index) => ({ value: await result, index }));
  try {
    return await Promise.any(first);
  } catch (error) {
    throw error instanceof AggregateError ? error.errors[0] : error;
  }
}
