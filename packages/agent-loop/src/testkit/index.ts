/**
 * For tests of what is built on pawl: recorded sessions as fixtures, the conformance kit of stores, and entries to fill
 * them with.
 *
 * @module
 */
export { budgetStoreConformance } from './budget-conformance.ts';
export type { BudgetStoreUnderTest } from './budget-conformance.ts';
export { checkpointConformance } from './checkpoint-conformance.ts';
export type { Difference } from './replay-diff.ts';
export { ReplayMismatch } from './replay-mismatch.ts';
export { replaySession } from './replay-session.ts';
export type { Recording, ReplayOptions } from './replay-session.ts';
export { sampleEntries } from './sample-entries.ts';
export { storeConformance } from './store-conformance.ts';
export type { ConformanceCase, StoreHarness, StoreTopic, StoreUnderTest } from './store-conformance.ts';
