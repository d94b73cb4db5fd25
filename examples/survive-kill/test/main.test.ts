import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { sourceFlags } from '../../../test/support/node-flags.ts';

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));

it(
  'shows that a kill in the middle of four tools repeats and loses nothing',
  { timeout: 60_000 },
  async () => {
    const child = spawn(process.execPath, [...sourceFlags, MAIN], {
      env: { PATH: process.env['PATH'], NO_COLOR: '1' },
    });
    let out = '';
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (out += chunk.toString()));
    const [code] = (await once(child, 'close')) as [number | null];
    expect(out).toContain('killed in the middle of its tools');
    expect(out).toContain('charge_card was started, and nobody knows whether it happened.');
    expect(out).toContain('completed after 2 turns: Order 4711: 3 of 4 things are done for certain.');
    expect(out.match(/ {2}✓ /g)).toHaveLength(7);
    expect(out).not.toContain('✗');
    expect(code).toBe(0);
  },
);
