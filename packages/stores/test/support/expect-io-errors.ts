import { JournalError } from '@pawl/agent-loop/store';
import type { BudgetStore, JournalStore } from '@pawl/agent-loop/store';
import { expect } from 'vitest';

/** Expects that whatever a store is asked is refused as `io`, for that reason. */
export async function expectIoErrors(store: JournalStore & BudgetStore, reason: string): Promise<void> {
  for (const ask of [
    () => store.open('a'),
    () => store.open('a', { readonly: true }),
    () => store.list(),
    () => store.delete('a'),
    () => store.updateBudget('a', () => ''),
  ]) {
    const error: unknown = await ask().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(JournalError);
    expect(error).toMatchObject({ code: 'io', message: expect.stringContaining(reason) as string });
  }
}
