import Anthropic from '@anthropic-ai/sdk';
import type { Emulator } from '@pawl/emulator';
import type { createAgent, CreateOptions, defineTool, memoryStore, openSession } from './product.ts';
import {
  describeTool,
  inputOf,
  MODEL,
  type Shape,
  type ShapeAgent,
  type ShapeWorld,
  systemOf,
  worldOf,
} from './shapes.ts';

/** The product, as sources or as it is built. */
export interface Product {
  readonly createAgent: typeof createAgent;
  readonly defineTool: typeof defineTool;
  readonly memoryStore: typeof memoryStore;
  readonly openSession: typeof openSession;
}

/** Plays a shape and gives back what the emulator has seen of it. */
export type Player = (shape: Shape) => Promise<Emulator>;

function clientOn({ emulator }: ShapeWorld): Anthropic {
  return new Anthropic({
    apiKey: 'k',
    baseURL: 'http://emulator.local',
    fetch: emulator.fetch,
    maxRetries: 0,
  });
}

/** Our loop, with a `cache` option. */
export function pawl(product: Product, cache: NonNullable<CreateOptions['cache']> = 'auto'): Player {
  const { createAgent, defineTool, memoryStore, openSession } = product;
  return async (shape) => {
    const world = worldOf(shape);
    const client = clientOn(world);
    const look = (agent: ShapeAgent) =>
      defineTool({
        name: 'look',
        description: describeTool(agent),
        input: { type: 'object', properties: { key: { type: 'string' } }, required: ['key'] },
        effect: 'read',
        run: (input) => world.look((input as { key: string }).key),
      });
    const agentOf = (agent: ShapeAgent, more: Partial<CreateOptions>) =>
      createAgent({
        model: MODEL,
        client,
        cache,
        system: systemOf(agent),
        seams: { now: world.now },
        limits: { concurrency: 64, turns: 100 },
        ...(agent.toolTokens > 0 && { tools: [look(agent)] }),
        ...more,
      });
    const child =
      shape.child &&
      agentOf(shape.child, { name: 'reader', description: `Reads one item. ${describeTool(shape)}` });
    const agent = agentOf(shape, child ? { tools: [], subagents: [child] } : {});
    const store = memoryStore();
    for (const [index, run] of shape.runs.entries()) {
      world.pass(run.pauseMs);
      const input = inputOf('main', index, run);
      if (shape.lasts) {
        const session = await openSession({ agent, store, id: 'one' });
        await session.run(input);
        await session.close();
      } else await agent.run(input);
    }
    return world.emulator;
  };
}

/** A hand-written loop over the SDK; `fields` join every request, such as the SDK's automatic breakpoint. */
export function handWritten(fields: Partial<Anthropic.MessageCreateParamsNonStreaming>): Player {
  return async (shape) => {
    const world = worldOf(shape);
    const client = clientOn(world);
    const play = async (agent: ShapeAgent, name: string): Promise<string> => {
      const messages: Anthropic.MessageParam[] = [];
      const isParent = shape.child !== undefined && agent === shape;
      const field = isParent ? 'task' : 'key';
      const tool: Anthropic.Tool = {
        name: isParent ? 'reader' : 'look',
        description: isParent ? `Reads one item. ${describeTool(agent)}` : describeTool(agent),
        input_schema: { type: 'object', properties: { [field]: { type: 'string' } }, required: [field] },
      };
      const call = async ({ id, input }: Anthropic.ToolUseBlock): Promise<Anthropic.ToolResultBlockParam> => {
        const { key = '', task = '' } = input as { key?: string; task?: string };
        const child = /#(\w+)#/.exec(task)?.[1];
        const content = isParent && shape.child && child ? await play(shape.child, child) : world.look(key);
        return { type: 'tool_result', tool_use_id: id, content };
      };
      let said = '';
      for (const [index, run] of agent.runs.entries()) {
        world.pass(run.pauseMs);
        messages.push({ role: 'user', content: inputOf(name, index, run) });
        for (;;) {
          const { content } = await client.messages.create({
            model: MODEL,
            max_tokens: 16_000,
            system: systemOf(agent),
            ...(agent.toolTokens > 0 && { tools: [tool] }),
            messages,
            ...fields,
          });
          messages.push({ role: 'assistant', content });
          said = content.map((block) => (block.type === 'text' ? block.text : '')).join('');
          const calls = content.filter((block) => block.type === 'tool_use');
          if (calls.length === 0) break;
          messages.push({ role: 'user', content: await Promise.all(calls.map(call)) });
        }
      }
      return said;
    };
    await play(shape, 'main');
    return world.emulator;
  };
}
