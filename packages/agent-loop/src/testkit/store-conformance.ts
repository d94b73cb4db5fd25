import { runOnItsOwn, type StoreTopic, type StoreUnderTest } from './conformance/case.ts';
import { KEEPING } from './conformance/keeping.ts';
import { OWNERS } from './conformance/owners.ts';
import { SESSIONS } from './conformance/sessions.ts';

export type { StoreTopic, StoreUnderTest };

/** How the kit gets stores. */
export interface StoreHarness {
  /** Makes a fresh store for one case. */
  create(): StoreUnderTest | Promise<StoreUnderTest>;
  /** What the store does not promise, with the reason. Its cases are reported as skipped, never as passed. */
  readonly omit?: Partial<Record<StoreTopic, string>>;
}

/** One case, for any test runner: `test(name, { skip }, run)`. */
export interface ConformanceCase {
  readonly name: string;
  /** Why it is not to be run, or false. */
  readonly skip: string | false;
  /** Resolves where the store conforms, otherwise rejects with an AssertionError. */
  readonly run: () => Promise<void>;
}

/** The cases that every store passes. */
export function storeConformance(harness: StoreHarness): readonly ConformanceCase[] {
  return [...KEEPING, ...OWNERS, ...SESSIONS].map(({ name, topic, check }) => ({
    name,
    skip: (topic && harness.omit?.[topic]) ?? false,
    run: () => runOnItsOwn(harness, check),
  }));
}
