import { createAnthropic } from '@ai-sdk/anthropic';
import { createAgent, defineTool, openSession } from '@pawl/agent-loop';
import { memoryStore } from '@pawl/agent-loop/store';
import { catalogue } from '@pawl/emulator';
import type { Emulator } from '@pawl/emulator';
import { generateText, isStepCount, jsonSchema, tool } from 'ai';
import type { ModelMessage } from 'ai';
import { handWritten, pawl } from '../../packages/agent-loop/test/cache/players.ts';
import type { Player } from '../../packages/agent-loop/test/cache/players.ts';
import { bestPrompts } from '../../packages/agent-loop/test/cache/search.ts';
import {
  describeTool,
  inputOf,
  MODEL,
  shapes,
  systemOf,
  worldOf,
} from '../../packages/agent-loop/test/cache/shapes.ts';
import type { Shape, ShapeAgent } from '../../packages/agent-loop/test/cache/shapes.ts';
import type { Scenario } from '../scenario.ts';
import type { Goal } from '../section.ts';

/** Vercel's AI SDK as it comes. */
const aiSdk: Player = async (shape) => {
  const world = worldOf(shape);
  const { fetch } = world.emulator;
  const provider = createAnthropic({ apiKey: 'k', baseURL: 'http://emulator.local/v1', fetch });
  const play = async (agent: ShapeAgent, name: string): Promise<string> => {
    const isParent = shape.child !== undefined && agent === shape;
    const field = isParent ? 'task' : 'key';
    const inputSchema = jsonSchema<Record<string, string>>({
      type: 'object',
      properties: { [field]: { type: 'string' } },
      required: [field],
    });
    const execute = async (input: Record<string, string>): Promise<string> => {
      const child = /#(\w+)#/.exec(input['task'] ?? '')?.[1];
      return isParent && shape.child && child ? play(shape.child, child) : world.look(input['key'] ?? '');
    };
    const description = isParent ? `Reads one item. ${describeTool(agent)}` : describeTool(agent);
    const tools = { [isParent ? 'reader' : 'look']: tool({ description, inputSchema, execute }) };
    const messages: ModelMessage[] = [];
    let said = '';
    for (const [index, run] of agent.runs.entries()) {
      world.pass(run.pauseMs);
      messages.push({ role: 'user', content: inputOf(name, index, run) });
      const { text, responseMessages } = await generateText({
        model: provider(MODEL),
        maxOutputTokens: 16_000,
        instructions: systemOf(agent),
        messages,
        stopWhen: isStepCount(100),
        ...(agent.toolTokens > 0 && { tools }),
      });
      messages.push(...responseMessages);
      said = text;
    }
    return said;
  };
  await play(shape, 'main');
  return world.emulator;
};

const players: Readonly<Record<string, Player>> = {
  pawl: pawl({ createAgent, defineTool, openSession, memoryStore }),
  'no caching': handWritten({}),
  'automatic breakpoint': handWritten({ cache_control: { type: 'ephemeral' } }),
  'AI SDK': aiSdk,
};

const unknown = { input: 1, output: 1, read: 1, write5m: 1, write1h: 1 };
const prices = catalogue.find(({ id }) => id === MODEL)?.prices ?? unknown;

/** The bill, with the best breakpoints there could have been. */
function bestUsd({ bill, requests }: Emulator, width: number): number {
  const rates = {
    read: prices.read / prices.input,
    write5m: prices.write5m / prices.input,
    write1h: prices.write1h / prices.input,
  };
  return (bestPrompts(requests, rates, width) * prices.input + bill.outputTokens * prices.output) / 1e6;
}

async function play(shape: Shape, width: number): Promise<{ usd: Record<string, number>; best: number }> {
  const usd: Record<string, number> = {};
  let best = Number.NaN;
  for (const [name, player] of Object.entries(players)) {
    const emulator = await player(shape);
    if (emulator.refusals.length > 0) throw new Error(`${name}: ${emulator.refusals[0]?.message}`);
    usd[name] = emulator.bill.usd ?? Number.NaN;
    if (name === 'pawl') best = bestUsd(emulator, width);
  }
  return { usd, best };
}

/** What breakpoints save, and what better ones could. */
export const scenario: Scenario = {
  name: 'caching',
  title: 'Prompt caching',
  method:
    'The bill in USD, by the emulator’s own books, of five recorded ways to use an agent: whole bills, output included. The ' +
    'best is the same requests with the cheapest breakpoints that a search over placements finds which knows all requests to ' +
    'come, in the emulator’s simulation of the cache. Beside it the same conversation by a hand-written loop without caching ' +
    '(as OpenAI Agents sends it), the same with the API’s automatic breakpoint on every request, and the AI SDK as it comes. ' +
    'Money, not time: it is the same on every machine.',
  async run(bench) {
    const rows: string[][] = [];
    const goals: Goal[] = [];
    for (const shape of shapes(bench.quick ? 0.2 : 1)) {
      const { usd, best } = await play(shape, 24);
      const own = usd['pawl'] ?? Number.NaN;
      const others = Object.entries(usd).filter(([name]) => name !== 'pawl');
      const cell = (value: number): string => `${value.toFixed(4)} (${(value / own).toFixed(2)}x)`;
      rows.push([
        shape.name,
        own.toFixed(4),
        (own / best).toFixed(3),
        ...others.map(([, value]) => cell(value)),
      ]);
      goals.push(
        { text: `${shape.name}: to the best`, reached: own / best, limit: 1.05, unit: 'x' },
        {
          text: `${shape.name}: to the cheapest of the others`,
          reached: own / Math.min(...others.map(([, value]) => value)),
          limit: 1,
          unit: 'x',
        },
      );
    }
    return {
      tables: [{ head: ['USD', 'pawl', 'to the best', ...Object.keys(players).slice(1)], rows }],
      goals,
      notes: [
        'A pause that nothing announces is not in these recordings: whoever knows it beforehand writes for an hour just once, ' +
          'and no one who does not know can. The first pause of a session is always paid for.',
      ],
    };
  },
};
