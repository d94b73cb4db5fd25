import Anthropic from '@anthropic-ai/sdk';
import { createAgent, openSession } from '@pawl/agent-loop';
import { type EmulatorOptions, reply, startEmulator, toolUse } from '@pawl/emulator';
import { fileStore } from '@pawl/stores/file';
import { casesOf } from '../bench.ts';
import { maxTokens } from '../contender.ts';
import { liveBytes, settle, spentBy } from '../measure.ts';
import type { Params, Scenario } from '../scenario.ts';
import { sessionFolder } from '../session-folder.ts';
import { figures, median, ratioOf, short, spread, times } from '../stats.ts';
import type { Sample } from '../stats.ts';

const few = 20;
const many = 1_000;
const replyMs = 1000;
const model = 'claude-haiku-4-5';
const system = 'You look into one part.';
const runs = 3;

const ways = {
  raw: 'raw SDK, Promise.all',
  pawl: 'pawl',
  session: 'pawl, sessions in files',
} as const;
type Way = keyof typeof ways;

/** A lead that asks so many others at once, each of which takes a second. `onAsked` is called for each. */
function respondWith(subagents: number, onAsked: () => void): EmulatorOptions['respond'] {
  const calls = Array.from({ length: subagents }, (_, index) => toolUse('part', { task: `Part ${index}.` }));
  return ({ body }) => {
    if (body.messages.length > 1) return reply('Nothing found anywhere.');
    if (body.system !== system) return reply(calls);
    onAsked();
    return reply('Nothing found.', { delayMs: replyMs });
  };
}

async function rawRun(client: Anthropic): Promise<void> {
  const tools = [{ name: 'part', description: 'One part.', input_schema: { type: 'object' as const } }];
  const messages: Anthropic.MessageParam[] = [{ role: 'user', content: 'Look.' }];
  const ask = () => client.messages.create({ model, max_tokens: maxTokens, tools, messages });
  const first = await ask();
  messages.push({ role: 'assistant', content: first.content });
  const calls = first.content.filter((block) => block.type === 'tool_use');
  const content = await Promise.all(
    calls.map(async ({ id, input }) => {
      const task = (input as { task: string }).task;
      const answer = await client.messages.create({
        model,
        max_tokens: maxTokens,
        system,
        messages: [{ role: 'user', content: task }],
      });
      return { type: 'tool_result' as const, tool_use_id: id, content: answer.content as never };
    }),
  );
  messages.push({ role: 'user', content });
  await ask();
}

let sessions = 0;

async function measure(params: Params): Promise<Sample> {
  const way = params['way'] as Way;
  const subagents = Number(params['subagents']);
  let asked = 0;
  let alive = 0;
  const onAsked = (): void => {
    asked += 1;
    // Once, in the run after the first: all of them wait for their replies.
    if (params['memory'] === true && asked === 2 * subagents) alive = liveBytes();
  };
  const server = await startEmulator({ respond: respondWith(subagents, onAsked) });
  const client = new Anthropic({ apiKey: 'bench', baseURL: server.url });
  const part = createAgent({ name: 'part', description: 'One part.', model, system, client, maxTokens });
  const limits = { children: subagents };
  const lead = createAgent({ name: 'lead', model, client, maxTokens, subagents: [part], limits });
  const store = fileStore(sessionFolder());
  const one = async (): Promise<void> => {
    if (way === 'raw') return rawRun(client);
    if (way === 'pawl') return void (await lead.run('Look.'));
    sessions += 1;
    const session = await openSession({ agent: lead, store, id: `lead-${sessions}` });
    await session.run('Look.');
    await session.close();
  };
  await one();
  await settle();
  if (params['memory'] === true) {
    const before = liveBytes();
    await one();
    await server.close();
    return { liveKb: (alive - before) / subagents / 1_024 };
  }
  const spent = [];
  for (let run = 0; run < runs; run += 1) spent.push(await spentBy(one));
  await server.close();
  return {
    wallMs: median(spent.map(({ wallMs }) => wallMs)),
    cpuMs: median(spent.map(({ cpuMs }) => cpuMs)),
  };
}

/** Wall time of subagents beside each other. */
export const scenario: Scenario = {
  name: 'subagents',
  title: 'Parallel subagents',
  method:
    `A lead whose first reply asks ${few} subagents at once, or ${many}; each answers after ${replyMs} ms, then the lead has the last word. ` +
    'Over real HTTP, the server in the same process, so its work and its memory are part of all figures. The raw SDK makes the same requests with ' +
    `Promise.all. Median of ${runs} runs in each process. Live memory is counted after a collection when all have asked and none is answered.`,
  async run(bench) {
    const crowd = bench.quick ? 100 : many;
    const names = Object.keys(ways) as Way[];
    const inMemory = ['raw', 'pawl'] as const satisfies readonly Way[];
    const cases = casesOf(names, (way): Params => ({ way, subagents: few }));
    const samples = await bench.interleave('subagents', cases, bench.rounds(5));
    const crowds = casesOf(inMemory, (way): Params => ({ way, subagents: crowd }));
    const crowded = await bench.interleave('subagents', crowds, bench.rounds(3));
    const alive = casesOf(inMemory, (way): Params => ({ way, subagents: crowd, memory: true }));
    const memory = await bench.interleave('subagents', alive, bench.rounds(3));
    const ratio = (way: Way, name: string): number => ratioOf(samples[way], samples.raw, name);
    return {
      tables: [
        {
          head: [`${few} subagents of ${replyMs} ms`, 'wall ms', 'to raw', 'CPU ms', 'CPU to raw'],
          rows: names.map((way) => [
            ways[way],
            spread(samples[way], 'wallMs'),
            times(ratio(way, 'wallMs')),
            short(median(figures(samples[way], 'cpuMs'))),
            times(ratio(way, 'cpuMs')),
          ]),
        },
        {
          head: [
            `${crowd} subagents of one lead`,
            'wall ms',
            'to raw',
            'CPU ms',
            'to raw',
            'live kB/subagent',
            'to raw',
          ],
          rows: inMemory.map((way) => [
            ways[way],
            spread(crowded[way], 'wallMs'),
            times(ratioOf(crowded[way], crowded.raw, 'wallMs')),
            short(median(figures(crowded[way], 'cpuMs'))),
            times(ratioOf(crowded[way], crowded.raw, 'cpuMs')),
            spread(memory[way], 'liveKb'),
            times(ratioOf(memory[way], memory.raw, 'liveKb')),
          ]),
        },
      ],
      goals: [
        {
          text: `wall of ${few} subagents of a second to the raw SDK`,
          reached: ratio('pawl', 'wallMs'),
          limit: 1.1,
          unit: 'x',
        },
      ],
      notes: [],
    };
  },
  measure,
};
