import { Callers } from './callers.ts';
import { EnteredStep } from './entered-step.ts';
import type { Gate } from '../loop/admission.ts';
import type { Budget } from '../money/budget.ts';
import type { Spend } from '../money/budget-book.ts';
import { spendOfUnfinished } from '../children/child-spend.ts';
import { Children } from '../children/children.ts';
import { ConfigError, messageOf, RunError } from '../errors.ts';
import type { AgentEvent, NewEntry } from '../journal/events.ts';
import type { Journal, JournalStore } from '../journal/journal.ts';
import { Lineage } from '../children/lineage.ts';
import { permissionsOf } from '../children/permissions.ts';
import { Places } from './places.ts';
import { Recorder } from '../journal/recorder.ts';
import type { PartialRunResult } from '../loop/result.ts';
import { RunSpend } from '../money/run-spend.ts';
import type { ScriptOutcome, StepKind } from './script-entries.ts';
import { Scope } from './script-scope.ts';
import type { ScriptRecord, StepRecord } from './script-state.ts';
import type { Seams } from '../seams.ts';
import type { SessionState } from '../journal/session-state.ts';
import type { StepInput } from './step-value.ts';
import { Tally } from '../money/tally.ts';

const GRACE_MS = 20;

/** What a run of a script is made of. */
export interface ScriptParts {
  readonly name: string;
  readonly seams: Seams;
  readonly journal: Journal;
  readonly state: SessionState;
  /** The session it belongs to and where its journal lasts; null where it runs in memory. */
  readonly session: { readonly id: string; readonly store: JournalStore } | null;
  /** What every request of its agents passes before it is sent. */
  readonly gates: readonly Gate[];
  /** The budget among the gates. */
  readonly budget: Budget | undefined;
  /** How many agents and steps work at the same time. */
  readonly concurrency: number;
  readonly onEvent: ((event: AgentEvent) => void) | undefined;
}

/** What a step is asked for as. */
export interface Asked {
  readonly path: string;
  readonly kind: StepKind;
  /** The agent of a run. */
  readonly of?: string;
  readonly input: StepInput | undefined;
}

/** One run of a script: what it records and tells, and what earlier runs of it have left. */
export class ScriptRun {
  readonly name: string;
  readonly runId: string;
  readonly seams: Seams;
  readonly session: ScriptParts['session'];
  readonly gates: readonly Gate[];
  /** Told every event, of its agents too. Undefined where nobody listens. */
  readonly sink: ((event: AgentEvent) => void) | undefined;
  readonly root = new Scope('');
  readonly state: SessionState;
  readonly lineage: Lineage;
  /** Nobody is above its agents: each decides by its own options. */
  readonly permissions = permissionsOf({ approve: undefined, hooks: {} });
  readonly children = new Children();
  readonly budget: Budget | undefined;
  readonly places: Places;
  readonly entered = new EnteredStep();
  readonly #recorder: Recorder;
  /** Steps that were asked for in this run. */
  readonly #asked = new Set<string>();
  /** Parts of the script that broke off in this run: what is in them need not have been asked for. */
  readonly #broken = new Set<string>();
  readonly #resumed: boolean;
  #callers: Callers | undefined;
  #over = false;

