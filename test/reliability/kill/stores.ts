import { join } from 'node:path';
import type { JournalStore } from '@pawl/agent-loop';
import { fileStore } from '@pawl/stores/file';

/** The stores that processes are killed with. */
export const STORES = ['file', 'sqlite'] as const;
/** Name of a store. */
export type StoreName = (typeof STORES)[number];

/** The store of that name in a folder, and how to let go of it. What is not asked for is not loaded. */
export async function openStore(
  name: StoreName,
  folder: string,
): Promise<{ readonly store: JournalStore; readonly close: () => Promise<void> }> {
  if (name === 'file') return { store: fileStore(folder), close: async () => {} };
  const { sqliteStore } = await import('@pawl/stores/sqlite');
  const store = sqliteStore(join(folder, 'sessions.db'));
  return { store, close: () => store.close() };
}
