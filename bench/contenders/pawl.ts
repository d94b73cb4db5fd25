import Anthropic from '@anthropic-ai/sdk';
import { createAgent, createBudget, createGovernor, defineTool, openSession } from '@pawl/agent-loop';
import type { AgentOptions, Governor, Tool } from '@pawl/agent-loop';
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

function agentOf(task: Task, more: Partial<AgentOptions> = {}) {
  return createAgent({
    name: 'bench',
    model: task.model,
    system: task.system,
    maxTokens,
    tools: [toolOf(task.tool)],
    ...more,
    limits: { turns: task.maxSteps, concurrency: 64, ...more.limits },
  });
}

/** Our loop as it comes: no client given, nobody reads its events. */
export const pawl: Contender = {
  async run(task) {
    return (await agentOf(task).run(task.prompt)).text;
  },
};

let governor: Governor | undefined;

/** Our loop, all agents with the same governor. */
export const pawlGovernor: Contender = {
  async run(task) {
    governor ??= createGovernor();
    return (await agentOf(task, { governor }).run(task.prompt)).text;
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
    return (await agentOf(task, { client: given }).run(task.prompt)).text;
  },
};

/** Our loop with an empty price list: tokens are counted, nothing has a price. */
export const pawlUnpriced: Contender = {
  async run(task) {
    return (await agentOf(task, { pricing: { models: {}, replace: true } }).run(task.prompt)).text;
  },
};

/** Our loop below a limit of money: every request is admitted by it. */
export const pawlLimit: Contender = {
  async run(task) {
    return (await agentOf(task, { limits: { usd: 1_000 } }).run(task.prompt)).text;
  },
};

/** Our loop below a limit of money and a budget that others could share: every request is admitted by both. */
export const pawlBudget: Contender = {
  async run(task) {
    const budget = createBudget({ usd: 1_000 });
    return (await agentOf(task, { limits: { usd: 1_000 }, budget }).run(task.prompt)).text;
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
