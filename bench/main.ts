/**
 * `pnpm bench [names...] [--quick] [--source] [--rounds n] [--profile dir]`: measures our loop beside the raw SDK loop
 * and the peers, prints tables and keeps them in RESULTS.md (not when quick, profiled or of sources).
 */
import { parseArgs } from 'node:util';
import { install, requireBuild } from './setup.ts';

const { values: options, positionals: names } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    source: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    profile: { type: 'string' },
  },
});

try {
  if (!options.source) requireBuild();
  await install();
  // Loaded only now: it imports what was just installed.
  const { runScenarios } = await import('./run.ts');
  await runScenarios(names, options);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
