import { JournalError } from '@pawl/agent-loop/store';
import type { JournalDamage } from '@pawl/agent-loop/store';

/** Whose a session is, as somebody sees it who has opened it. `nobody`: it was deleted. */
export type Owner = 'self' | 'other' | 'nobody';

/** A JournalError that says the session belongs to somebody else, or is there no more. */
export function fenced(owner: Owner = 'other'): JournalError {
  const message =
    owner === 'nobody'
      ? 'The session was deleted, or its folder removed, since it was opened.'
      : 'Another owner has opened the session since.';
  return new JournalError('fenced', message);
}

/** What a file system threw, as a JournalError `io`. */
export function asJournalError(error: unknown, message: string): JournalError {
  if (error instanceof JournalError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new JournalError('io', `${message}: ${reason}`, { cause: error });
}

/** A JournalError `corrupt` that names the damage. */
export function corrupt(damage: JournalDamage): JournalError {
  return new JournalError('corrupt', told(damage), { damage });
}

/** The same for whoever wants to append to the session in this folder. */
export function notAppendable(damage: JournalDamage, directory: string): JournalError {
  const message =
    `${told(damage)}. Nothing can be appended to a damaged session. repairSession(${JSON.stringify(directory)}, { into }) ` +
    "of '@pawl/stores/file' recovers what can be recovered into a copy.";
  return new JournalError('corrupt', message, { damage });
}

function told({ where, from, to, message }: JournalDamage): string {
  return `${message} (bytes ${from} to ${to} of ${where})`;
}
