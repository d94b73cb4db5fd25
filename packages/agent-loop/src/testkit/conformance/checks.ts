import assert from 'node:assert/strict';
import type { Entry } from '../../journal/events.ts';
import { JournalError } from '../../journal/journal.ts';
import type { Journal, JournalErrorCode, JournalStore } from '../../journal/journal.ts';

/** The entries of a journal. */
export async function all(journal: Journal, from?: number): Promise<Entry[]> {
  const entries: Entry[] = [];
  for await (const entry of journal.read(from)) entries.push(entry);
  return entries;
}

/** Checks what a session holds, opened for reading and for writing. */
export async function holds(store: JournalStore, id: string, entries: readonly Entry[]): Promise<void> {
  const journal = await store.open(id);
  hasLength(journal, entries.length);
  assert.equal(journal.damage ?? null, null);
  assert.deepEqual(await all(journal), entries);
  await journal.close();
}

/** Checks how many entries a journal holds, where it tells. */
export function hasLength({ length }: Journal, expected: number): void {
  if (length !== undefined) assert.equal(length, expected);
}

/** Some entries, one after the other; fails after `until` of them where it is given. */
export async function* iterate(
  entries: readonly Entry[],
  until = Number.POSITIVE_INFINITY,
): AsyncGenerator<Entry> {
  for (const [index, entry] of entries.entries()) {
    if (index === until) throw new Error('There are no more entries.');
    yield entry;
  }
}

/** Turns what is thrown at once into a rejection. */
export async function attempt(action: () => unknown): Promise<void> {
  await action();
}

/** Checks that a JournalError of this kind comes. */
export async function rejects(action: () => unknown, code: JournalErrorCode): Promise<void> {
  try {
    await action();
  } catch (error) {
    assert.equal(codeOf(error), code);
    return;
  }
  assert.fail(`expected a JournalError ${code}`);
}

/** The code of a JournalError, or what else was thrown. */
export function codeOf(error: unknown): string {
  return error instanceof JournalError ? error.code : `not a JournalError: ${String(error)}`;
}
