import { betaTool } from '@anthropic-ai/sdk/helpers/beta/json-schema';
import { reply, thinking } from '@pawl/emulator';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type AgentOptions, defineTool, type RunnableTool, type Tool } from '../../src/index.ts';
import { copyJson } from '../../src/tools/json-copy.ts';
import { assistant, called, calling } from '../support/agent-under-test.ts';
import { expectSound, play, stage } from '../loop/stage.ts';

const sent = { q: 'a', deep: { list: [{ n: 1 }] } };

/** Changes whatever it can reach of an input. */
function change(input: unknown): string {
  const { deep } = input as typeof sent;
  deep.list[0] = { n: 2 };
  Object.assign(input as object, { q: 'changed', more: true });
  return 'changed';
}

const named = { name: 'give', description: 'Changes its input.' };
const free = { type: 'object' } as const;
const define = (input: z.ZodType, more: object = {}) =>
  defineTool({ ...named, input: input as z.ZodObject, run: change, ...more });
const harmless = (more: object = {}) => define(z.looseObject({}), { run: () => 'fine', ...more });

describe('who changes the input of a call changes a copy', () => {
  test.each<[string, Tool | RunnableTool, Partial<AgentOptions>]>([
    ['a tool of the SDK', betaTool({ ...named, inputSchema: free, run: change }), {}],
    ['a tool of free JSON Schema', defineTool({ ...named, input: free, run: change }), {}],
    ['a tool that takes anything in a field', define(z.object({ q: z.any(), deep: z.any() })), {}],
    ['a tool of a loose object', define(z.looseObject({})), {}],
    ['access', harmless({ access: (input: object) => ({ reads: [change(input)] }) }), {}],
    ['whether approval is needed', harmless({ approve: (input: object) => change(input) === '' }), {}],
    ['the approval', harmless({ approve: true }), { approve: ({ input }) => change(input) !== '' }],
    ['beforeTool', harmless(), { hooks: { beforeTool: ({ input }) => void change(input) } }],
    ['afterTool', harmless(), { hooks: { afterTool: ({ input }) => void change(input) } }],
  ])('%s', async (_, tool, options) => {
    const set = stage({
      ...options,
      tools: [tool],
      steps: [reply([thinking('plan'), ...calling(['give', sent])]), reply('Done.'), reply('Again.')],
    });
    const { messages, events } = await play(set.agent);
    expect(messages[1]).toEqual(
      assistant(expect.objectContaining({ type: 'thinking' }), called('give', sent, 'call_1')),
    );
    const inputs = events.flatMap((event) =>
      event.type === 'tool-start' || event.type === 'approval-request' ? [event.input] : [],
    );
    expect(inputs).not.toEqual([]);
    for (const input of inputs) expect(input).toEqual(sent);
    // Thinking is bound to what came before it: changed messages would be refused.
    await play(set.agent, 'Go on.', { messages });
    expectSound({ emulator: { ...set.emulator, requests: [] } });
  });
});

test('a copy has every field, and what is no JSON stays', () => {
  const input = JSON.parse(
    '{"__proto__": {"a": 1}, "constructor": null, "list": [[], {}, "x", 1, true]}',
  ) as object;
  const copy = copyJson(input);
  expect(JSON.stringify(copy)).toBe(JSON.stringify(input));
  const day = new Date(0);
  expect((copyJson({ day }) as { day: Date }).day).toBe(day);
});
