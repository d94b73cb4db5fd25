import type { Team } from '@pawl/agent-loop';

/** A way to let agents work together. */
export interface Pattern {
  readonly name: string;
  /** What it is good for. */
  readonly about: string;
  run(team: Team): Promise<Shown>;
}

/** What came out, and what has to be true of it whoever answered: a model or a stand-in. */
export interface Shown {
  readonly result: string;
  readonly checks: Readonly<Record<string, boolean>>;
}
