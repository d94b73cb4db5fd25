import type { Entry } from '../journal/events.ts';
import type { Restoring, Saving } from '../journal/saved-state.ts';
import { RunSpend, type SavedRunSpend } from '../money/run-spend.ts';
import type { ScriptOutcome, StepEndEvent, StepKind, StepStartEvent } from './script-entries.ts';
import { type SavedTally, Tally } from '../money/tally.ts';

/** What the journal knows of a named step. */
export interface StepRecord {
  readonly path: string;
  readonly kind: StepKind;
  /** Its first start. */
  readonly first: StepStartEvent;
  /** Its latest start. */
  readonly latest: StepStartEvent;
  /** How its latest try ended; null where it has not. */
  readonly end: StepEndEvent | null;
}

/** What the journal knows of a script. */
export interface ScriptRecord {
  /** The id of its run; undefined in a fork, where it goes on under another. */
  runId: string | undefined;
  /** What its agents used. */
  tally: Tally;
  /** The same as limits count it. */
  spend: RunSpend;
  readonly steps: Map<string, StepRecord>;
  /** How its latest run ended; null while it has not. */
  ended: ScriptOutcome | null;
  /** The position at which a run of it was completed, or -1. */
  completedAt: number;
}

/** A script as a checkpoint has it. */
export interface SavedScript extends Omit<ScriptRecord, 'tally' | 'spend' | 'steps' | 'runId'> {
  readonly name: string;
  readonly runId: string | null;
  readonly tally: SavedTally;
  readonly spend: SavedRunSpend;
  readonly steps: readonly StepRecord[];
  /** All runs of it. */
  readonly runs: readonly string[];
}

/** The scripts of a session by name: a fold of its journal. */
export class ScriptState {
  readonly #scripts = new Map<string, ScriptRecord>();
  #byRun = new Map<string, ScriptRecord>();

  /** What is known of the script of that name. */
  of(name: string): ScriptRecord | undefined {
    return this.#scripts.get(name);
  }

  /** The name of a script that goes on when it is run again; undefined where there is none. */
  get unfinished(): string | undefined {
    for (const [name, { ended, steps }] of this.#scripts) {
      const waits = [...steps.values()].some(({ end }) => end?.outcome === 'waiting');
      if (waits || ended !== 'completed') return name;
    }
    return undefined;
  }

  /** Whether an entry is of a script, and not of a run of the session's own. */
  owns({ runId }: Entry): boolean {
    return this.#byRun.has(runId);
  }

  /** For a checkpoint. */
  save(saving: Saving): SavedScript[] {
    return [...this.#scripts].map(([name, script]) => ({
      ...script,
      name,
      runId: script.runId ?? null,
      tally: script.tally.save(saving),
      spend: script.spend.save(),
      steps: [...script.steps.values()],
      runs: [...this.#byRun].flatMap(([runId, of]) => (of === script ? [runId] : [])),
    }));
  }

  /** The scripts that a checkpoint has. */
  static restore(saved: readonly SavedScript[], from: Restoring): ScriptState {
    const state = new ScriptState();
    for (const { name, runs, runId, tally, spend, steps, ended, completedAt } of saved) {
      const script = {
        runId: runId ?? undefined,
        tally: Tally.restore(tally, from),
        spend: RunSpend.restore(spend),
        steps: new Map(steps.map((step) => [step.path, step])),
        ended,
        completedAt,
      };
      state.#scripts.set(name, script);
      for (const run of runs) state.#byRun.set(run, script);
    }
    return state;
  }

  /** Folds one entry. */
  apply(entry: Entry): void {
    if (entry.type === 'script-start') return this.#start(entry.agent, entry.runId);
    if (entry.type === 'fork') return this.#fork();
    const script = this.#byRun.get(entry.runId);
    if (!script) return;
    script.tally.apply(entry);
    script.spend.apply(entry);
    if (entry.type === 'step-start') startStep(script, entry);
    else if (entry.type === 'step-end') endStep(script, entry);
    else if (entry.type === 'script-end') {
      script.ended = entry.outcome;
      if (entry.outcome === 'completed') script.completedAt = entry.seq;
    }
  }

  #start(name: string, runId: string): void {
    const script = this.#scripts.get(name) ?? {
      runId,
      tally: new Tally(),
      spend: new RunSpend(),
      steps: new Map<string, StepRecord>(),
      ended: null,
      completedAt: -1,
    };
    script.runId = runId;
    script.ended = null;
    this.#scripts.set(name, script);
    this.#byRun.set(runId, script);
  }

  /** Finished steps are finished in the fork too. What they cost is the parent's, and so is what is under way. */
  #fork(): void {
    this.#byRun = new Map();
    for (const script of this.#scripts.values()) {
      script.runId = undefined;
      script.tally = script.tally.next();
      script.spend = script.spend.next();
    }
  }
}

function startStep({ steps }: ScriptRecord, entry: StepStartEvent): void {
  const { path, kind } = entry;
  const first = steps.get(path)?.first ?? entry;
  steps.set(path, { path, kind, first, latest: entry, end: null });
}

function endStep({ steps }: ScriptRecord, end: StepEndEvent): void {
  const step = steps.get(end.path);
  if (step) steps.set(end.path, { ...step, end });
}
