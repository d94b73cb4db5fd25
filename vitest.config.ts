import { defineConfig } from 'vitest/config';
import {
  BaseSequencer,
  type Reporter,
  type TestSequencer,
  type TestSpecification,
  type Vitest,
} from 'vitest/node';

// Tests run the sources: no build first, and stack traces point at what was written.
const conditions = ['@pawl/source', 'node', 'import', 'module', 'default'];

// No test may reach the real API by accident, whatever the developer's shell holds.
for (const name of Object.keys(process.env)) if (name.startsWith('ANTHROPIC_')) delete process.env[name];

/** Prints `N passed, N failed` alone on the last line, the line that CI reads. */
const count: Reporter = {
  onTestRunEnd(modules, unhandledErrors) {
    let [passed, failed, skipped] = [0, unhandledErrors.length, 0];
    for (const module of modules) {
      const states = [...module.children.allTests()].map((test) => test.result().state);
      const failures = states.filter((state) => state === 'failed').length;
      // A file that does not load, or a hook that throws, fails without a failed test.
      failed += failures === 0 && !module.ok() ? 1 : failures;
      passed += states.filter((state) => state === 'passed').length;
      skipped += states.filter((state) => state === 'skipped').length;
    }
    console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
  },
};

/** Test files that take longest at the size of CI, the longest first. */
const LONG = [
  'subagents/trees',
  'kill/kill',
  'budget/overspend',
  'orchestrate/crash',
  'budget/processes',
  'orchestrate/places',
  'simulation/crashes-',
  'kill/scripts',
  'owners/owners',
  'loop/histories-',
  'file/processes',
  'session/kept-journal',
  'budget/trees',
  'file/corruption',
];

/**
 * Begins with the long files: whoever is done first must not wait for the other at the end. Vitest knows how long files took
 * the last time, but on a machine that has not seen them it goes by their size, and campaigns are short to read.
 */
class LongestFirst implements TestSequencer {
  readonly #usual: TestSequencer;

  constructor(vitest: Vitest) {
    this.#usual = new BaseSequencer(vitest);
  }

  shard(files: TestSpecification[]) {
    return this.#usual.shard(files);
  }

  async sort(files: TestSpecification[]) {
    const rank = ({ moduleId }: TestSpecification): number => {
      const index = LONG.findIndex((name) => moduleId.includes(`/${name}`));
      return index < 0 ? LONG.length : index;
    };
    const usual = await this.#usual.sort(files);
    return usual.toSorted((one, other) => rank(one) - rank(other));
  }
}

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ['packages/*/test/**/*.test.ts', 'examples/*/test/**/*.test.ts', 'test/**/*.test.ts'],
    // Real processes that are really killed take seconds each: CI and `pnpm campaign:kill` run them.
    exclude: process.env['PAWL_CAMPAIGN'] ? [] : ['test/reliability/kill/**', 'test/reliability/owners/**'],
    reporters: ['default', count],
    // Files share a process: loading the SDK, zod and fast-check anew for each would cost more than most of the tests.
    isolate: false,
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    testTimeout: 15_000,
    hookTimeout: 15_000,
    // What a test stubs ends with it.
    restoreMocks: true,
    unstubEnvs: true,
    unstubGlobals: true,
    coverage: { provider: 'v8', include: ['packages/*/src/**/*.ts'], reporter: ['text-summary', 'html'] },
  },
});
