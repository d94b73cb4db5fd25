import { existsSync } from 'node:fs';
import { readFile, readdir, realpath, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** The packages that come along with some, and the space they take. */
export interface Tree {
  /** `name@version`, each once. */
  readonly names: readonly string[];
  readonly bytes: number;
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly files?: readonly string[];
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}

/** The real folder of `name` as seen from `from`: node_modules of it and of each folder above. */
async function locate(name: string, from: string): Promise<string | undefined> {
  const candidate = join(from, 'node_modules', name);
  if (existsSync(join(candidate, 'package.json'))) return realpath(candidate);
  const parent = dirname(from);
  return parent === from ? undefined : locate(name, parent);
}

function wantedBy(manifest: Manifest): string[] {
  const peers = Object.keys(manifest.peerDependencies ?? {});
  return [
    ...Object.keys(manifest.dependencies ?? {}),
    ...Object.keys(manifest.optionalDependencies ?? {}),
    ...peers.filter((peer) => manifest.peerDependenciesMeta?.[peer]?.optional !== true),
  ];
}

/** Bytes of what a package publishes: its tests and sources beside it are not counted when it names its files. */
async function bytesOf(folder: string, only?: readonly string[]): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.name === 'node_modules') continue;
    if (only !== undefined && !only.includes(entry.name)) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) bytes += await bytesOf(path);
    else if (entry.isFile()) bytes += (await stat(path)).size;
  }
  return bytes;
}

/** Walks the installed tree of `roots`, which are dependencies of the benchmarks. */
export async function packagesOf(roots: readonly string[]): Promise<Tree> {
  const seen = new Map<string, string>();
  const walk = async (name: string, from: string): Promise<void> => {
    const folder = await locate(name, from);
    if (folder === undefined || seen.has(folder)) return;
    const manifest = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as Manifest;
    seen.set(folder, `${manifest.name}@${manifest.version}`);
    for (const wanted of wantedBy(manifest)) await walk(wanted, folder);
  };
  for (const root of roots) await walk(root, import.meta.dirname);
  let bytes = 0;
  for (const folder of seen.keys()) {
    // A linked package of ours lies among its sources; an installed one holds only what was published.
    const linked = !folder.includes('node_modules');
    bytes += await bytesOf(
      folder,
      linked ? ['dist', 'src', 'package.json', 'README.md', 'LICENSE'] : undefined,
    );
  }
  return { names: [...new Set(seen.values())], bytes };
}
