/**
 * For authors of stores: the contract, what every store needs, and texts for entries; and what governors of several
 * processes share.
 *
 * @module
 */
export type { BudgetStore } from './money/budget-store.ts';
export type { Checkpoint, Checkpoints, KeptCheckpoint } from './journal/checkpoint.ts';
export { ConfigError } from './errors.ts';
export { EntryDecoder } from './journal/entry-decoder.ts';
export { EntryEncoder, entryJson } from './journal/entry-encoder.ts';
export type { EncodedEntry } from './journal/entry-encoder.ts';
export type { Entry } from './journal/events.ts';
export { memoryGovernorStore } from './governor/governor-store.ts';
export type { GovernorNote, GovernorStore } from './governor/governor-store.ts';
export { checkAppend, checkJournalId, JournalError, memoryJournal } from './journal/journal.ts';
export type {
  AppendOptions,
  FullJournal,
  Journal,
  JournalDamage,
  JournalErrorCode,
  JournalInfo,
  JournalStore,
} from './journal/journal.ts';
export { checkOptions } from './option-checks.ts';
export { memoryStore } from './journal/memory-store.ts';
