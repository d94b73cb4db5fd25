import type { Limits } from '../agent/limits.ts';

/** A run's place among its ancestors: how deep its subagents may go, and how many there may be. */
export class Lineage {
  readonly #parent: Lineage | null;
  readonly #limits: Pick<Limits, 'depth' | 'children'>;
  /** How many levels of subagents may follow. */
  readonly #levels: number;
  #started: number;

  /** `started`: how many runs it has started already, directly or not, before it was interrupted. */
  constructor(limits: Pick<Limits, 'depth' | 'children'>, parent: Lineage | null = null, started = 0) {
    this.#parent = parent;
    this.#limits = limits;
    this.#levels = parent ? Math.min(parent.#levels - 1, limits.depth) : limits.depth;
    this.#started = started;
    parent?.count(started);
  }

  /** How many runs it has started, directly or not. */
  get started(): number {
    return this.#started;
  }

  /** Why no further subagent may start, or null. */
  get refusal(): string | null {
    if (this.#levels < 1) return 'limits.depth is reached: subagents of subagents go no deeper';
    return this.#full;
  }

  get #full(): string | null {
    const { children } = this.#limits;
    if (this.#started >= children) return `limits.children (${children}) is reached: no more subagents`;
    return this.#parent ? this.#parent.#full : null;
  }

  /** Counts runs that start, for all ancestors too. */
  count(started = 1): void {
    this.#started += started;
    this.#parent?.count(started);
  }
}
