/**
 * `pnpm bench [names...] [--quick] [--source] [--rounds n] [--profile dir]`: measures our loop beside the raw SDK loop
 * and the peers, prints tables and keeps them in RESULTS.md (not when quick, profiled or of sources).
 */
import { spawnSync } from 'node:child_process';
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

/** Sources are found through a condition, which a process has from its start or not at all. */
const SOURCE = '--conditions=@pawl/source';

async function main(): Promise<void> {
  if (!options.source) requireBuild();
  else if (!process.execArgv.includes(SOURCE)) {
    const args = [...process.execArgv, SOURCE, ...process.argv.slice(1)];
    process.exitCode = spawnSync(process.execPath, args, { stdio: 'inherit' }).status ?? 1;
    return;
  }
  await install();
  // Loaded only now: it imports what was just installed.
  const { runScenarios } = await import('./run.ts');
  await runScenarios(names, options);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
