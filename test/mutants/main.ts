/**
 * Puts one fault after the other into a copy of the sources and runs the tests that are near it, then the others, until
 * one of them notices. Run as `pnpm mutants [id ...]`. Ends with 1 where a fault survives.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MUTANTS } from './mutants.ts';
import type { Mutant } from './mutants.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** A fault that makes tests hang is noticed too. In milliseconds. */
const HUNG_MS = 300_000;

const SESSIONS = ['packages/agent-loop/test/session', 'packages/agent-loop/test/store'];
const STORES = ['packages/stores/test'];
const SIMULATION = [
  'test/reliability/damaged-content.test.ts',
  'test/reliability/stale-results.test.ts',
  'test/reliability/simulation',
];
const TOOLS = ['packages/agent-loop/test/tools', 'packages/agent-loop/test/loop/journal.test.ts'];
const MONEY = ['budget', 'money', 'cache'].map((room) => `packages/agent-loop/test/${room}`);
const CHILDREN = ['subagents', 'orchestrate'].map((room) => `packages/agent-loop/test/${room}`);
const LOOP = ['packages/agent-loop/test/loop'];

/** Groups of tests, the likeliest first. */
function groupsFor({ file }: Mutant): readonly (readonly string[])[] {
  if (file.startsWith('stores/')) return [STORES, SIMULATION];
  if (/\/(money|cache)\//.test(file)) return [MONEY, CHILDREN, SESSIONS, LOOP];
  if (/\/(children|team)\//.test(file)) return [CHILDREN, MONEY, SESSIONS, LOOP];
  if (/\/tools\/|stop/.test(file)) return [TOOLS, SESSIONS, SIMULATION, LOOP];
  return [SESSIONS, SIMULATION, TOOLS, LOOP];
}

interface Ended {
  readonly code: number | null;
  readonly out: string;
}

async function run(command: string, args: readonly string[], cwd: string): Promise<Ended> {
  const child = spawn(command, args, { cwd, env: { ...process.env, NO_COLOR: '1' }, detached: true });
  let out = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (out += chunk.toString()));
  const hung = setTimeout(() => child.pid !== undefined && process.kill(-child.pid, 'SIGKILL'), HUNG_MS);
  const [code] = (await once(child, 'close')) as [number | null];
  clearTimeout(hung);
  return { code, out };
}

/** A copy of the repository as it lies there, installed from what this machine has already. */
async function copyRepository(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'pawl-mutants-'));
  const skipped = /(^|\/)(node_modules|dist|\.git|\.turbo|coverage)(\/|$)/;
  await cp(ROOT, folder, { recursive: true, filter: (source) => !skipped.test(relative(ROOT, source)) });
  const installed = await run('pnpm', ['install', '--frozen-lockfile', '--prefer-offline'], folder);
  if (installed.code !== 0) throw new Error(`The copy could not be installed:\n${installed.out}`);
  return folder;
}

/** Runs groups of tests until one fails, and fails again. Returns the first such failure, or null. */
async function firstFailure(folder: string, groups: readonly (readonly string[])[]): Promise<string | null> {
  for (const group of groups) {
    const failures = await failuresOf(folder, group);
    if (failures.length === 0) continue;
    // A test that fails now and then on a busy machine has noticed nothing.
    const files = new Set(failures.map((failure) => failure.split(' > ')[0] ?? ''));
    const [again] = await failuresOf(folder, [...files]);
    if (again !== undefined) return again;
  }
  return null;
}

async function failuresOf(folder: string, tests: readonly string[]): Promise<string[]> {
  const { code, out } = await run('pnpm', ['exec', 'vitest', 'run', '--bail=1', ...tests], folder);
  if (code === 0) return [];
  // SIGTERM from outside says nothing of the fault: it must not count as noticed.
  if (code === 143) throw new Error('The tests were stopped from outside. Run the mutant again.');
  const failures = [...out.matchAll(/^ ?FAIL {1,2}(.*)$/gm)].map(([, failure = '']) => failure.trim());
  return failures.length > 0 ? failures : [`${tests[0]} > ${code === null ? 'hung' : `ended with ${code}`}`];
}

async function judge(folder: string, mutant: Mutant): Promise<string | null> {
  const path = join(folder, 'packages', mutant.file);
  const source = await readFile(path, 'utf8');
  const parts = source.split(mutant.find);
  if (parts.length !== 2)
    throw new Error(`${mutant.id} finds its place in ${dirname(path)} ${parts.length - 1} times.`);
  await writeFile(path, parts.join(mutant.replace));
  try {
    return await firstFailure(folder, groupsFor(mutant));
  } finally {
    await writeFile(path, source);
  }
}

const wanted = process.argv.slice(2);
const mutants = MUTANTS.filter(({ id }) => wanted.length === 0 || wanted.includes(id));
const folder = await copyRepository();
const survivors: Mutant[] = [];
try {
  const all = [SESSIONS, STORES, SIMULATION, TOOLS, MONEY, CHILDREN, LOOP];
  const broken = await firstFailure(folder, all);
  if (broken) throw new Error(`Without any mutant the tests fail already: ${broken}`);
  for (const mutant of mutants) {
    const startedAt = performance.now();
    const noticed = await judge(folder, mutant);
    if (!noticed) survivors.push(mutant);
    const seconds = Math.round((performance.now() - startedAt) / 1000);
    console.log(
      `${noticed ? 'killed  ' : 'SURVIVED'} ${mutant.id} (${seconds} s) ${noticed ?? mutant.breaks}`,
    );
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
console.log(`${mutants.length - survivors.length} of ${mutants.length} mutants are killed.`);
for (const { id, file, breaks } of survivors)
  console.log(`survived: ${id} in ${file}, which breaks ${breaks}`);
if (survivors.length > 0) process.exitCode = 1;
