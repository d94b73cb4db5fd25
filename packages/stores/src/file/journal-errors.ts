import { JournalError } from '@pawl/agent-loop/store';
import type { JournalDamage } from '@pawl/agent-loop/store';

/** A JournalError that says the session belongs to somebody else. */
export function fenced(): JournalError {
  return new JournalError('fenced', 'Another owner has opened the session since.');
}

/** What a file system threw, as a JournalError `io`. */
export function asJournalError(error: unknown, message: string): JournalError {
  if (error instanceof JournalError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new JournalError('io', `${message}: ${reason}`, { cause: error });
}

/** A JournalError `corrupt` that names the damage. */
export function corrupt(damage: JournalDamage): JournalError {
  const { where, from, to, message } = damage;
  return new JournalError('corrupt', `${message} (bytes ${from} to ${to} of ${where})`, { damage });
}
