import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import Anthropic from '@anthropic-ai/sdk';
import { createAgent, openSession } from '@pawl/agent-loop';
import { fileStore } from '@pawl/stores/file';
import type { Entry } from '@pawl/agent-loop';
import { casesOf } from '../bench.ts';
import { settle, spentBy } from '../measure.ts';
import type { Params, Scenario } from '../scenario.ts';
import { sessionFolder } from '../session-folder.ts';
import { ratioOf, spread, times } from '../stats.ts';
import type { Sample } from '../stats.ts';

const model = 'claude-sonnet-5-5';
const runs = 100;
const stepsOfRun = 50;
const resultBytes = 2100;
const replyBytes = 1300;
const inputBytes = 300;

let onSent = (): void => {};
const fetch = async (): Promise<Response> => {
  onSent();
  return Response.json(
    { type: 'error', error: { type: 'authentication_error', message: 'no' } },
    { status: 401 },
  );
};
const agent = createAgent({
  name: 'bench',
  model,
  system: 'Be brief.',
  client: new Anthropic({ apiKey: 'bench', maxRetries: 0, fetch }),
});
const store = fileStore(sessionFolder());

/** Code-like text of that size. */
function textOf(size: number, seed: number): string {
  const line = `const value${seed} = read("src/file-${seed}.ts"); // then go on with the next one\n`;
  return line.repeat(Math.ceil(size / line.length)).slice(0, size);
}

/**
 * Keeps a session of that many runs as the loop would have kept it, and closes it: `cut` instead leaves it as one is left
 * that was killed before it could ever keep a checkpoint.
 */
async function keepSession(id: string, count: number, cut: boolean): Promise<void> {
  await (await openSession({ agent, store, id })).close();
  const journal = await store.open(id);
  for (let run = 0; run < count; run += 1) {
    const entries: Entry[] = [];
    const add = (entry: object): void => {
      const stamp = {
        runId: `run_${run}`,
        agent: 'bench',
        at: 1_790_000_000_000 + (journal.length + entries.length) * 9,
      };
      entries.push({ ...entry, ...stamp, seq: journal.length + entries.length } as unknown as Entry);
    };
    add({ type: 'run-start', model });
    add({ type: 'input', source: 'user', content: `Go on with part ${run}.` });
    for (let turn = 1; turn <= stepsOfRun; turn += 1)
      addStep(add, { run, turn, isLast: turn === stepsOfRun });
    add({ type: 'run-end', outcome: 'completed', turns: stepsOfRun, reason: null });
    await journal.append(entries, journal.length);
  }
  await journal.close();
  if (!cut) await (await openSession({ agent, store, id })).close();
}

function addStep(
  add: (entry: object) => void,
  { run, turn, isLast }: { readonly run: number; readonly turn: number; readonly isLast: boolean },
): void {
  const step = run * stepsOfRun + turn;
  const id = `toolu_${String(step).padStart(22, '0')}`;
  const input = { path: `src/file-${step}.ts`, query: textOf(inputBytes, step) };
  const text = { type: 'text', text: textOf(replyBytes, step), citations: null };
  const call = { type: 'tool_use', id, name: 'read_file', input };
  const usage = {
    input_tokens: 3,
    output_tokens: 200 + (step % 50),
    cache_read_input_tokens: 90_000 + (step % 300),
    cache_creation_input_tokens: 500,
    service_tier: 'standard',
  };
  const message = {
    id: `msg_${String(step).padStart(22, '0')}`,
    type: 'message',
    role: 'assistant',
    model,
    content: isLast ? [text] : [text, call],
    stop_reason: isLast ? 'end_turn' : 'tool_use',
    stop_sequence: null,
    usage,
  };
  const timing = { requestId: `req_${step}`, firstTokenMs: 640.25, durationMs: 2210.5 + (step % 9) };
  add({ type: 'request', turn, attempt: 1, model, maxTokens: 32_000, bytes: 400 + step * 4200 });
  add({ type: 'reply', turn, brokenCalls: [], ...timing, usd: step / 1e6, savedUsd: 0.01, message });
  if (isLast) return;
  const of = { turn, callId: id, tool: 'read_file' };
  add({ type: 'tool-start', ...of, input, effect: 'read', attempt: 1, idempotencyKey: `run_${run}:${id}` });
  add({ type: 'tool-end', ...of, outcome: 'ok', content: textOf(resultBytes, step), durationMs: 1.25 });
}

