/**
 * For tests of what is built on pawl: the conformance kit of stores, and entries to fill them with.
 *
 * @module
 */
export { sampleEntries } from './sample-entries.ts';
export { storeConformance } from './store-conformance.ts';
export type { ConformanceCase, StoreHarness, StoreTopic, StoreUnderTest } from './store-conformance.ts';