  constructor(parts: ScriptParts) {
    const { name, seams, journal, state, session, gates, budget, concurrency, onEvent } = parts;
    const known = state.scripts.of(name);
    this.name = name;
    this.#resumed = known?.runId !== undefined;
    this.runId = known?.runId ?? seams.id('run');
    this.seams = seams;
    this.session = session;
    this.gates = gates;
    this.budget = budget;
    this.lineage = new Lineage({ depth: Infinity, children: Infinity });
    this.places = new Places(concurrency, seams);
    this.sink = onEvent && ((event) => this.#tell(onEvent, event));
    this.state = state;
    this.#recorder = new Recorder({
      journal,
      from: state.length,
      seams,
      halt: this.root.halt,
      runId: this.runId,
      agent: name,
      parentRunId: undefined,
      tell: (event) => this.sink?.(event),
      fold: (entry) => state.apply(entry),
    });
  }

  /** What the journal knows of this script. */
  get known(): ScriptRecord | undefined {
    return this.state.scripts.of(this.name);
  }

  /** What its agents have used, in this process and before it. */
  get tally(): Tally {
    return this.known?.tally ?? new Tally();
  }

  /** In whose code a step is asked for. There from `start` on. */
  get callers(): Callers {
    if (!this.#callers) throw new Error('The script has not begun.');
    return this.#callers;
  }

  /** Whether nothing more is recorded. */
  get over(): boolean {
    return this.#over;
  }

  /** Begins: what earlier runs of it have used counts from here on. */
  async start(): Promise<void> {
    this.#callers = await Callers.open();
    await this.record({ type: 'script-start', ...(this.#resumed && { resumed: true }) });
    const { runId, state } = this;
    const spend = this.known?.spend ?? new RunSpend();
    const ofChildren = (): Promise<Spend> =>
      spendOfUnfinished(this.session?.store ?? null, state, spend, runId);
    for (const gate of this.gates)
      await gate.recall?.({ runId, spend, resumed: true, inherited: false, ofChildren });
  }

  /** Keeps an entry, then tells it. Where it cannot be kept the script is stopped: RunError `journal`. */
  async record(entry: NewEntry): Promise<void> {
    if (this.#over) throw new Error('The script has ended; what comes later is not recorded.');
    if (entry.type === 'script-end') this.#over = true;
    await this.#recorder.record(entry);
  }

  /** Tells that a step waits for a place. */
  tellWait(path: string, delayMs: number): void {
    if (this.sink && !this.#over) this.#recorder.tell({ type: 'wait', reason: 'concurrency', delayMs, path });
  }

  /** It is over: no code of it runs any more. */
  release(): void {
    this.#callers?.close();
  }

  /** Records how it ended. */
  end(outcome: ScriptOutcome, reason: string | null): Promise<void> {
    return this.record({ type: 'script-end', outcome, reason });
  }

  /** Keeps an entry that somebody else makes, in its order. False where the script has ended. */
  async keep(entry: NewEntry): Promise<boolean> {
    if (this.#over) return false;
    await this.record(entry);
    return true;
  }

  /** Nothing more is recorded: the script is left as it stands. Resolves when what was recorded is kept. */
  async leave(): Promise<void> {
    this.#over = true;
    await this.#recorder.flushed();
  }

  /** Takes the name of a step. Throws a ConfigError for one that was taken before. */
  claim(path: string): void {
    if (this.#asked.has(path)) {
      throw new ConfigError(
        'name',
        `two steps of the script are named ${JSON.stringify(path)}. A step is found again by its name: give each its own, such as \`draft-\${round}\`. ` +
          'Within map, all and race take steps with the team that the function is given, whose names are those of its branch: (item, team) => team.run(...).',
      );
    }
    this.#asked.add(path);
  }

  /** What is kept of the step that is asked for. Throws a RunError `script-changed` where it is another one now. */
  find({ path, kind, of, input }: Asked): StepRecord | undefined {
    const step = this.known?.steps.get(path);
    if (!step) return undefined;
    const { first } = step;
    const change =
      kind !== first.kind
        ? `it was ${KINDS[first.kind]} and is ${KINDS[kind]}`
        : of !== first.of
          ? `its agent was "${first.of}" and is "${of}"`
          : input?.hash !== first.hash
            ? `its input was ${told(first.shown)} and is ${told(input?.shown)}`
            : null;
    if (change !== null) throw this.#changed(`The step "${path}" has changed: ${change}.`, first.seq);
    return step;
  }

  /** What is in that part of the script need not be asked for any more. */
  breakOff(path: string): void {
    this.#broken.add(path);
  }

  /** Throws a RunError `script-changed` for a finished step that this run has not asked for: it would be paid for in vain. */
  checkAllAsked(): void {
    for (const { path, end, first } of this.known?.steps.values() ?? []) {
      if (end?.outcome !== 'done' || this.#asked.has(path) || this.#isExcused(path)) continue;
      throw this.#changed(
        `The step "${path}" is finished, but the script does not ask for it any more.`,
        first.seq,
      );
    }
  }

  /** Whether a step began before the script was completed: what was left then is left. */
  isLeft({ latest }: StepRecord): boolean {
    return latest.seq < (this.known?.completedAt ?? -1);
  }

  /** What is known of the script now. */
  snapshot(): PartialRunResult {
    const { turns, usage, steps, cost } = this.tally;
    return { runId: this.runId, text: '', turns, messages: [], usage, cost, steps: [...steps] };
  }

  /** The moment that work gets to end by itself once it is stopped. */
  grace(): Promise<void> {
    return new Promise((resolve) => {
      this.seams.timer(GRACE_MS, resolve);
    });
  }

  /** A step inside a finished one is not asked for again, nor are the losers of a race. */
  #isExcused(path: string): boolean {
    for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1)) {
      const above = path.slice(0, at);
      if (this.#broken.has(above)) return true;
      if (this.#asked.has(above) && this.known?.steps.get(above)?.end?.outcome === 'done') return true;
    }
    return false;
  }

  #changed(what: string, seq: number): RunError {
    const where = this.session ? `session "${this.session.id}"` : 'this session';
    return new RunError(
      'script-changed',
      `${what} What ${where} holds of it was made by another script. Make the step what it was; or run the new script ` +
        `in another session, or under another name: orchestrate({ name }); or in one forked before this step: session.fork({ id, at: ${seq} }).`,
    );
  }

  #tell(onEvent: (event: AgentEvent) => void, event: AgentEvent): void {
    try {
      // Typed to return nothing, which an asynchronous function fits too: it is not waited for, but must not fail silently.
      const pending = onEvent(event) as unknown;
      if (pending instanceof Promise) pending.catch((error: unknown) => this.#failListener(error));
    } catch (error) {
      this.#failListener(error);
    }
  }

  #failListener(cause: unknown): void {
    const error = new RunError('hook-failed', `onEvent failed: ${messageOf(cause)}`, { cause });
    this.root.halt.trip({ kind: 'failed', reason: error.message, error });
  }
}

const KINDS: Readonly<Record<StepKind, string>> = {
  run: "an agent's run",
  step: "a step of the script's own",
  race: 'a race',
};

function told(shown: string | undefined): string {
  return shown === undefined ? 'not told' : JSON.stringify(shown);
}
