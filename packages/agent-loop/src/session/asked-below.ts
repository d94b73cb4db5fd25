import { JournalError, type JournalStore } from '../journal/journal.ts';
import type { SessionState } from '../journal/session-state.ts';
import type { PendingApproval } from '../loop/result.ts';
import { lookInto } from './fold-session.ts';
import { pendingOf, type Judge } from './session-pending.ts';

/**
 * The calls of unfinished children that a decision can be given on, at any depth, as their own journals tell: of those that
 * were cut off, their parents' journals tell nothing yet. A child that can not be read tells nothing either: resuming meets
 * what is wrong with it.
 */
export async function askedBelow(
  store: JournalStore,
  state: SessionState,
  agentNamed: (name: string) => Judge,
): Promise<readonly PendingApproval[]> {
  const cutOff = state.children.unfinished.filter(({ end }) => end === null);
  const asked = await Promise.all(
    cutOff.map(async ({ session, child }) => {
      const below = await lookInto(store, session).catch(unreadable);
      if (!below) return [];
      const calls = pendingOf(below, agentNamed(child))?.approvals ?? [];
      return [
        ...calls.map((call) => ({ session, ...call })),
        ...(await askedBelow(store, below, agentNamed)),
      ];
    }),
  );
  return asked.flat();
}

function unreadable(error: unknown): null {
  if (error instanceof JournalError) return null;
  throw error;
}
