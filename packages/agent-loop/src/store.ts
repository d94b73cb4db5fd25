/**
 * For authors of stores: the contract, what every store needs, and texts for entries; and what governors of several
 * processes share.
 *
 * @module
 */
export type { BudgetStore } from './budget-store.ts';
export { EntryDecoder } from './entry-decoder.ts';
export { EntryEncoder, entryJson } from './entry-encoder.ts';
export type { EncodedEntry } from './entry-encoder.ts';
export type { Entry } from './events.ts';
export { memoryGovernorStore } from './governor-store.ts';
export type { GovernorNote, GovernorStore } from './governor-store.ts';
export { checkAppend, checkJournalId, JournalError, memoryJournal } from './journal.ts';
export type {
  AppendOptions,
  Journal,
  JournalDamage,
  JournalErrorCode,
  JournalInfo,
  JournalStore,
} from './journal.ts';
export { memoryStore } from './memory-store.ts';
