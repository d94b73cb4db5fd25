import type { NextRequest } from './cache-worth.ts';

/** How long until a prefix was asked for again: within five minutes, within an hour, or not while it could be read. */
export type Gap = 'soon' | 'later' | 'never';

const FIVE_MINUTES_MS = 300_000;
const HOUR_MS = 3_600_000;
/** Later turns of a run are much alike. */
const TURNS_APART = 64;
/** Weight of what is known of all turns beside one observation of this turn. */
const CARRIED_OVER = 0.25;

/** What a pause of so many milliseconds is for the cache. */
export function gapOf(ms: number): Gap {
  if (ms <= FIVE_MINUTES_MS) return 'soon';
  return ms <= HOUR_MS ? 'later' : 'never';
}

interface Counts {
  soon: number;
  later: number;
  all: number;
}

/** A habit as a checkpoint has it. */
export interface SavedHabit {
  readonly all: Readonly<Counts>;
  readonly turns: readonly (readonly [turn: number, counts: Readonly<Counts>])[];
}

/**
 * How soon requests have followed each other so far, by the turn of the run they belong to: within a run the next one
 * comes when the tools are done, after its last turn when somebody has more to say.
 */
export class Habit {
  #all: Counts = { soon: 0, later: 0, all: 0 };
  #turns: Map<number, Counts> | undefined;

  /** For a checkpoint. */
  save(): SavedHabit {
    return { all: this.#all, turns: [...(this.#turns ?? [])] };
  }

  /** What a checkpoint has. */
  restore({ all, turns }: SavedHabit): void {
    this.#all = { ...all };
    this.#turns =
      turns.length > 0 ? new Map(turns.map(([turn, counts]) => [turn, { ...counts }])) : undefined;
  }

  /** What followed the request of a turn; null where it is asked for of all turns alone. */
  note(turn: number | null, gap: Gap): void {
    count(this.#all, gap);
    if (turn === null) return;
    this.#turns ??= new Map();
    const key = Math.min(turn, TURNS_APART);
    const own = this.#turns.get(key) ?? { soon: 0, later: 0, all: 0 };
    this.#turns.set(key, own);
    count(own, gap);
  }

  /** Whether anything was noted. */
  get known(): boolean {
    return this.#all.all > 0;
  }

  /**
   * What will probably follow. `before` counts as one observation of all turns, and these as a quarter of one of this
   * turn, so that a few runs are enough to know their last turn.
   */
  expect(turn: number, before: NextRequest): NextRequest {
    const overall = mixed(this.#all, before, 1);
    const own = this.#turns?.get(Math.min(turn, TURNS_APART));
    return own ? mixed(own, overall, CARRIED_OVER) : overall;
  }

  /** What will probably follow any turn. */
  expectAny(before: NextRequest): NextRequest {
    return mixed(this.#all, before, 1);
  }
}

function count(counts: Counts, gap: Gap): void {
  counts.all += 1;
  if (gap !== 'never') counts[gap] += 1;
}

function mixed({ soon, later, all }: Counts, before: NextRequest, weight: number): NextRequest {
  return {
    soon: (soon + weight * before.soon) / (all + weight),
    later: (later + weight * before.later) / (all + weight),
  };
}
