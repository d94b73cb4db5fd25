/** Runs the patterns, or those that are named, and checks what came out. Ends with 1 where something does not hold. */
import { styleText } from 'node:util';
import { orchestrate } from '@pawl/agent-loop';
import { chooseEndpoint } from './endpoint.ts';
import { evaluatorOptimizer } from './evaluator-optimizer.ts';
import { orchestratorWorkers } from './orchestrator-workers.ts';
import { parallelSections } from './parallel-sections.ts';
import type { Pattern } from './pattern.ts';
import { promptChain } from './prompt-chain.ts';
import { researchLead } from './research-lead.ts';
import { routing } from './routing.ts';
import { voting } from './voting.ts';

const PATTERNS: readonly Pattern[] = [
  promptChain,
  routing,
  parallelSections,
  voting,
  orchestratorWorkers,
  evaluatorOptimizer,
  researchLead,
];

async function main(names: readonly string[]): Promise<number> {
  const unknown = names.filter((name) => !PATTERNS.some((pattern) => pattern.name === name));
  if (unknown.length > 0) {
    console.error(
      `There is no pattern ${unknown.join(', ')}. Patterns: ${PATTERNS.map(({ name }) => name).join(', ')}.`,
    );
    return 2;
  }
  const endpoint = await chooseEndpoint(process.env);
  console.log(styleText('dim', endpoint.label));
  try {
    let holds = true;
    for (const pattern of PATTERNS)
      if (names.length === 0 || names.includes(pattern.name)) holds = (await show(pattern)) && holds;
    return holds ? 0 : 1;
  } finally {
    await endpoint.close();
  }
}

async function show(pattern: Pattern): Promise<boolean> {
  console.log(`\n${styleText('bold', pattern.name)}: ${pattern.about}`);
  const { result, checks, cost } = await orchestrate(
    { name: pattern.name, limits: { timeMs: 300_000 } },
    async (team) => ({
      ...(await pattern.run(team)),
      cost: team.cost,
    }),
  );
  for (const line of result.split('\n')) console.log(`  ${line}`);
  const agents = Object.keys(cost.byAgent).length;
  console.log(
    styleText(
      'dim',
      `  ${agents} agents, ${cost.usd === null ? 'price unknown' : `$${cost.usd.toFixed(4)}`}`,
    ),
  );
  for (const [what, holds] of Object.entries(checks))
    console.log(holds ? styleText('green', `  ✓ ${what}`) : styleText('red', `  ✗ ${what}`));
  return Object.values(checks).every(Boolean);
}

process.exitCode = await main(process.argv.slice(2));
