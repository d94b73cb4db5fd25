/**
 * Reviews a change in three runs on one durable session: two here, then the session is saved, loaded in another process
 * and gone on with there. Ends with 1 where something got lost on the way.
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
import { ask } from './ask.ts';
import { type Before, findingsOf } from './check.ts';
import { chooseEndpoint, type Endpoint } from './endpoint.ts';
import { createReviewer, QUESTIONS } from './reviewer.ts';

const CONTINUE = fileURLToPath(new URL('continue.ts', import.meta.url));
const MODEL = process.env['PAWL_MODEL'] ?? 'claude-sonnet-5-5';

async function main(): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'code-review-'));
  const endpoint = await chooseEndpoint(process.env);
  try {
    console.log(`A review in three runs and two processes. ${styleText('dim', endpoint.label)}`);
    const file = join(folder, 'review.jsonl');
    const before = await begin(folder, file);
    return before && (await goOn(folder, file)) ? await check(folder, before, endpoint) : 1;
  } finally {
    await endpoint.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Two runs in this process. Then all that is handed on is a file. */
async function begin(folder: string, file: string): Promise<Before | null> {
  const session = await openSession({ agent: createReviewer(MODEL), store: fileStore(folder), id: 'review' });
  try {
    console.log(`\nProcess ${process.pid}`);
    for (const question of [QUESTIONS.read, QUESTIONS.callers]) {
      if (!(await ask(session, question))) return null;
    }
    await session.save(file);
    return { messages: session.messages, usage: structuredClone(session.usage) };
  } finally {
    await session.close();
  }
}

async function goOn(folder: string, file: string): Promise<boolean> {
  const child = spawn(process.execPath, [...process.execArgv, CONTINUE, folder, file, MODEL], {
    stdio: 'inherit',
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return code === 0;
}

async function check(folder: string, before: Before, endpoint: Endpoint): Promise<number> {
  const session = await openSession({
    agent: createReviewer(MODEL),
    store: fileStore(folder),
    id: 'review-continued',
  });
  try {
    console.log(`\n${styleText('bold', 'Checked')}`);
    const findings = findingsOf(before, session, endpoint);
    for (const { what, holds } of findings)
      console.log(holds ? styleText('green', `✓ ${what}`) : styleText('red', `✗ ${what}`));
    return findings.every(({ holds }) => holds) ? 0 : 1;
  } finally {
    await session.close();
  }
}

process.exitCode = await main();
