/** What an agent of a tree is going to do: the calls of each turn, and how it ends. Its id is the task it is given. */
export interface PlanNode {
  readonly id: string;
  /** 0 for the root. */
  readonly depth: number;
  readonly turns: readonly (readonly PlanCall[])[];
  readonly end: 'answer' | 'refuse' | 'cut' | 'fail';
  /** Turns whose reply breaks off when it is asked for the first time. */
  readonly breaks: readonly number[];
}

/** A call of a plan: of a tool, or of an agent that is waited for (`ask`) or not (`dispatch`). */
export type PlanCall =
  | { readonly tool: 'look' | 'put' | 'send' }
  | { readonly tool: 'ask' | 'dispatch'; readonly child: PlanNode };

export const MAX_DEPTH = 4;

/** Numbers in [0, 1) from a seed (mulberry32). */
export type Chance = () => number;

/** The same seed gives the same numbers. */
export function chanceFrom(seed: number): Chance {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** A whole number from 0 to `below - 1`. */
export function pick(chance: Chance, below: number): number {
  return Math.floor(chance() * below);
}

/** A random tree: some branches go down to the last level, most agents have little to do. */
export function planFrom(chance: Chance, id = 'n', depth = 0): PlanNode {
  const busy = depth === 0 ? 1 + pick(chance, 3) : pick(chance, 3);
  const turns = Array.from({ length: busy }, (_, turn) =>
    Array.from({ length: 1 + pick(chance, 3) }, (__, index): PlanCall => {
      const child = (): PlanNode => planFrom(chance, `${id}-${turn}${index}`, depth + 1);
      const roll = chance();
      // Deeper agents delegate less, so that a tree stays small.
      const delegates = 0.75 - 0.13 * depth;
      if (depth < MAX_DEPTH && roll < delegates)
        return { tool: roll < delegates * 0.7 ? 'ask' : 'dispatch', child: child() };
      return { tool: (['look', 'put', 'send'] as const)[pick(chance, 3)] ?? 'look' };
    }),
  );
  const roll = chance();
  const fails = depth > 0 && roll < 0.2;
  const end = fails ? ((['refuse', 'cut', 'fail'] as const)[pick(chance, 3)] ?? 'cut') : 'answer';
  return { id, depth, turns, end, breaks: chance() < 0.15 ? [pick(chance, busy + 1)] : [] };
}

/** All agents of a plan. */
export function nodesOf(node: PlanNode): PlanNode[] {
  const below = node.turns.flat().flatMap((call) => ('child' in call ? nodesOf(call.child) : []));
  return [node, ...below];
}
