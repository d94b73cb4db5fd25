import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { sourceFlags } from '../../../test/support/node-flags.ts';

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));

it('finds the cause with two subagents, and ends with the cost by agent', { timeout: 60_000 }, async () => {
  const child = spawn(process.execPath, [...sourceFlags, MAIN], {
    env: { PATH: process.env['PATH'], NO_COLOR: '1' },
  });
  let out = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (out += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  expect(out).toContain('lead → database-expert');
  expect(out).toContain('  log-analyst → count_per_minute');
  expect(out).toContain('Cause: migration 0187_orders_customer_index of orders-api');
  expect(out).toMatch(/^database-expert +\d+ in +\d+ out +\$0\.\d{6}$/m);
  expect(out.match(/^✓ /gm)).toHaveLength(6);
  expect(out).not.toContain('✗');
  expect(code).toBe(0);
});
