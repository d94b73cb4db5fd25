import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { sourceFlags } from '../../../test/support/node-flags.ts';

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));

it('prints what each step cost, and that it is what the server billed', { timeout: 60_000 }, async () => {
  const child = spawn(process.execPath, [...sourceFlags, MAIN], {
    env: { PATH: process.env['PATH'], NO_COLOR: '1' },
  });
  let out = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (out += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  expect(out).toMatch(/step .* tools .* input .* cached .* output .* cost \(USD\) .* running total/);
  expect(out).toContain('read_page x3');
  expect(out).toMatch(/cache: [\d,]+ tokens written, [\d,]+ read/);
  expect(out.match(/ {2}✓ /g)).toHaveLength(6);
  expect(out).not.toContain('✗');
  expect(code).toBe(0);
});
