/**
 * Checks what would be published: packs each package, reads the tarball with publint and attw, and holds the promises
 * about what loading agent-loop costs. Needs a build. Run as `pnpm packages:check`.
 */
import { glob, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { importsOf } from './static-imports.ts';
import { exists, root, run, tool, workspacePackages } from './repository.ts';
import type { Finished, WorkspacePackage } from './repository.ts';

/** The product: what holds for its root entry and installed tree is promised to users. */
const product = '@pawl/agent-loop';
const maxRuntimePackages = 25;
/** Loaded on first use; a static import would make every start pay for them. */
const lazy = ['pino', 'zod-to-json-schema'];

/** One thing that is wrong, in words for the person who mends it. */
type Problem = string;

async function pack(pkg: WorkspacePackage, destination: string): Promise<string> {
  const packed = await run('pnpm', ['pack', '--json', '--pack-destination', destination], {
    cwd: pkg.folder,
  });
  if (packed.code !== 0)
    throw new Error(`pnpm pack failed for ${pkg.name}\n${packed.stdout}${packed.stderr}`);
  return JSON.parse(packed.stdout).filename;
}

async function checkTarball(tarball: string): Promise<Problem[]> {
  const complaint = (name: string, { code, stdout, stderr }: Finished): Problem[] =>
    code === 0 ? [] : [`${name}:\n${stdout}${stderr}`];
  const [publint, attw] = await Promise.all([
    run(tool('publint'), ['run', tarball, '--strict']),
    run(tool('attw'), [tarball, '--profile', 'esm-only', '--no-emoji', '--format', 'ascii']),
  ]);
  return [...complaint('publint', publint), ...complaint('attw', attw)];
}

async function checkLicence(pkg: WorkspacePackage): Promise<Problem[]> {
  const copy = join(pkg.folder, 'LICENSE');
  const same =
    (await exists(copy)) &&
    (await readFile(copy, 'utf8')) === (await readFile(join(root, 'LICENSE'), 'utf8'));
  return same ? [] : ["LICENSE is not the repository's; copy it again"];
}

/** Follows the static imports of the built root entry, as a runtime that is not Node would resolve them. */
async function checkRootEntry(pkg: WorkspacePackage): Promise<Problem[]> {
  const { builtins, unresolved } = await importsOf(pkg, ['dist/index.js']);
  return [
    ...builtins.map(
      ({ name, from }) => `the root entry loads ${name} (in ${from}): it must run without Node`,
    ),
    ...unresolved.map(({ name, from }) => `cannot resolve ${name} (in ${from})`),
  ];
}

async function checkLazy(pkg: WorkspacePackage): Promise<Problem[]> {
  const files: string[] = [];
  for await (const file of glob('dist/**/*.js', { cwd: pkg.folder })) files.push(file);
  const { packages } = await importsOf(pkg, files);
  return packages
    .filter(({ name }) => lazy.includes(name))
    .map(({ name, from }) => `${name} is imported statically (in ${from}): load it on first use`);
}

interface ListedDependency {
  readonly version: string;
  readonly dependencies?: Readonly<Record<string, ListedDependency>>;
}

/** Every package that an installation of `pkg` brings along, from the lockfile. */
async function runtimePackages(pkg: WorkspacePackage): Promise<Set<string>> {
  const args = ['list', '--prod', '--depth', 'Infinity', '--json', '--filter', pkg.name];
  const listed = await run('pnpm', args);
  if (listed.code !== 0)
    throw new Error(`pnpm list failed for ${pkg.name}\n${listed.stdout}${listed.stderr}`);
  const found = new Set<string>();
  const walk = (dependencies: Readonly<Record<string, ListedDependency>> = {}): void => {
    for (const [name, dependency] of Object.entries(dependencies)) {
      found.add(`${name}@${dependency.version}`);
      walk(dependency.dependencies);
    }
  };
  for (const project of JSON.parse(listed.stdout)) {
    walk(project.dependencies);
    walk(project.optionalDependencies);
  }
  return found;
}

async function check(pkg: WorkspacePackage, folder: string): Promise<{ problems: Problem[]; size: number }> {
  const tarball = await pack(pkg, folder);
  const problems = [...(await checkLicence(pkg)), ...(await checkTarball(tarball))];
  const { size } = await runtimePackages(pkg);
  if (pkg.name === product) {
    problems.push(...(await checkRootEntry(pkg)), ...(await checkLazy(pkg)));
    if (size > maxRuntimePackages)
      problems.push(`installs ${size} runtime packages, at most ${maxRuntimePackages} are promised`);
  }
  return { problems, size };
}

const folder = await mkdtemp(join(tmpdir(), 'pawl-pack-'));
try {
  for (const pkg of await workspacePackages()) {
    const { problems, size } = await check(pkg, folder);
    console.log(`${problems.length === 0 ? 'ok' : 'FAILED'}  ${pkg.name}, ${size} runtime packages`);
    for (const problem of problems) console.log(`  - ${problem.trimEnd().replaceAll('\n', '\n    ')}`);
    if (problems.length > 0) process.exitCode = 1;
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
