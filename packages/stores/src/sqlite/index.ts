/**
 * Many sessions in one SQLite file, to be queried.
 *
 * @module
 */
export { sqliteStore } from './sqlite-store.ts';
export type { SqliteStore, SqliteStoreOptions } from './sqlite-store.ts';
