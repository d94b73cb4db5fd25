import { NOTHING, plus, type Spend } from '../money/budget-book.ts';
import type { JournalStore } from '../journal/journal.ts';
import type { RunSpend } from '../money/run-spend.ts';
import { lookInto } from '../session/fold-session.ts';
import type { SessionState } from '../journal/session-state.ts';

/**
 * What the unfinished children of a session, or of one of its runs, have used of which its journal does not know yet:
 * their own journals do. All of them are read before any of them goes on, for each may spend only what the others have left.
 */
export async function spendOfUnfinished(
  store: JournalStore | null,
  { children }: SessionState,
  known: RunSpend,
  parentRunId?: string,
): Promise<Spend> {
  let sum = NOTHING;
  for (const child of store ? children.unfinished : []) {
    const { session } = child;
    if (parentRunId !== undefined && child.parentRunId !== parentRunId) continue;
    const { amount, tokens } = known.ofChild(session);
    sum = plus(sum, await spendOf(store, session));
    sum = plus(sum, { amount: -amount, tokens: -tokens });
  }
  return sum;
}

async function spendOf(store: JournalStore | null, session: string): Promise<Spend> {
  // Of one that never began only the start was kept.
  const state = await lookInto(store, session);
  return plus(state.spend.counted, await spendOfUnfinished(store, state, state.spend));
}
