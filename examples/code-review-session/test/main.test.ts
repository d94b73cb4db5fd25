import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { sourceFlags } from '../../../test/support/node-flags.ts';

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));

it('reviews in three runs, the last of them in another process', { timeout: 60_000 }, async () => {
  const child = spawn(process.execPath, [...sourceFlags, MAIN], {
    env: { PATH: process.env['PATH'], NO_COLOR: '1' },
  });
  let out = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (out += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  expect(out).toMatch(/→ read \{"file_path":"src\/cart.ts"\}\n→ read \{"file_path":"src\/price.ts"\}/);
  expect(out).toContain('→ grep {"pattern":"\\\\bwithTax\\\\b","path":"src"}');
  expect(out).toMatch(/Process \d+ has loaded 10 messages\./);
  expect(out).toContain(
    'Changes requested: 5 findings.\n- src/invoice.ts:1: withTax is used here and no longer exists',
  );
  expect(out.match(/^✓ /gm)).toHaveLength(9);
  expect(out).not.toContain('✗');
  expect(code).toBe(0);
});
