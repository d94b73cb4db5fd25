import Anthropic from '@anthropic-ai/sdk';
import { createAgent, defineTool } from '@pawl/agent-loop';
import { maxTokens } from '../contender.ts';
import type { Contender, Task } from '../contender.ts';

function agentOf(task: Task, client?: Anthropic) {
  const { name, description, input, run } = task.tool;
  return createAgent({
    name: 'bench',
    model: task.model,
    system: task.system,
    maxTokens,
    tools: [defineTool({ name, description, input, effect: 'read', run: (args) => run(args) })],
    limits: { turns: task.maxSteps, concurrency: 64 },
    ...(client === undefined ? {} : { client }),
  });
}

/** Our loop as it comes: no client given, nobody reads its events. */
export const pawl: Contender = {
  async run(task) {
    return (await agentOf(task).run(task.prompt)).text;
  },
};

/** Our loop, its events read as they come. */
export const pawlStream: Contender = {
  async run(task) {
    let text = '';
    const stream = agentOf(task).stream(task.prompt);
    for await (const event of stream) if (event.type === 'text-delta') text += event.text;
    await stream.result;
    return text;
  },
};

let given: Anthropic | undefined;

/** Our loop with a client of the user's, which has the plain global fetch. */
export const pawlGlobalFetch: Contender = {
  async run(task) {
    given ??= new Anthropic();
    return (await agentOf(task, given).run(task.prompt)).text;
  },
};
