import { createAnthropic } from '@ai-sdk/anthropic';
import { generateText, isStepCount, streamText, tool } from 'ai';
import { maxTokens } from '../contender.ts';
import type { Contender, Task } from '../contender.ts';

const provider = createAnthropic({ baseURL: `${process.env['ANTHROPIC_BASE_URL']}/v1` });

function optionsOf(task: Task) {
  const { name, description, input, run } = task.tool;
  return {
    model: provider(task.model),
    maxOutputTokens: maxTokens,
    instructions: task.system,
    prompt: task.prompt,
    tools: { [name]: tool({ description, inputSchema: input, execute: (args) => run(args) }) },
    stopWhen: isStepCount(task.maxSteps),
  };
}

/** Vercel's AI SDK, not streamed. */
export const aiSdk: Contender = {
  async run(task) {
    return (await generateText(optionsOf(task))).text;
  },
};

/** Vercel's AI SDK, streamed; its text is read as it comes. */
export const aiSdkStream: Contender = {
  async run(task) {
    let text = '';
    const result = streamText(optionsOf(task));
    for await (const delta of result.textStream) text += delta;
    return text;
  },
};
