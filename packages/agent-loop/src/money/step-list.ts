import type { Step } from '../loop/result.ts';

/** Steps that a checkpoint has, which are parsed when somebody asks for them. */
export interface StepsBefore {
  /** The latest of them. */
  readonly latest: readonly Step[];
  readonly all: () => readonly Step[];
}

/** Steps, the latest last. */
export class StepList {
  #before: StepsBefore | null;
  #steps: Step[] = [];

  constructor(before: StepsBefore | null = null) {
    this.#before = before;
  }

  push(step: Step): void {
    this.#steps.push(step);
  }

  /** All of them. */
  get all(): readonly Step[] {
    if (this.#before) this.#steps = [...this.#before.all(), ...this.#steps];
    this.#before = null;
    return this.#steps;
  }

  /** The latest of them, up to `LATEST_STEPS`: those that are known without parsing. */
  get latest(): readonly Step[] {
    return [...(this.#before?.latest ?? []), ...this.#steps].slice(-LATEST_STEPS);
  }
}

/** How many steps are always known at once. */
const LATEST_STEPS = 32;
