import type { JournalStore } from '../journal/journal.ts';
import { isEmpty, JournalError } from '../journal/journal.ts';

const PLAIN = /^[A-Za-z0-9_-]{1,64}$/;
const MAX_LENGTH = 128;
/** So much of a long parent id stays readable: what belongs to a session begins with its id. */
const KEPT_OF_PARENT = 70;
const KEPT_OF_KEY = 24;

/** The id of a session that another starts: the parent's id, a dot and the key, where that is an id; hashed otherwise. */
async function childId(parent: string, key: string): Promise<string> {
  const plain = `${parent}.${key}`;
  // Some room is left for the suffix of `freeChildId`.
  if (PLAIN.test(key) && plain.length <= MAX_LENGTH - 8) return plain;
  const digest = await crypto.subtle.digest(
    'SHA-256',
    new TextEncoder().encode(JSON.stringify([parent, key])),
  );
  const hash = Array.from(new Uint8Array(digest, 0, 12), (byte) => byte.toString(16).padStart(2, '0')).join(
    '',
  );
  const slug = key.replace(/[^A-Za-z0-9_]+/g, '-').slice(0, KEPT_OF_KEY);
  return `${parent.slice(0, KEPT_OF_PARENT)}.${slug}-${hash}`;
}

/**
 * The id for a new child: one that this session never used and that is free in its store. What is there already belongs
 * to somebody else, such as a session of the same name that was deleted.
 */
export async function freeChildId(
  parent: string,
  key: string,
  store: JournalStore | null,
  isKnown: (session: string) => boolean,
): Promise<string> {
  const id = await childId(parent, key);
  for (let count = 1; ; count += 1) {
    const candidate = count === 1 ? id : `${id}-${count}`;
    if (!isKnown(candidate) && (await isFree(store, candidate))) return candidate;
  }
}

/** Looks without opening for writing, which would take the session from its owner. */
async function isFree(store: JournalStore | null, id: string): Promise<boolean> {
  if (!store) return true;
  try {
    const found = await store.open(id, { readonly: true });
    const free = !found.damage && (await isEmpty(found));
    await found.close();
    return free;
  } catch (error) {
    if (error instanceof JournalError && error.code === 'not-found') return true;
    throw error;
  }
}
