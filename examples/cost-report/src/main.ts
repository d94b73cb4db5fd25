/**
 * Asks an agent twice in one session, prints what each step cost, and checks the table against the server's own bill.
 * Ends with 1 where it does not add up.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { styleText } from 'node:util';
import { costReport, openSession } from '@pawl/agent-loop';
import { fileStore } from '@pawl/stores/file';
import { createArchivist } from './archivist.ts';
import { findingsOf } from './check.ts';
import { chooseEndpoint, type Endpoint } from './endpoint.ts';
import { render } from './print.ts';

const MODEL = process.env['PAWL_MODEL'] ?? 'claude-sonnet-5-5';

async function main(): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'cost-report-'));
  const endpoint = await chooseEndpoint(process.env);
  try {
    return await show(folder, endpoint);
  } finally {
    await endpoint.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function show(folder: string, endpoint: Endpoint): Promise<number> {
  console.log(`Two questions to an archivist. ${styleText('dim', endpoint.label)}\n`);
  const session = await openSession({
    agent: createArchivist(MODEL),
    store: fileStore(folder),
    id: 'archive',
  });
  try {
    const first = await session.run('What does a pawl do to a ratchet? Say which pages you have it from.');
    console.log(first.text);
    const second = await session.run('Now in a shorter sentence.');
    console.log(`${second.text}\n`);
    const report = costReport(session);
    console.log(render(report));
    const findings = findingsOf(report, [first, second], endpoint.bill());
    for (const { what, holds } of findings)
      console.log(holds ? styleText('green', `  ✓ ${what}`) : styleText('red', `  ✗ ${what}`));
    return findings.every(({ holds }) => holds) ? 0 : 1;
  } finally {
    await session.close();
  }
}

process.exitCode = await main();
