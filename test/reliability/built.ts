import { readdirSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';

const PACKAGES = ['agent-loop', 'stores', 'emulator'];

/** What programs run with: nothing, which is the built packages, where the build is not older than the sources. */
export function packageConditions(): { readonly conditions: readonly string[]; readonly what: string } {
  const isBuilt = PACKAGES.every((name) => {
    const folder = fileURLToPath(new URL(`../../packages/${name}`, import.meta.url));
    const dist = times(join(folder, 'dist'), '.js');
    return dist.length > 0 && Math.max(...dist) >= Math.max(...times(join(folder, 'src'), '.ts'));
  });
  return isBuilt
    ? { conditions: [], what: 'the built packages' }
    : { conditions: ['@pawl/source'], what: 'the sources: there is no build, or an old one (pnpm build)' };
}

function times(folder: string, extension: string): number[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith(extension))
      .map((name) => statSync(join(folder, name)).mtimeMs);
  } catch {
    return [];
  }
}
