import type { Agent, Team } from '../../src/index.ts';

/** What a script does, as data: so that scripts can be drawn from a seed, and crashed anywhere. */
export type Plan = readonly Act[];

export type Act =
  /** An agent that calls a tool so many times before it answers. `hangs`: it never answers. */
  | { readonly kind: 'run'; readonly name: string; readonly calls: number; readonly hangs?: boolean }
  /** Work of the script's own, with steps inside it. */
  | { readonly kind: 'step'; readonly name: string; readonly inside: Plan }
  | {
      readonly kind: 'map';
      readonly name: string;
      readonly items: number;
      readonly concurrency: number;
      readonly each: Plan;
    }
  | { readonly kind: 'all'; readonly name: string; readonly branches: readonly Plan[] }
  /** The first branch wins: the others hang in the end. */
  | { readonly kind: 'race'; readonly name: string; readonly winner: Plan; readonly losers: readonly Plan[] };

/** What a script works with. */
export interface Cast {
  readonly worker: Agent;
  /** What happens outside, where no crash undoes it. Resolves a moment later. */
  readonly effect: (key: string) => Promise<void>;
}

/** Carries a plan out. Everything depends on what came before it, so that a difference anywhere is one in the end. */
export async function perform(team: Team, plan: Plan, cast: Cast, seen = ''): Promise<string> {
  let soFar = seen;
  for (const act of plan) soFar = `${soFar} ${await carryOut(team, act, cast, digest(soFar))}`;
  return soFar;
}

async function carryOut(team: Team, act: Act, cast: Cast, seen: string): Promise<string> {
  const { name } = act;
  switch (act.kind) {
    case 'run': {
      const input = `calls=${act.calls}${act.hangs ? ' hangs' : ''} ${name} after ${seen}`;
      const { outcome, text } = await team.run(name, cast.worker, input);
      return `${outcome} ${text}`;
    }
    case 'step':
      return team.step(
        name,
        async (inner, { idempotencyKey }) => {
          await cast.effect(idempotencyKey);
          return perform(inner, act.inside, cast, `${name} of ${seen}`);
        },
        { input: { seen } },
      );
    case 'map': {
      const items = Array.from({ length: act.items }, (_, item) => item);
      const options = { concurrency: act.concurrency };
      const done = await team.map(
        name,
        items,
        (item, inner) => perform(inner, act.each, cast, `${item} of ${seen}`),
        options,
      );
      return done.join(' ');
    }
    case 'all': {
      const branches = act.branches.map(
        (branch, index) => (inner: Team) => perform(inner, branch, cast, `${index} of ${seen}`),
      );
      return (await team.all(name, branches)).join(' ');
    }
    case 'race':
      return team.race(
        name,
        [act.winner, ...act.losers].map(
          (branch, index) => (inner: Team) => perform(inner, branch, cast, `${index} of ${seen}`),
        ),
      );
    default:
      return act satisfies never;
  }
}

/** Short, and different for different texts. */
function digest(text: string): string {
  let hash = 0;
  for (const char of text) hash = (Math.imul(hash, 31) + (char.codePointAt(0) ?? 0)) >>> 0;
  return hash.toString(36);
}
