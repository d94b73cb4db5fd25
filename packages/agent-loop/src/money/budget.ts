import { fromUsd, toUsd } from './amount.ts';
import type { Gate } from '../loop/admission.ts';
import { type BudgetBook, ceilingOf } from './budget-book.ts';
import { BudgetGate } from './budget-gate.ts';
import { type BudgetKeeper, memoryKeeper, StoreKeeper } from './budget-keeper.ts';
import type { BudgetStore } from './budget-store.ts';
import { type BudgetPeriod, windowOf } from './budget-window.ts';
import { ConfigError } from '../errors.ts';
import { checkJournalId } from '../journal/journal.ts';
import { checkCount, checkMoney, refuseUnknown, shown } from '../option-checks.ts';

/** What `createBudget` takes: `usd`, `tokens`, or both. */
export interface BudgetOptions {
  /** The most that all its runs may cost together, in USD. Models without a known price are then refused. */
  readonly usd?: number;
  /** The most tokens that all its runs may use together: prompts, however cached, and replies. */
  readonly tokens?: number;
  /**
   * What the limits are for. `run`: for each run that is started with it, subagents included. `day`, `month`: for each of
   * UTC, by the clock of the agents. Default: for the life of the budget.
   */
  readonly per?: 'run' | 'day' | 'month';
  /** Where it lasts: all processes that use the same store and `id` share it. Default: the memory of this process. */
  readonly store?: BudgetStore;
  /** Names it in its store. 1 to 128 letters, digits, `_`, `-` or `.`. Default `budget`. */
  readonly id?: string;
  /** USD that only the closing answer of a run may use. Default 0. */
  readonly reserve?: number;
}

/** Where a budget stands. Amounts in USD. */
export interface BudgetState {
  /** The day or month that this is of, such as `2026-11-20`; `total` where the budget is for its life. */
  readonly window: string;
  /** Cost and tokens of all whole replies. */
  readonly usd: number;
  readonly tokens: number;
  /** What replies may have cost that never came whole: the worst cases of their requests. */
  readonly lostUsd: number;
  readonly lostTokens: number;
  /** The worst cases of requests that are under way. */
  readonly reservedUsd: number;
  readonly reservedTokens: number;
}

/** A budget. Hand it to any number of agents: what they use together never passes it. */
export interface Budget {
  readonly id: string;
  readonly usd: number | undefined;
  readonly tokens: number | undefined;
  readonly per: BudgetPeriod;
  readonly reserve: number;
  /** Where it stands, in the window of the latest request. Rejects where the store fails, and for a budget per run. */
  state(): Promise<BudgetState>;
}

const OPTIONS: readonly (keyof BudgetOptions)[] = ['usd', 'tokens', 'per', 'store', 'id', 'reserve'];

/**
 * Creates a budget that can not be overspent. Before each request of an agent that has it, the most that request can cost
 * is reserved; when its reply is there, what it did cost takes the place of that. Throws a ConfigError that names the
 * option at fault. See the guide docs/money.md.
 */
export function createBudget(options: BudgetOptions): Budget {
  checkOptions(options);
  const { usd, tokens, per = 'total', id = 'budget', store, reserve = 0 } = options;
  const keeper = store ? new StoreKeeper(store, id) : memoryKeeper();
  const budget: Budget = Object.freeze({
    id,
    usd,
    tokens,
    per,
    reserve,
    async state() {
      if (per === 'run')
        throw new ConfigError('budget', 'is one for each run: see the cost of the run, or of its session.');
      return stateOf(await keeper.look());
    },
  });
  const make = (of: BudgetKeeper): Gate =>
    new BudgetGate({
      name: `The budget ${JSON.stringify(id)}`,
      ceiling: ceilingOf({ usd, tokens }),
      hold: fromUsd(reserve),
      keeper: of,
      windowOf: (at) => windowOf(per, at),
      ofRun: per === 'run',
    });
  const shared = per === 'run' ? undefined : make(keeper);
  gates.set(budget, () => shared ?? make(memoryKeeper()));
  return budget;
}

const gates = new WeakMap<object, () => Gate>();

/** The gate of a budget: always the same one, but for a budget per run, where each run that asks gets its own. */
export function gateOf(budget: Budget): Gate {
  const make = gates.get(budget);
  if (make) return make();
  throw new ConfigError('budget', 'expected a budget made by createBudget of this copy of @pawl/agent-loop.');
}

/** A gate that limits the money of one run and its subagents, in USD. `option` names the limit in reasons. */
export function moneyGate(option: string, usd: number): Gate {
  return new BudgetGate({
    name: `${option} (${usd})`,
    ceiling: ceilingOf({ usd }),
    hold: 0n,
    keeper: memoryKeeper(),
    windowOf: () => 'total',
    ofRun: true,
  });
}

function stateOf({ window, spent, lost, reserved }: BudgetBook): BudgetState {
  return {
    window: window || 'total',
    usd: toUsd(spent.amount),
    tokens: spent.tokens,
    lostUsd: toUsd(lost.amount),
    lostTokens: lost.tokens,
    reservedUsd: toUsd(reserved.amount),
    reservedTokens: reserved.tokens,
  };
}

function checkOptions(options: BudgetOptions): void {
  if (typeof options !== 'object' || options === null)
    throw new ConfigError('createBudget', `expected an object of options, got ${shown(options)}.`);
  refuseUnknown('createBudget', options, OPTIONS);
  const { usd, tokens, per, store, id, reserve } = options;
  if (usd === undefined && tokens === undefined)
    throw new ConfigError('createBudget', 'limits nothing. Give usd, tokens, or both.');
  checkMoney('createBudget.usd', usd);
  checkCount('createBudget.tokens', tokens);
  if (per !== undefined && !['run', 'day', 'month'].includes(per))
    throw new ConfigError(
      'createBudget.per',
      `must be "run", "day" or "month", got ${shown(per)}. Leave it out for a budget for life.`,
    );
  if (store !== undefined) checkStore(store, per);
  if (id !== undefined) checkId(id);
  if (reserve === undefined) return;
  if (reserve !== 0) checkMoney('createBudget.reserve', reserve);
  if (usd === undefined || reserve >= usd)
    throw new ConfigError(
      'createBudget.reserve',
      `is a part of usd and must be below it, got ${shown(reserve)} of ${shown(usd)}.`,
    );
}

function checkStore(store: BudgetStore, per: BudgetOptions['per']): void {
  if (typeof store !== 'object' || store === null || typeof store.updateBudget !== 'function')
    throw new ConfigError(
      'createBudget.store',
      'must be a store that keeps budgets, such as fileStore() or sqliteStore() of @pawl/stores.',
    );
  if (per === 'run')
    throw new ConfigError(
      'createBudget.store',
      'has no use for a budget per run: what a run has spent is in its session. Leave it out.',
    );
}

function checkId(id: unknown): void {
  try {
    checkJournalId(id);
  } catch {
    throw new ConfigError(
      'createBudget.id',
      `must be 1 to 128 letters, digits, "_", "-" or ".", with no dot at either end, got ${shown(id)}.`,
    );
  }
}
