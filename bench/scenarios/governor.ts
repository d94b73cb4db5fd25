import { setTimeout as sleep } from 'node:timers/promises';
import Anthropic from '@anthropic-ai/sdk';
import { createAgent, createGovernor, defineTool } from '@pawl/agent-loop';
import { type EmulatorOptions, reply, startEmulator, toolUse } from '@pawl/emulator';
import { type Bench, casesOf } from '../bench.ts';
import type { Params, Scenario } from '../scenario.ts';
import { figures, median, short, spread, times } from '../stats.ts';
import type { Sample } from '../stats.ts';

const agents = 40;
const replyMs = 200;

/** What is limited, to how much a minute, and what every run needs of it. */
const workloads = {
  requests: { label: '300 requests/min, 12 requests an agent', limit: 300, turns: 12, output: 50 },
  output: {
    label: '80,000 output tokens/min, 5 replies of 600 an agent',
    limit: 80_000,
    turns: 5,
    output: 600,
  },
} as const;
type Workload = keyof typeof workloads;

const ways = {
  governor: { label: 'pawl, governor', retries: 2, governed: true },
  bare: { label: 'pawl, no governor', retries: 2, governed: false },
  patient: { label: 'pawl, no governor, 30 retries of the SDK', retries: 30, governed: false },
} as const;
type Way = keyof typeof ways;

/** How long the work takes at best: the bucket is full at first, then refills evenly; the last reply has to come. */
function idealMs(workload: Workload): number {
  const { limit, turns, output } = workloads[workload];
  const work = agents * turns * (workload === 'output' ? output : 1);
  return ((work - limit) * 60_000) / limit + replyMs;
}

function emulatorOptions(workload: Workload): EmulatorOptions {
  const { limit, turns, output } = workloads[workload];
  return {
    rateLimits: workload === 'output' ? { outputTokensPerMinute: limit } : { requestsPerMinute: limit },
    record: true,
    respond: ({ body }) => {
      const more = { usage: { output_tokens: output }, delayMs: replyMs };
      const last = (body.messages.length - 1) / 2 + 1 >= turns;
      return last ? reply('Done.', more) : reply(toolUse('look'), more);
    },
  };
}

const look = defineTool({
  name: 'look',
  description: 'Looks.',
  effect: 'read',
  input: { type: 'object' },
  run: () => 'seen',
});

async function measure(params: Params): Promise<Sample> {
  const workload = params['workload'] as Workload;
  const { retries, governed } = ways[params['way'] as Way];
  const server = await startEmulator(emulatorOptions(workload));
  const client = new Anthropic({ apiKey: 'bench', baseURL: server.url, maxRetries: retries });
  const options = { model: 'claude-sonnet-5-5', client, tools: [look] };
  const agent = createAgent({ ...options, ...(governed && { governor: createGovernor() }) });
  const startedAt = performance.now();
  const ends: number[] = [];
  let failed = 0;
  const one = async (index: number): Promise<void> => {
    try {
      await agent.run(`Task ${index}.`);
      ends.push(performance.now() - startedAt);
    } catch {
      failed += 1;
    }
  };
  await Promise.all(Array.from({ length: agents }, (_, index) => one(index)));
  const wallMs = performance.now() - startedAt;
  await sleep(50);
  const { requests } = server.emulator;
  await server.close();
  return {
    wallMs,
    toIdeal: wallMs / idealMs(workload),
    refused: requests.filter(({ status }) => status === 429).length,
    failed,
    first: Math.min(...ends) / wallMs,
  };
}

async function section(bench: Bench, workload: Workload) {
  const names = Object.keys(ways) as Way[];
  const cases = casesOf(names, (way): Params => ({ workload, way }));
  const samples = await bench.interleave('governor', cases, bench.rounds(3));
  const middle = (way: Way, name: string): number => median(figures(samples[way], name));
  return {
    table: {
      head: [workloads[workload].label, 's to the end', 'to ideal', '429s', 'runs failed', 'first done at'],
      rows: names.map((way) => [
        ways[way].label,
        spread(
          samples[way].map(({ wallMs = Number.NaN }) => ({ s: wallMs / 1000 })),
          's',
        ),
        middle(way, 'failed') > 0 ? '-' : times(middle(way, 'toIdeal')),
        short(middle(way, 'refused')),
        short(middle(way, 'failed')),
        `${(100 * middle(way, 'first')).toFixed(0)} %`,
      ]),
    },
    toIdeal: middle('governor', 'toIdeal'),
    refused: Math.max(...figures(samples.governor, 'refused')),
    failed: Math.max(...figures(samples.governor, 'failed')),
  };
}

/** A fan-out against the limits of a server. */
export const scenario: Scenario = {
  name: 'governor',
  title: 'Fan-out below a rate limit',
  method:
    `${agents} runs at once over real HTTP against the emulator's token bucket, which is full at first and refills evenly; replies come after ` +
    `${replyMs} ms. The ideal is the time that the limit alone demands. Runs that fail end early, so that their time says nothing. "First done at": when the first run was done, of the whole time; ` +
    'with fair turns it comes late. No governor means what a program does that leaves 429s to the SDK.',
  async run(bench) {
    const parts = [];
    for (const workload of Object.keys(workloads) as Workload[])
      parts.push({ name: workload, ...(await section(bench, workload)) });
    return {
      tables: parts.map(({ table }) => table),
      goals: parts.flatMap(({ name, toIdeal, refused, failed }) => [
        { text: `makespan to the ideal, ${name}`, reached: toIdeal, limit: 1.1, unit: 'x' as const },
        { text: `429s with a governor, ${name}`, reached: refused, limit: 0, unit: '' as const },
        { text: `runs that fail with a governor, ${name}`, reached: failed, limit: 0, unit: '' as const },
      ]),
      notes: [
        'Output counts once it is produced, so that whoever sends without looking overdraws the bucket and is done before the ideal, at the price of 429s.',
      ],
    };
  },
  measure,
};
