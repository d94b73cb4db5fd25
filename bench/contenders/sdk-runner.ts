import Anthropic from '@anthropic-ai/sdk';
import { betaZodTool } from '@anthropic-ai/sdk/helpers/beta/zod';
import { maxTokens } from '../contender.ts';
import type { Contender, Task } from '../contender.ts';

const client = new Anthropic();

function paramsOf(task: Task) {
  const { name, description, input, run } = task.tool;
  return {
    model: task.model,
    max_tokens: maxTokens,
    max_iterations: task.maxSteps,
    system: task.system,
    tools: [betaZodTool({ name, description, inputSchema: input, run: (args) => run(args) })],
    messages: [{ role: 'user' as const, content: task.prompt }],
    // Threads keep the history on the server, which only the API itself offers.
    thread: false as const,
  };
}

function textOf(content: readonly Anthropic.Beta.BetaContentBlock[]): string {
  return content.map((block) => (block.type === 'text' ? block.text : '')).join('');
}

/** The SDK's own loop. */
export const sdkRunner: Contender = {
  async run(task) {
    const reply = await client.beta.messages.toolRunner(paramsOf(task));
    return textOf(reply.content);
  },
};

/** The SDK's own loop, streamed, starting each tool call while the reply still streams. */
export const sdkRunnerEager: Contender = {
  async run(task) {
    const runner = client.beta.messages.toolRunner({
      ...paramsOf(task),
      stream: true,
      runToolsEagerly: true,
    });
    let text = '';
    for await (const stream of runner) text = textOf((await stream.finalMessage()).content);
    return text;
  },
};
