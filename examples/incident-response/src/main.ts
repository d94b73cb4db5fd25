/**
 * Finds out why checkout failed, from real log files: a lead, a log analyst and a database expert. Ends with the report and
 * what it cost by agent, and with 1 where the report misses the cause or the bill does not add up.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { styleText } from 'node:util';
import { type AgentEvent, type Cost, openSession, type RunResult } from '@pawl/agent-loop';
import { fileStore } from '@pawl/stores/file';
import { chooseEndpoint, type Endpoint } from './endpoint.ts';
import { createTeam } from './team.ts';

const MODELS = {
  lead: process.env['PAWL_MODEL'] ?? 'claude-sonnet-5-5',
  cheap: process.env['PAWL_CHEAP_MODEL'] ?? 'claude-haiku-4-5',
};
const QUESTION = 'Customers could not check out on 17 November shortly after 14:00 UTC. Why?';

async function main(): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'incident-'));
  const endpoint = await chooseEndpoint(process.env);
  try {
    console.log(`${styleText('bold', QUESTION)} ${styleText('dim', endpoint.label)}\n`);
    const store = fileStore(folder);
    const session = await openSession({ agent: createTeam(MODELS), store, id: 'incident' });
    const stream = session.stream(QUESTION);
    for await (const event of stream) show(event);
    const result = await stream.result;
    console.log(`\n${result.text}\n`);
    showCost(result.cost);
    await session.close();
    return check(result, endpoint, (await store.list()).length) ? 0 : 1;
  } finally {
    await endpoint.close();
    await rm(folder, { recursive: true, force: true });
  }
}

function show(event: AgentEvent): void {
  const indent = event.parentRunId === undefined ? '' : '  ';
  if (event.type === 'tool-start')
    console.log(styleText('cyan', `${indent}${event.agent} → ${event.tool} ${JSON.stringify(event.input)}`));
  if (event.type === 'child-end') console.log(styleText('dim', `${event.child} ${event.outcome}`));
}

function showCost({ usd, byAgent }: Cost): void {
  for (const [agent, part] of Object.entries(byAgent)) {
    const { input_tokens, cache_creation_input_tokens, cache_read_input_tokens, output_tokens } = part.usage;
    // What the API reads from its cache, or writes there, is not in `input_tokens`.
    const prompt = input_tokens + cache_creation_input_tokens + cache_read_input_tokens;
    console.log(
      `${agent.padEnd(16)} ${String(prompt).padStart(8)} in ${String(output_tokens).padStart(6)} out   $${part.usd?.toFixed(6)}`,
    );
  }
  console.log(`${'together'.padEnd(38)}   $${usd?.toFixed(6)}\n`);
}

/** What has to be true in the end, whoever answered. */
function check({ text, outcome, cost, steps }: RunResult, endpoint: Endpoint, sessions: number): boolean {
  const sum = steps.reduce((total, step) => total + (step.usd ?? 0), 0);
  const billed = endpoint.billedUsd?.() ?? null;
  const findings: [what: string, holds: boolean][] = [
    ['the run came to its end', outcome === 'completed'],
    ['the report names the migration', text.includes('0187_orders_customer_index')],
    ['and the process that held the lock', text.includes('48213')],
    [
      'both subagents were asked, in sessions of their own',
      'log-analyst' in cost.byAgent && 'database-expert' in cost.byAgent && sessions >= 3,
    ],
    ['the steps add up to the bill', cost.usd !== null && Math.abs(sum - cost.usd) < 1e-9],
    ...(billed === null
      ? []
      : [
          ['which is what the server billed', Math.abs(billed - (cost.usd ?? 0)) < 1e-9] as [string, boolean],
        ]),
  ];
  for (const [what, holds] of findings)
    console.log(holds ? styleText('green', `✓ ${what}`) : styleText('red', `✗ ${what}`));
  return findings.every(([, holds]) => holds);
}

process.exitCode = await main();
