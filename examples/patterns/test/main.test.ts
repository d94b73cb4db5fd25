import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { sourceFlags } from '../../../test/support/node-flags.ts';

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));

async function run(...names: readonly string[]): Promise<{ code: number | null; out: string }> {
  const child = spawn(process.execPath, [...sourceFlags, MAIN, ...names], {
    env: { PATH: process.env['PATH'], NO_COLOR: '1' },
  });
  let out = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (out += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, out };
}

describe('the patterns', () => {
  it('come out as they should, all of them', { timeout: 60_000 }, async () => {
    const { code, out } = await run();
    expect(out).not.toContain('✗');
    expect(out.match(/ {2}✓ /g)).toHaveLength(14);
    expect(out).toContain('offline: stand-ins that answer by rule (no models)');
    expect(out).toContain('[technical] Most likely the update left an old cache behind');
    expect(out).toContain('- The query is concatenated: SQL injection.');
    expect(out).toContain('2 of 3 hold it back');
    expect(out).toContain('- Done: Copy the database to the new server.');
    expect(out).toContain('3. A ratchet pawl of hardened steel for winches.');
    expect(out).toContain('(3 searchers)');
    expect(code).toBe(0);
  });

  it('can be run one by one', async () => {
    const { code, out } = await run('voting', 'zeppelin');
    expect(code).toBe(2);
    expect(out).toContain('There is no pattern zeppelin. Patterns: prompt-chain, routing,');
  });
});
