import Anthropic from '@anthropic-ai/sdk';
import { createAgent, defineTool, openSession } from '@pawl/agent-loop';
import type { Tool } from '@pawl/agent-loop';
import { fileStore } from '@pawl/stores/file';
import { maxTokens } from '../contender.ts';
import type { BenchTool, Contender, Task } from '../contender.ts';
import { sessionFolder } from '../session-folder.ts';

const tools = new WeakMap<BenchTool, Tool>();

/** Once per tool, as a program would hold its tools in constants. */
function toolOf(given: BenchTool): Tool {
  let tool = tools.get(given);
  if (tool === undefined) {
    const { name, description, input, run } = given;
    tool = defineTool({ name, description, input, effect: 'read', run: (args) => run(args) });
    tools.set(given, tool);
  }
  return tool;
}

function agentOf(task: Task, client?: Anthropic) {
  return createAgent({
    name: 'bench',
    model: task.model,
    system: task.system,
    maxTokens,
    tools: [toolOf(task.tool)],
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

let sessions = 0;

/** Our loop on a session in files. */
export const pawlSession: Contender = {
  async run(task) {
    sessions += 1;
    const store = fileStore(sessionFolder());
    const session = await openSession({ agent: agentOf(task), store, id: `bench-${sessions}` });
    try {
      return (await session.run(task.prompt)).text;
    } finally {
      await session.close();
    }
  },
};
