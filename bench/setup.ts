import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

const bench = import.meta.dirname;
const root = dirname(bench);

async function succeeds(command: string, args: readonly string[]): Promise<boolean> {
  const child = spawn(command, args, { cwd: bench, stdio: ['ignore', 'inherit', 'inherit'] });
  try {
    const [code] = (await once(child, 'close')) as [number | null];
    return code === 0;
  } catch {
    // The command does not exist here.
    return false;
  }
}

/** Installs what the benchmarks compare with, once; nothing else in the repository needs it. */
export async function install(): Promise<void> {
  const manifest = JSON.parse(await readFile(join(bench, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  const names = Object.keys(manifest.dependencies);
  if (names.every((name) => existsSync(join(bench, 'node_modules', name, 'package.json')))) return;
  process.stderr.write('installing the packages to compare with, into bench/node_modules\n');
  const args = ['install', '--frozen-lockfile'];
  if (await succeeds('pnpm', args)) return;
  const { packageManager } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
    packageManager: string;
  };
  if (await succeeds('npx', ['-y', packageManager, ...args])) return;
  throw new Error(`the packages to compare with could not be installed; run \`pnpm install\` in ${bench}`);
}

/** Throws unless our loop is built: figures of sources would count the work of stripping their types. */
export function requireBuild(): void {
  if (existsSync(join(root, 'packages/agent-loop/dist/index.js'))) return;
  throw new Error(
    'packages/agent-loop is not built: run `pnpm build` first, or measure the sources with --source',
  );
}
