import type { AgentSpec } from '../agent/agent-spec.ts';
import { specNamed } from '../children/delegation.ts';
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
  judge: Judge,
  top: AgentSpec,
): Promise<readonly PendingApproval[]> {
  const cutOff = state.children.unfinished.filter(({ end }) => end === null);
  const asked = await Promise.all(
    cutOff.map(async ({ session, child }) => {
      const below = await lookInto(store, session).catch(unreadable);
      if (!below) return [];
      // An agent that only a script knows: what its journal says is all there is.
      const own = specNamed(top, child) ?? { ...judge, name: child, tools: new Map<string, never>() };
      const calls = pendingOf(below, own)?.approvals ?? [];
      return [...calls.map((call) => ({ session, ...call })), ...(await askedBelow(store, below, own, top))];
    }),
  );
  return asked.flat();
}

function unreadable(error: unknown): null {
  if (error instanceof JournalError) return null;
  throw error;
}
