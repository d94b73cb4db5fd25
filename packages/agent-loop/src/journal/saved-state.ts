import type { RequestParams } from '../api.ts';
import type { Step } from '../loop/result.ts';
import type { StepList, StepsBefore } from '../money/step-list.ts';
import type { KeptCheckpoint } from './checkpoint.ts';
import { RowWriter } from './message-row.ts';

/** Steps as a checkpoint has them: the number of a list, and the latest of it. */
export interface SavedSteps {
  readonly list: number;
  readonly latest: readonly Step[];
}

/** The text of a checkpoint that is read last: every step once, and what each list has of them. */
interface StepsText {
  readonly steps: readonly Step[];
  readonly lists: readonly (readonly number[])[];
}

/** Gathers what parts of a state have in common while they are saved. */
export class Saving {
  readonly row = new RowWriter();
  readonly params: RequestParams[] = [];
  readonly #steps = new Map<Step, number>();
  readonly #lists: number[][] = [];

  /** Steps that are in several lists are saved once. */
  steps(list: StepList): SavedSteps {
    const numbers = list.all.map((step) => {
      const known = this.#steps.get(step);
      if (known !== undefined) return known;
      this.#steps.set(step, this.#steps.size);
      return this.#steps.size - 1;
    });
    return { list: this.#lists.push(numbers) - 1, latest: list.latest };
  }

  /** The number of a request's fields, which many requests share; null for none. */
  ofParams(params: RequestParams | null): number | null {
    if (!params) return null;
    const known = this.params.indexOf(params);
    return known < 0 ? this.params.push(params) - 1 : known;
  }

  get stepsText(): string {
    return JSON.stringify({ steps: [...this.#steps.keys()], lists: this.#lists } satisfies StepsText);
  }
}

/** Gives parts of a state back what they had in common. */
export class Restoring {
  /** Not the checkpoint itself: its bytes would stay as long as a list of steps. */
  readonly #text: KeptCheckpoint['steps'];
  readonly #params: readonly RequestParams[];
  #steps: StepsText | undefined;

  constructor(kept: KeptCheckpoint, params: readonly RequestParams[]) {
    this.#text = kept.steps.bind(kept);
    this.#params = params;
  }

  params(number: number | null): RequestParams | null {
    return number === null ? null : (this.#params[number] ?? null);
  }

  steps({ list, latest }: SavedSteps): StepsBefore {
    return {
      latest,
      all: () => {
        const { steps, lists } = (this.#steps ??= JSON.parse(this.#text()) as StepsText);
        return (lists[list] ?? []).map((number) => steps[number] as Step);
      },
    };
  }
}
