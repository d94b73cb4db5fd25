import { type Amount, fromUsd, share, toUsd } from './amount.ts';
import { plus } from './pricing.ts';
import type { Cost, CostPart, Step } from '../loop/result.ts';
import { addUsage, emptyUsage, shareUsage, type Usage } from './usage.ts';

/** Tokens and money added up. The money is exact, and null once something without a price was added. */
class Account {
  readonly usage: Usage = emptyUsage();
  #amount: Amount | null = 0n;

  add(usage: Usage, amount: Amount | null): void {
    addUsage(this.usage, usage);
    this.#amount = plus(this.#amount, amount);
  }

  get part(): CostPart {
    return { usage: this.usage, usd: usdOf(this.#amount) };
  }
}

/** Accounts by name. */
class Accounts {
  readonly #accounts = new Map<string, Account>();

  add(name: string, usage: Usage, amount: Amount | null): void {
    let account = this.#accounts.get(name);
    if (!account) this.#accounts.set(name, (account = new Account()));
    account.add(usage, amount);
  }

  get parts(): Record<string, CostPart> {
    return Object.fromEntries([...this.#accounts].map(([name, account]) => [name, account.part]));
  }
}

/**
 * What steps cost, exactly: of one run or of several, in whatever order. Each step carries the price it was given when
 * its reply came, so no price list is needed, and an old bill never changes. `lostUsd` is of all lost replies: those of
 * which nothing came are no steps.
 */
export function costOf(steps: readonly Step[], lostUsd: number | null): Cost {
  const [byModel, byAgent, byTool] = [new Accounts(), new Accounts(), new Accounts()];
  const unpriced = new Set<string>();
  let total: Amount | null = 0n;
  for (const step of steps) {
    const amount = amountOf(step.usd);
    total = plus(total, amount);
    byAgent.add(step.agent, step.usage, amount);
    for (const [model, { usage, usd }] of partsOf(step)) {
      byModel.add(model, usage, usd === step.usd ? amount : amountOf(usd));
      if (usd === null || step.lostUsd === null) unpriced.add(model);
    }
    addReads(byTool, step, amount);
  }
  return {
    usd: usdOf(total),
    lostUsd,
    unpriced: [...unpriced],
    byModel: byModel.parts,
    byAgent: byAgent.parts,
    byTool: byTool.parts,
  };
}

/** The amount of a number of USD that may be unknown. */
export function amountOf(usd: number | null | undefined): Amount | null {
  return usd == null ? null : fromUsd(usd);
}

/** The number of USD of an amount that may be unknown. */
export function usdOf(amount: Amount | null): number | null {
  return amount === null ? null : toUsd(amount);
}

function partsOf(step: Step): readonly (readonly [string, CostPart])[] {
  return step.byModel ? Object.entries(step.byModel) : [[step.model, step]];
}

/** A step divided among the tools whose results it read, by the number of their calls. */
function addReads(byTool: Accounts, { reads, usage }: Step, amount: Amount | null): void {
  const [first] = reads;
  if (first === undefined) return;
  // Mostly there is one tool, which has all of it.
  if (reads.every((tool) => tool === first)) return byTool.add(first, usage, amount);
  const calls = new Map<string, number>();
  for (const tool of reads) calls.set(tool, (calls.get(tool) ?? 0) + 1);
  const weights = [...calls.values()];
  const usages = shareUsage(usage, weights);
  const amounts = amount === null ? [] : share(amount, weights);
  for (const [index, tool] of [...calls.keys()].entries())
    byTool.add(tool, usages[index] ?? emptyUsage(), amounts[index] ?? null);
}
