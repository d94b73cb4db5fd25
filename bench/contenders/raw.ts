import Anthropic from '@anthropic-ai/sdk';
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { maxTokens } from '../contender.ts';
import type { Contender, Task } from '../contender.ts';
import { sessionFolder } from '../session-folder.ts';

const client = new Anthropic();

function requestOf(
  task: Task,
  messages: Anthropic.MessageParam[],
): Anthropic.MessageCreateParamsNonStreaming {
  return { model: task.model, max_tokens: maxTokens, system: task.system, tools: toolsOf(task), messages };
}

const toolsByTask = new WeakMap<Task, Anthropic.Tool[]>();

/** Once per task, as a program would hold its tools in a constant. */
function toolsOf(task: Task): Anthropic.Tool[] {
  let tools = toolsByTask.get(task);
  if (tools === undefined) {
    const schema = z.toJSONSchema(task.tool.input) as Anthropic.Tool.InputSchema;
    tools = [{ name: task.tool.name, description: task.tool.description, input_schema: schema }];
    toolsByTask.set(task, tools);
  }
  return tools;
}

function textOf(content: readonly Anthropic.ContentBlock[]): string {
  return content.map((block) => (block.type === 'text' ? block.text : '')).join('');
}

async function call(task: Task, block: Anthropic.ToolUseBlock): Promise<Anthropic.ToolResultBlockParam> {
  const content = await task.tool.run(block.input as { key: string; note: string });
  return { type: 'tool_result', tool_use_id: block.id, content };
}

function callsOf(content: readonly Anthropic.ContentBlock[]): Anthropic.ToolUseBlock[] {
  return content.filter((block) => block.type === 'tool_use');
}

async function parallel(
  task: Task,
  calls: Anthropic.ToolUseBlock[],
): Promise<Anthropic.ToolResultBlockParam[]> {
  return Promise.all(calls.map((block) => call(task, block)));
}

async function oneByOne(
  task: Task,
  calls: Anthropic.ToolUseBlock[],
): Promise<Anthropic.ToolResultBlockParam[]> {
  const results: Anthropic.ToolResultBlockParam[] = [];
  for (const block of calls) results.push(await call(task, block));
  return results;
}

/** The loop everybody writes first; all ratios are to it. */
export const raw: Contender = {
  async run(task) {
    const messages: Anthropic.MessageParam[] = [{ role: 'user', content: task.prompt }];
    while (true) {
      const reply = await client.messages.create(requestOf(task, messages));
      messages.push({ role: 'assistant', content: reply.content });
      if (reply.stop_reason !== 'tool_use') return textOf(reply.content);
      messages.push({ role: 'user', content: await parallel(task, callsOf(reply.content)) });
    }
  },
};

let logs = 0;

/** The same, and every message appended to a JSONL file, without a sync. */
export const rawJsonl: Contender = {
  async run(task) {
    logs += 1;
    const file = join(sessionFolder(), `raw-${logs}.jsonl`);
    const messages: Anthropic.MessageParam[] = [];
    const add = (message: Anthropic.MessageParam): void => {
      messages.push(message);
      appendFileSync(file, `${JSON.stringify(message)}\n`);
    };
    add({ role: 'user', content: task.prompt });
    while (true) {
      const reply = await client.messages.create(requestOf(task, messages));
      add({ role: 'assistant', content: reply.content });
      if (reply.stop_reason !== 'tool_use') return textOf(reply.content);
      add({ role: 'user', content: await parallel(task, callsOf(reply.content)) });
    }
  },
};

interface Open {
  readonly block: Anthropic.ContentBlock;
  text: string;
}

function closed({ block, text }: Open): Anthropic.ContentBlock {
  if (block.type === 'text') return { ...block, text };
  if (block.type === 'tool_use') return { ...block, input: JSON.parse(text === '' ? '{}' : text) as unknown };
  return block;
}

interface Reply {
  readonly content: Anthropic.ContentBlock[];
  readonly stopReason: string | null;
}

/** Reads a stream by hand, keeping only what a loop needs. */
async function readStream(stream: AsyncIterable<Anthropic.RawMessageStreamEvent>): Promise<Reply> {
  const open: Open[] = [];
  let stopReason: string | null = null;
  for await (const event of stream) {
    if (event.type === 'content_block_start') open[event.index] = { block: event.content_block, text: '' };
    if (event.type === 'content_block_delta') {
      const block = open[event.index];
      if (block !== undefined && event.delta.type === 'text_delta') block.text += event.delta.text;
      if (block !== undefined && event.delta.type === 'input_json_delta')
        block.text += event.delta.partial_json;
    }
    if (event.type === 'message_delta') stopReason = event.delta.stop_reason;
  }
  return { content: open.map(closed), stopReason };
}

function streamed(runTools: typeof parallel): Contender {
  return {
    async run(task) {
      const messages: Anthropic.MessageParam[] = [{ role: 'user', content: task.prompt }];
      while (true) {
        const stream = await client.messages.create({ ...requestOf(task, messages), stream: true });
        const reply = await readStream(stream);
        messages.push({ role: 'assistant', content: reply.content });
        if (reply.stopReason !== 'tool_use') return textOf(reply.content);
        messages.push({ role: 'user', content: await runTools(task, callsOf(reply.content)) });
      }
    },
  };
}

/** The same over `create({ stream: true })`. */
export const rawStream: Contender = streamed(parallel);

/** The same with a tool call after the other, as a plain `for` loop over the blocks does. */
export const rawSerial: Contender = streamed(oneByOne);