/** Reads the session's files and parses the JSON of each line. */
async function readRaw(id: string): Promise<void> {
  const folder = join(sessionFolder(), id);
  const parsed: unknown[] = [];
  for (const name of (await readdir(folder)).filter((each) => each.endsWith('.jsonl'))) {
    const text = await readFile(join(folder, name), 'utf8');
    for (const line of text.split('\n'))
      if (line !== '') parsed.push(JSON.parse(line.slice(line.indexOf('{'))));
  }
  if (parsed.length < stepsOfRun) throw new Error('nothing was read');
}

/** Opens it and looks at everything. */
async function parseAll(id: string): Promise<void> {
  const session = await openSession({ agent, store, id });
  const { messages, steps, cost } = session;
  if (messages.length < 2 * stepsOfRun || steps.length < stepsOfRun || cost.usd === null)
    throw new Error('incomplete');
}

/** Opens it and runs it, until its request leaves. */
async function sendNext(id: string): Promise<void> {
  const { promise: sent, resolve } = Promise.withResolvers<void>();
  onSent = resolve;
  const session = await openSession({ agent, store, id });
  // The server refuses it: what comes after the request is not measured.
  session.run('And now?').catch(() => {});
  await sent;
}

const ways = {
  raw: readRaw,
  send: sendNext,
  all: parseAll,
  'cut-send': sendNext,
  'cut-all': parseAll,
} as const;
type Way = keyof typeof ways;
const labels: Record<Way, string> = {
  raw: 'read and JSON.parse of each line',
  send: 'openSession and run, until the request leaves',
  all: 'openSession, then messages, steps and cost',
  'cut-send': 'the same without a checkpoint, until the request leaves',
  'cut-all': 'the same without a checkpoint, then all',
};

async function measure(params: Params): Promise<Sample> {
  const name = String(params['way']) as Way;
  const way = ways[name];
  const cut = name.startsWith('cut');
  for (const id of ['small-1', 'small-2', 'small-3']) {
    await keepSession(id, 6, cut);
    await way(id);
  }
  await keepSession('large', Number(params['runs']), cut);
  await settle();
  const { cpuMs, wallMs } = await spentBy(() => way('large'));
  return { cpu: cpuMs, wall: wallMs };
}

/** What it costs to open a long session. */
export const scenario: Scenario = {
  name: 'open',
  title: 'Opening a long session',
  method:
    `A session of ${runs} runs of ${stepsOfRun} steps in files: about ${2 * runs * stepsOfRun} messages in 20 MB, opened once in a fresh process that has opened ` +
    'three small ones. The floor reads the same files and parses the JSON of each line, and checks nothing. Wall time has the syncs of opening for writing in it.',
  async run(bench) {
    const cases = casesOf(Object.keys(ways) as Way[], (way) => ({ way, runs: bench.quick ? 8 : runs }));
    const samples = await bench.interleave('open', cases, bench.rounds(5));
    const ratio = (way: Way, name: string): number => ratioOf(samples[way], samples.raw, name);
    return {
      tables: [
        {
          head: ['10,000 messages', 'CPU ms', 'to reading', 'wall ms', 'to reading'],
          rows: (Object.keys(ways) as Way[]).map((way) => [
            labels[way],
            spread(samples[way], 'cpu'),
            times(ratio(way, 'cpu')),
            spread(samples[way], 'wall'),
            times(ratio(way, 'wall')),
          ]),
        },
      ],
      goals: [
        {
          text: 'CPU until a session is ready to send',
          reached: ratio('send', 'cpu'),
          limit: 0.5,
          unit: 'x',
        },
        { text: 'CPU until it is fully parsed', reached: ratio('all', 'cpu'), limit: 1.2, unit: 'x' },
      ],
      notes: [],
    };
  },
  measure,
};
