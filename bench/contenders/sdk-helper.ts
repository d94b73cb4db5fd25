import Anthropic from '@anthropic-ai/sdk';
import { z } from 'zod';
import { maxTokens } from '../contender.ts';
import type { Contender } from '../contender.ts';

const client = new Anthropic();

/** A loop over the SDK's stream helper that reads its text events, as a program that shows the text does. */
export const sdkHelper: Contender = {
  async run(task) {
    const input_schema = z.toJSONSchema(task.tool.input) as Anthropic.Tool.InputSchema;
    const tools = [{ name: task.tool.name, description: task.tool.description, input_schema }];
    const messages: Anthropic.MessageParam[] = [{ role: 'user', content: task.prompt }];
    while (true) {
      let text = '';
      const stream = client.messages.stream({
        model: task.model,
        max_tokens: maxTokens,
        system: task.system,
        tools,
        messages,
      });
      stream.on('text', (delta) => (text += delta));
      const reply = await stream.finalMessage();
      messages.push({ role: 'assistant', content: reply.content });
      if (reply.stop_reason !== 'tool_use') return text;
      const content = await Promise.all(
        reply.content
          .filter((block) => block.type === 'tool_use')
          .map(async (block): Promise<Anthropic.ToolResultBlockParam> => ({
            type: 'tool_result',
            tool_use_id: block.id,
            content: await task.tool.run(block.input as { key: string; note: string }),
          })),
      );
      messages.push({ role: 'user', content });
    }
  },
};
