import { execFile } from 'node:child_process';
import { access, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The repository's root folder. */
export const root = join(import.meta.dirname, '..');

/** A package of `packages/`, as its manifest describes it. */
export interface WorkspacePackage {
  readonly name: string;
  readonly folder: string;
  readonly exports: unknown;
  readonly imports: Readonly<Record<string, unknown>>;
}

/** How a program ended, with all it wrote. `code` is null when it was killed, at the deadline for one. */
export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The packages of `packages/`, by name. */
export async function workspacePackages(): Promise<WorkspacePackage[]> {
  const found: WorkspacePackage[] = [];
  for (const entry of await readdir(join(root, 'packages'))) {
    const folder = join(root, 'packages', entry);
    const manifest = join(folder, 'package.json');
    if (!(await exists(manifest))) continue;
    const { name, exports, imports = {} } = JSON.parse(await readFile(manifest, 'utf8'));
    found.push({ name, folder, exports, imports });
  }
  return found.toSorted((a, b) => a.name.localeCompare(b.name));
}

/** Whether a file or folder is there. */
export async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Runs a program to its end, without colours and without the developer's API settings; never rejects for a bad exit. */
export function run(
  program: string,
  args: readonly string[],
  options: { cwd?: string; timeoutMs?: number } = {},
): Promise<Finished> {
  const { cwd = root, timeoutMs = 120_000 } = options;
  const inherited = Object.entries(process.env).filter(
    ([name]) => !name.startsWith('ANTHROPIC_') && name !== 'FORCE_COLOR',
  );
  const env = { ...Object.fromEntries(inherited), NO_COLOR: '1' };
  return new Promise((resolve) => {
    execFile(
      program,
      args,
      { cwd, env, timeout: timeoutMs, maxBuffer: 64 * 1024 * 1024 },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : null;
        const problem = error !== null && code === null ? `${error.message}\n` : '';
        resolve({ code, stdout, stderr: stderr + problem });
      },
    );
  });
}

/** The path of a tool that the root package lists. */
export function tool(name: string): string {
  return join(root, 'node_modules/.bin', name);
}
