/**
 * Where budgets last, and processes share them. Two updates of one budget never overlap, in whichever processes they are:
 * `change` gets the text that the update before gave (null for the first), and what it returns is kept, safe from a crash
 * and a loss of power, before `updateBudget` resolves. It may be called several times; the last call counts. Where it
 * throws, nothing is changed and `updateBudget` rejects. Ids are those of journals: 1 to 128 letters, digits, `_`, `-` or `.`.
 *
 * The stores of `@pawl/stores` and `memoryStore` are budget stores.
 */
export interface BudgetStore {
  updateBudget(id: string, change: (kept: string | null) => string): Promise<void>;
}
