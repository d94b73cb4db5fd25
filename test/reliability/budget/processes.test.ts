import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createBudget } from '@pawl/agent-loop';
import { type EmulatorServer, reply, startEmulator, toolUse } from '@pawl/emulator';
import { fileStore } from '@pawl/stores/file';
import { sqliteStore } from '@pawl/stores/sqlite';
import { describe, expect, test } from 'vitest';
import { randomFrom } from '../../../packages/stores/test/support/random.ts';
import { campaign, patienceMs } from '../../support/campaign.ts';
import { sourceFlags } from '../../support/node-flags.ts';

const program = fileURLToPath(new URL('child.ts', import.meta.url));
const SESSIONS = 6;

/** A server whose replies are as long as they may be, and never the last. */
const startServer = (): Promise<EmulatorServer> =>
  startEmulator({
    respond: ({ body }) => reply([toolUse('look', {})], { usage: { output_tokens: body.max_tokens } }),
  });

/** A folder with a store of that kind in it. */
async function storeOf(kind: 'file' | 'sqlite') {
  const folder = await mkdtemp(join(tmpdir(), 'pawl-budget-'));
  const path = kind === 'sqlite' ? join(folder, 'sessions.db') : join(folder, 'sessions');
  const state = async (usd: number) => {
    const store = kind === 'sqlite' ? sqliteStore(path) : fileStore(path);
    const found = await createBudget({ usd, store, per: 'month' }).state();
    if ('close' in store) await (store as { close(): Promise<void> }).close();
    return found;
  };
  return { path, state, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
}

interface Process {
  readonly child: ChildProcess;
  readonly lines: string[];
  readonly ended: Promise<unknown>;
}

/** Starts a process and resolves when it is ready to begin. */
async function start(args: readonly string[]): Promise<Process> {
  const child = spawn(process.execPath, ['--no-warnings', ...sourceFlags, program, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  const ended = once(child, 'close');
  await new Promise<void>((resolve) => {
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      lines.push(...chunk.split('\n').filter((line) => line !== ''));
      if (lines.includes('ready')) resolve();
    });
    void ended.then(() => resolve());
  });
  return { child, lines, ended };
}

const go = (processes: readonly Process[]): void => {
  for (const { child } of processes) child.stdin?.write('go\n');
};

describe.each(['file', 'sqlite'] as const)('two processes with one budget, kept in a %s store', (kind) => {
  test(
    'together spend no more than it allows, and it knows what they spent to the last digit',
    { timeout: patienceMs },
    async () => {
      await using server = await startServer();
      await using store = await storeOf(kind);
      const usd = 0.4;
      const args = (label: string) => [kind, store.path, server.url, label, String(usd), String(SESSIONS)];
      const processes = await Promise.all([start(args('left')), start(args('right'))]);
      go(processes);
      await Promise.all(processes.map(({ ended }) => ended));
      for (const { lines } of processes)
        expect(lines).toEqual([
          'ready',
          ...Array.from({ length: SESSIONS }, () => 'ran budget-limit'),
          'done',
        ]);
      const billed = server.emulator.bill.usd ?? Number.NaN;
      expect(billed).toBeLessThanOrEqual(usd);
      expect(billed).toBeGreaterThan(usd * 0.9);
      expect(await store.state(usd)).toMatchObject({ usd: billed, lostUsd: 0, reservedUsd: 0 });
    },
  );
});

const { trials, seed } = campaign({ suite: 1, ci: 20, full: 200 });

test(
  `a process that is killed overspends nothing, and whoever resumes its sessions settles what it left (${trials})`,
  { timeout: 5 * patienceMs },
  async () => {
    for (let trial = 0; trial < trials; trial += 1) {
      const random = randomFrom(seed + trial);
      const kind = trial % 2 === 0 ? 'file' : 'sqlite';
      await using server = await startServer();
      await using store = await storeOf(kind);
      const usd = 0.2;
      const args = (label: string) => [kind, store.path, server.url, label, String(usd), String(SESSIONS)];
      const processes = await Promise.all([start(args('left')), start(args('right'))]);
      go(processes);
      await delay(40 + random.below(200));
      processes[0]?.child.kill('SIGKILL');
      await Promise.all(processes.map(({ ended }) => ended));
      expect(server.emulator.bill.usd).toBeLessThanOrEqual(usd);
      const again = await start(args('left'));
      go([again]);
      await again.ended;
      expect(again.lines.at(-1)).toBe('done');
      const billed = server.emulator.bill.usd ?? Number.NaN;
      const { usd: spent, lostUsd, reservedUsd } = await store.state(usd);
      expect(billed).toBeLessThanOrEqual(usd);
      expect(billed).toBeLessThanOrEqual(spent + lostUsd + 1e-9);
      expect(spent + lostUsd).toBeLessThanOrEqual(usd);
      expect(reservedUsd).toBe(0);
    }
  },
);
