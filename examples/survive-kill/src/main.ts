/**
 * Starts the order desk in a process that kills itself in the middle of four parallel tools, then in a second one that
 * goes on, and shows from outside what happened. Ends with 1 where anything ran twice or was lost.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { styleText } from 'node:util';
import { openSession } from '@pawl/agent-loop';
import { fileStore } from '@pawl/stores/file';
import { findingsOf } from './check.ts';
import { createDesk } from './desk.ts';
import { chooseEndpoint, type Endpoint } from './endpoint.ts';
import { Ledger } from './ledger.ts';

const WORKER = fileURLToPath(new URL('worker.ts', import.meta.url));
const MODEL = process.env['PAWL_MODEL'] ?? 'claude-sonnet-5-5';

async function main(): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'survive-kill-'));
  const endpoint = await chooseEndpoint(process.env);
  try {
    return await show(folder, endpoint);
  } finally {
    await endpoint.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function show(folder: string, endpoint: Endpoint): Promise<number> {
  console.log(`An order, four tools at once, and a kill. ${styleText('dim', endpoint.label)}\n`);
  const first = await work(folder, '--dies');
  if (first !== 'SIGKILL') {
    console.error(
      `The first process was to be killed, but ended with ${first}. Did the model charge the card?`,
    );
    return 1;
  }
  console.log('  killed in the middle of its tools\n');
  const ledger = new Ledger(join(folder, 'ledger.jsonl'));
  for (const { tool, pid } of ledger.all())
    console.log(styleText('dim', `  ledger: ${tool} by process ${pid}`));
  const second = await work(folder);
  if (second !== 0) {
    console.error(`The second process ended with ${second}.`);
    return 1;
  }
  return check(folder, ledger, endpoint);
}

/** Runs a process to its end, however it ends: its exit code, or the signal that killed it. */
async function work(folder: string, ...flags: readonly string[]): Promise<number | string> {
  // The second process is started exactly as the first: nothing is handed over but the session on the disk.
  const child = spawn(process.execPath, [...process.execArgv, WORKER, folder, MODEL, ...flags], {
    stdio: 'inherit',
  });
  console.log(styleText('bold', `Process ${child.pid}`));
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  return signal ?? code ?? 1;
}

async function check(folder: string, ledger: Ledger, endpoint: Endpoint): Promise<number> {
  const agent = createDesk({ ledger, model: MODEL, answersAfterMs: 0, onCharged: () => {} });
  const session = await openSession({ agent, store: fileStore(join(folder, 'sessions')), id: 'order-4711' });
  try {
    console.log(`\n${styleText('bold', 'Seen from outside')}`);
    const findings = findingsOf(session, ledger, endpoint.bill());
    for (const { what, holds } of findings)
      console.log(holds ? styleText('green', `  ✓ ${what}`) : styleText('red', `  ✗ ${what}`));
    return findings.every(({ holds }) => holds) ? 0 : 1;
  } finally {
    await session.close();
  }
}

process.exitCode = await main();
