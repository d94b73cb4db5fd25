import Anthropic from '@anthropic-ai/sdk';
import { createAgent, openSession } from '@pawl/agent-loop';
import { type EmulatorOptions, reply, startEmulator, toolUse } from '@pawl/emulator';
import { fileStore } from '@pawl/stores/file';
import { casesOf } from '../bench.ts';
import { maxTokens } from '../contender.ts';
import { settle, spentBy } from '../measure.ts';
import type { Params, Scenario } from '../scenario.ts';
import { sessionFolder } from '../session-folder.ts';
import { figures, median, ratioOf, short, spread, times } from '../stats.ts';
import type { Sample } from '../stats.ts';

const subagents = 20;
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

/** A lead that asks 20 others at once, each of which takes a second. */
const respond: EmulatorOptions['respond'] = ({ body }) => {
  if (body.system === system) return reply('Nothing found.', { delayMs: replyMs });
  if (body.messages.length > 1) return reply('Nothing found anywhere.');
  return reply(Array.from({ length: subagents }, (_, index) => toolUse('part', { task: `Part ${index}.` })));
};

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
  const server = await startEmulator({ respond });
  const client = new Anthropic({ apiKey: 'bench', baseURL: server.url });
  const part = createAgent({ name: 'part', description: 'One part.', model, system, client, maxTokens });
  const lead = createAgent({ name: 'lead', model, client, maxTokens, subagents: [part] });
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
  title: '20 parallel subagents',
  method:
    `A lead whose first reply asks ${subagents} subagents at once; each answers after ${replyMs} ms, then the lead has the last word. ` +
    `Over real HTTP, the server in the same process. The raw SDK makes the same requests with Promise.all. Median of ${runs} runs in each process.`,
  async run(bench) {
    const names = Object.keys(ways) as Way[];
    const cases = casesOf(names, (way): Params => ({ way }));
    const samples = await bench.interleave('subagents', cases, bench.rounds(5));
    const ratio = (way: Way, name: string): number => ratioOf(samples[way], samples.raw, name);
    return {
      tables: [
        {
          head: [`${subagents} subagents of ${replyMs} ms`, 'wall ms', 'to raw', 'CPU ms', 'CPU to raw'],
          rows: names.map((way) => [
            ways[way],
            spread(samples[way], 'wallMs'),
            times(ratio(way, 'wallMs')),
            short(median(figures(samples[way], 'cpuMs'))),
            times(ratio(way, 'cpuMs')),
          ]),
        },
      ],
      goals: [
        {
          text: `wall of ${subagents} subagents of a second to the raw SDK`,
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
