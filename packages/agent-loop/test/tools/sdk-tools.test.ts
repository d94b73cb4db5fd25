import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { betaTool } from '@anthropic-ai/sdk/helpers/beta/json-schema';
import { mcpTools } from '@anthropic-ai/sdk/helpers/beta/mcp';
import { betaMemoryTool } from '@anthropic-ai/sdk/helpers/beta/memory';
import { betaZodTool } from '@anthropic-ai/sdk/helpers/beta/zod';
import {
  betaAgentToolset20260401,
  betaBashTool,
  betaReadTool,
} from '@anthropic-ai/sdk/tools/agent-toolset/node';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { defineTool } from '../../src/index.ts';
import { answered, answerOf, calling, failed, turnOf, user } from '../support/agent-under-test.ts';
import { play, stage } from '../loop/stage.ts';
import { apiError, reply } from '@pawl/emulator';

const zodTool = betaZodTool({
  name: 'weather',
  description: 'Tells the weather.',
  inputSchema: z.object({ place: z.object({ city: z.string() }), days: z.number() }),
  run: ({ place, days }) => `${days + 1} days of rain in ${place.city}`,
  strict: false,
});

/** A folder with one file, gone at the end. */
async function folder() {
  const path = await mkdtemp(join(tmpdir(), 'pawl-'));
  await writeFile(join(path, 'note.md'), 'Quinces ripen in October.\n');
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

describe('betaZodTool', () => {
  test('is sent as the SDK made it and runs with what its schema gives', async () => {
    const set = await turnOf([zodTool], [['weather', { place: { city: 'Oslo' }, days: 2 }]]);
    const { run: _, parse: __, ...definition } = zodTool;
    expect(set.emulator.requests[0]?.body?.tools).toEqual([definition]);
    expect(set.results).toEqual([answered('call_1', '3 days of rain in Oslo')]);
  });

  test('invalid input is told by path, as for tools of our own', async () => {
    expect(await answerOf(zodTool, { place: {}, days: '2' })).toEqual(
      failed(
        'call_1',
        "The input does not fit the tool's schema. Nothing was run. Problems:\nplace.city: Invalid input: expected string, received undefined\ndays: Invalid input: expected number, received string",
      ),
    );
  });

  test('gets the call and a signal, as the SDK hands them over', async () => {
    const seen: unknown[] = [];
    const tool = betaZodTool({
      name: 'look',
      description: 'Looks.',
      inputSchema: z.object({ n: z.number() }),
      run(_, context) {
        seen.push(context?.toolUse, context?.signal instanceof AbortSignal);
        return [{ type: 'text', text: 'seen' }];
      },
    });
    expect(await answerOf(tool, { n: 1 })).toEqual(answered('call_1', [{ type: 'text', text: 'seen' }]));
    expect(seen).toEqual([{ type: 'tool_use', id: 'call_1', name: 'look', input: { n: 1 } }, true]);
  });
});

test('betaTool', async () => {
  const tool = betaTool({
    name: 'add',
    description: 'Adds.',
    inputSchema: {
      type: 'object',
      properties: { a: { type: 'number' }, b: { type: 'number' } },
      required: ['a', 'b'],
    },
    run: ({ a, b }) => String(a + b),
  });
  expect(await answerOf(tool, { a: 1, b: 2 })).toEqual(answered('call_1', '3'));
});

describe('mcpTools', () => {
  const tools = mcpTools(
    [
      {
        name: 'lookup',
        description: 'Looks up.',
        inputSchema: { type: 'object', properties: { q: { type: 'string' } } },
      },
    ],
    {
      async callTool({ arguments: args }) {
        const q = args?.['q'];
        if (q === 'nothing') return { content: [{ type: 'text', text: 'no match' }], isError: true };
        return { content: [{ type: 'text', text: `found ${String(q)}` }] };
      },
    },
  );

  test('results and errors are those of the server', async () => {
    const { results } = await turnOf(tools, [
      ['lookup', { q: 'Oslo' }],
      ['lookup', { q: 'nothing' }],
    ]);
    expect(results).toEqual([
      answered('call_1', [{ type: 'text', text: 'found Oslo' }]),
      failed('call_2', [{ type: 'text', text: 'no match' }]),
    ]);
  });
});

test('the memory tool is sent by its type and runs its handlers', async () => {
  const none = () => 'not here';
  const memory = betaMemoryTool({
    view: ({ path }) => `nothing in ${path}`,
    create: none,
    str_replace: none,
    insert: none,
    delete: none,
    rename: none,
  });
  const set = await turnOf([memory], [['memory', { command: 'view', path: '/memories' }]]);
  expect(set.emulator.requests[0]?.body?.tools).toEqual([{ type: 'memory_20250818', name: 'memory' }]);
  expect(set.results).toEqual([answered('call_1', 'nothing in /memories')]);
});

test('the agent toolset works on a real folder', async () => {
  await using notes = await folder();
  const { results } = await turnOf(betaAgentToolset20260401({ workdir: notes.path }), [
    ['grep', { pattern: 'Quinces' }],
    ['read', { file_path: 'missing.md' }],
  ]);
  const [grep, read] = results as readonly { content: string; is_error?: boolean }[];
  expect(grep).toMatchObject({
    tool_use_id: 'call_1',
    content: expect.stringContaining('note.md') as string,
  });
  expect(grep).not.toHaveProperty('is_error');
  expect(read).toMatchObject({ tool_use_id: 'call_2', is_error: true });
});

test('defineTool gives a tool of the SDK an effect, keys, a timeout and approval', async () => {
  await using notes = await folder();
  const read = defineTool(betaReadTool({ workdir: notes.path }), {
    effect: 'read',
    access: (input) => ({ reads: [String((input as { file_path?: string }).file_path)] }),
    approve: true,
    timeoutMs: 1000,
    maxResultBytes: 7,
  });
  expect([read.effect, read.approval, read.timeoutMs, read.maxResultBytes]).toEqual([
    'read',
    'always',
    1000,
    7,
  ]);
  const asked: unknown[] = [];
  const { events, results } = await turnOf([read], [['read', { file_path: 'note.md' }]], {
    approve(call) {
      asked.push(call.input);
      return true;
    },
  });
  expect(asked).toEqual([{ file_path: 'note.md' }]);
  expect(events.find(({ type }) => type === 'tool-start')).toMatchObject({ tool: 'read', effect: 'read' });
  expect((results as [{ content: string }])[0].content).toContain('[Cut: ');
});

test('what a tool of the SDK holds, such as a shell, can be let go of through what defineTool returns', async () => {
  await using notes = await folder();
  const bash = defineTool(betaBashTool({ workdir: notes.path }), { timeoutMs: 10_000 });
  const { content } = (await answerOf(bash, { command: 'echo $$' })) as { content: string };
  const shell = Number(content.trim());
  expect(process.kill(shell, 0)).toBe(true);
  await bash.close?.();
  await expect.poll(() => isRunning(shell)).toBe(false);
  expect(defineTool(betaReadTool({ workdir: notes.path }))).not.toHaveProperty('close');
});

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test('tools of all kinds go together in one list', async () => {
  await using notes = await folder();
  const own = defineTool({ name: 'own', description: 'Ours.', input: z.object({}), run: () => 'own' });
  const set = stage({
    tools: [
      own,
      zodTool,
      ...betaAgentToolset20260401({ workdir: notes.path }),
      { type: 'web_search_20260318', name: 'web_search' },
    ],
    steps: [reply(calling(['own'], ['glob', { pattern: '*.md' }])), apiError(400)],
  });
  const { error, messages } = await play(set.agent);
  expect(error?.code).toBe('invalid-request');
  expect(messages.at(-1)).toEqual(
    user([answered('call_1', 'own'), answered('call_2', expect.stringContaining('note.md') as string)]),
  );
});
