import { createAnthropic } from '@ai-sdk/anthropic';
import { Agent, run, setTracingDisabled, tool } from '@openai/agents';
import { aisdk } from '@openai/agents-extensions/ai-sdk';
import { maxTokens } from '../contender.ts';
import type { Contender, Task } from '../contender.ts';

// Traces would go to another service.
setTracingDisabled(true);

const provider = createAnthropic({ baseURL: `${process.env['ANTHROPIC_BASE_URL']}/v1` });

function agentOf(task: Task): Agent {
  const { name, description, input, run: execute } = task.tool;
  return new Agent({
    name: 'bench',
    instructions: task.system,
    model: aisdk(provider(task.model)),
    modelSettings: { maxTokens },
    tools: [tool({ name, description, parameters: input, execute: (args) => execute(args) })],
  });
}

/** OpenAI's Agents SDK over its own bridge to the AI SDK's Anthropic provider. */
export const openaiAgents: Contender = {
  async run(task) {
    const result = await run(agentOf(task), task.prompt, { maxTurns: task.maxSteps });
    return result.finalOutput ?? '';
  },
};

/** The same, streamed; its text is read as it comes. */
export const openaiAgentsStream: Contender = {
  async run(task) {
    let text = '';
    const result = await run(agentOf(task), task.prompt, { maxTurns: task.maxSteps, stream: true });
    for await (const delta of result.toTextStream()) text += delta;
    await result.completed;
    return text;
  },
};
