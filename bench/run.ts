import { loadavg } from 'node:os';
import { resolve } from 'node:path';
import { createBench, startServer } from './bench.ts';
import type { Bench } from './bench.ts';
import { machineLine, writeResults } from './results.ts';
import type { Kept } from './results.ts';
import type { Scenario } from './scenario.ts';
import { scenarios } from './scenarios/index.ts';
import { renderSection } from './section.ts';

/** What the command line says. */
export interface Options {
  readonly quick: boolean;
  readonly source: boolean;
  readonly rounds?: string | undefined;
  readonly profile?: string | undefined;
}

function choose(names: readonly string[]): Scenario[] {
  const unknown = names.filter((name) => !scenarios.some((scenario) => scenario.name === name));
  if (unknown.length > 0) {
    const known = scenarios.map((scenario) => scenario.name).join(', ');
    throw new Error(`no scenario is called ${unknown.join(', ')}; there are ${known}`);
  }
  return scenarios.filter(({ name }) => names.length === 0 || names.includes(name));
}

async function runOne(scenario: Scenario, bench: Bench): Promise<Kept | undefined> {
  const load = loadavg()[0]?.toFixed(2);
  const failedBefore = bench.failures.length;
  const body = renderSection(await scenario.run(bench));
  process.stdout.write(`\n## ${scenario.title}\n\n${body}\n`);
  if (bench.failures.length > failedBefore) return undefined;
  const command = ['pnpm bench', ...process.argv.slice(2)].join(' ');
  const date = new Date().toISOString().slice(0, 16).replace('T', ' ');
  return { scenario, body, when: `\`${command}\`, ${date} UTC, load at the start ${load}` };
}

/** Runs the named scenarios, all when none is named; prints what they find and keeps what is worth keeping. */
export async function runScenarios(names: readonly string[], options: Options): Promise<void> {
  const chosen = choose(names);
  const server = await startServer();
  try {
    const bench = createBench({
      origin: server.origin,
      quick: options.quick,
      source: options.source,
      ...(options.rounds === undefined ? {} : { rounds: Number(options.rounds) }),
      ...(options.profile === undefined ? {} : { profiles: resolve(options.profile) }),
    });
    const keep = !options.quick && !options.source && options.profile === undefined;
    process.stdout.write(`${await machineLine()}\n`);
    for (const scenario of chosen) {
      const kept = await runOne(scenario, bench);
      // After each, so that a run that is stopped keeps what it found.
      if (keep && kept !== undefined) await writeResults(scenarios, [kept]);
    }
    if (bench.failures.length > 0) throw new Error(`${bench.failures.length} measurements failed`);
  } finally {
    await server.close();
  }
}
