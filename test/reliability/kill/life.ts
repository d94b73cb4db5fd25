import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Done, Orders } from './protocol.ts';
import { strippedFlags } from '../../support/node-flags.ts';

const CHILD = fileURLToPath(new URL('child.ts', import.meta.url));
/** A process that neither dies nor ends within this time is stuck. In milliseconds. */
const STUCK_MS = 30_000;

/** How a process ended: killed, done, stuck, or with an error that it told. */
export type End =
  | { readonly how: 'killed' }
  | { readonly how: 'done'; readonly done: Done }
  | { readonly how: 'stuck' | 'failed'; readonly told: string };

/**
 * Starts a process and kills it at its barrier, or after `killAfterMs`. `conditions`: of package exports; none runs the
 * built packages.
 */
export function live(orders: Orders, conditions: readonly string[], killAfterMs?: number): Promise<End> {
  const args = [
    ...strippedFlags,
    ...conditions.map((name) => `--conditions=${name}`),
    CHILD,
    JSON.stringify(orders),
  ];
  const env = { ...process.env, ANTHROPIC_BASE_URL: orders.url, ANTHROPIC_API_KEY: 'offline' };
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let told = '';
  let isStuck = false;
  const kill = (): boolean => child.kill('SIGKILL');
  const deadline = setTimeout(() => {
    isStuck = true;
    kill();
  }, STUCK_MS);
  const clock = killAfterMs === undefined ? undefined : setTimeout(kill, killAfterMs);
  child.stdout.on('data', (chunk: Buffer) => {
    told += chunk.toString();
    if (told.includes('reached\n')) kill();
  });
  child.stderr.on('data', (chunk: Buffer) => (told += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(deadline);
      clearTimeout(clock);
      const done = /^done (.*)$/m.exec(told)?.[1];
      if (isStuck) resolve({ how: 'stuck', told });
      else if (done !== undefined) resolve({ how: 'done', done: JSON.parse(done) as Done });
      else if (signal === 'SIGKILL') resolve({ how: 'killed' });
      else resolve({ how: 'failed', told: `ended with ${code}: ${told}` });
    });
  });
}
