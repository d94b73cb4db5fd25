import { readFile } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { parseSync } from 'vite';
import { exists } from './repository.ts';
import type { WorkspacePackage } from './repository.ts';

/** A module that is loaded, and the file of the package that asks for it. */
export interface ImportedModule {
  readonly name: string;
  readonly from: string;
}

/** What loading built files loads with them. */
export interface StaticImports {
  readonly builtins: ImportedModule[];
  readonly packages: ImportedModule[];
  readonly unresolved: ImportedModule[];
}

/**
 * Follows the static imports of built files through their own package: relative files, and `#subpath` imports under the
 * conditions of a runtime that is not Node. Dynamic imports are not followed: they cost nothing at start.
 */
export async function importsOf(pkg: WorkspacePackage, entries: readonly string[]): Promise<StaticImports> {
  const result: StaticImports = { builtins: [], packages: [], unresolved: [] };
  const queue = entries.map((entry) => ({ name: join(pkg.folder, entry), from: 'package.json' }));
  const seen = new Set<string>();
  for (const { name: file, from: asker } of queue) {
    if (seen.has(file)) continue;
    seen.add(file);
    if (!(await exists(file))) {
      result.unresolved.push({ name: relative(pkg.folder, file), from: asker });
      continue;
    }
    const from = relative(pkg.folder, file);
    for (const specifier of specifiers(file, await readFile(file, 'utf8'))) {
      const target = specifier.startsWith('#') ? subpathImport(pkg, specifier) : specifier;
      if (target === undefined) result.unresolved.push({ name: specifier, from });
      else if (target.startsWith('.'))
        queue.push({ name: join(target === specifier ? dirname(file) : pkg.folder, target), from });
      else if (isBuiltin(target)) result.builtins.push({ name: target, from });
      else result.packages.push({ name: packageName(target), from });
    }
  }
  return result;
}

function specifiers(file: string, code: string): string[] {
  const { module, errors } = parseSync(file, code);
  if (errors.length > 0) throw new Error(`${file}: ${errors.map((error) => error.message).join(', ')}`);
  const reexports = module.staticExports.flatMap(({ entries }) =>
    entries.map((entry) => entry.moduleRequest?.value),
  );
  const imports = module.staticImports.map(({ moduleRequest }) => moduleRequest.value);
  return [...new Set([...imports, ...reexports.filter((value) => value !== undefined)])];
}

function subpathImport(pkg: WorkspacePackage, specifier: string): string | undefined {
  const exact = pkg.imports[specifier];
  if (exact !== undefined) return conditional(exact);
  for (const [key, target] of Object.entries(pkg.imports)) {
    const [before, after] = key.split('*');
    if (before === undefined || after === undefined) continue;
    if (!specifier.startsWith(before) || !specifier.endsWith(after)) continue;
    const middle = specifier.slice(before.length, specifier.length - after.length);
    return conditional(target)?.replaceAll('*', middle);
  }
  return undefined;
}

/** The target of a conditional import in a runtime that knows `import` and `default` alone. */
function conditional(target: unknown): string | undefined {
  if (typeof target === 'string') return target;
  if (Array.isArray(target)) return target.map(conditional).find((found) => found !== undefined);
  if (typeof target !== 'object' || target === null) return undefined;
  for (const [condition, value] of Object.entries(target)) {
    if (condition !== 'import' && condition !== 'default') continue;
    const found = conditional(value);
    if (found !== undefined) return found;
  }
  return undefined;
}

function packageName(specifier: string): string {
  const [scope, name] = specifier.split('/');
  return specifier.startsWith('@') ? `${scope}/${name}` : (scope ?? specifier);
}
