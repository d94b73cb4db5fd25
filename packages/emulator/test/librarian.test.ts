import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type Anthropic from '@anthropic-ai/sdk';
import { betaGlobTool, betaGrepTool, betaReadTool } from '@anthropic-ai/sdk/tools/agent-toolset/node';
import { describe, expect, test } from 'vitest';
import { createEmulator, librarian } from '../src/index.ts';
import { patternOf, stemOf, termsOf } from '../src/librarian/terms.ts';
import { clientOf, plain, post, tool } from './api.ts';
import type { Body } from './api.ts';

type Message = Anthropic.Beta.Messages.BetaMessageParam;

/** A folder with these files, which goes with the scope. */
async function folder(
  files: Readonly<Record<string, string>>,
): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'librarian-'));
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(path, name)), { recursive: true });
    await writeFile(join(path, name), content);
  }
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

/** Asks with the SDK's file tools; the tool calls of each turn, and the answer. */
async function ask(
  path: string,
  question: string,
  earlier: Message[] = [],
): Promise<{
  readonly turns: readonly (readonly string[])[];
  readonly answer: string;
  readonly messages: Message[];
}> {
  const emulator = createEmulator({ respond: librarian({ delayMs: 0 }) });
  const context = { workdir: path };
  const runner = clientOf(emulator).beta.messages.toolRunner({
    model: 'claude-sonnet-5-5',
    max_tokens: 4096,
    tools: [betaGrepTool(context), betaGlobTool(context), betaReadTool(context)],
    messages: [...earlier, { role: 'user', content: question }],
    thread: false,
  });
  const turns: string[][] = [];
  let answer = '';
  for await (const message of runner) {
    turns.push(message.content.flatMap((block) => (block.type === 'tool_use' ? [block.name] : [])));
    answer = message.content.map((block) => (block.type === 'text' ? block.text : '')).join('');
  }
  expect(emulator.refusals).toEqual([]);
  return { turns, answer, messages: runner.params.messages };
}

const garden = {
  'README.md': '# The garden\n\nThis folder tells how the old garden behind the mill is kept.\n',
  'docs/watering.md':
    '# Watering\n\nThe roses are watered at dawn, never at noon.\nTwo cans for each bush.\n\n## Frost\n\nNo watering while the ground is frozen.\n',
  'docs/roses.md': '# Roses\n\nEleven roses grow by the wall.\n',
  'docs/tools.md': '# Tools\n\nThe shears hang in the shed. Sharpen the shears in March.\n',
  'pnpm-lock.yaml': 'roses: roses roses watering watering\n',
};

describe('the librarian', () => {
  test('looks things up in parallel, reads the best files and quotes them with their sources', async () => {
    await using here = await folder(garden);
    const { turns, answer } = await ask(here.path, 'When are the roses watered?');
    expect(turns).toEqual([['grep', 'grep', 'glob'], ['read', 'read'], []]);
    expect(answer).toContain('It is not a model');
    expect(answer).toContain(
      '1. docs/watering.md:3\n   > The roses are watered at dawn, never at noon.\n   > Two cans for each bush.',
    );
    expect(answer).toMatch(/Sources \(2 files read\): docs\/watering\.md:3/);
  });

  test('quotes phrases, and says what it found nowhere', async () => {
    await using here = await folder(garden);
    const { answer } = await ask(here.path, 'Is "ground is frozen" mentioned together with helicopters?');
    expect(answer).toContain('docs/watering.md:8\n   > No watering while the ground is frozen.');
    expect(answer).toContain('Found nowhere: “helicopters”.');
  });

  test('tries wider terms before it gives up', async () => {
    await using here = await folder(garden);
    const found = await ask(here.path, 'Tell me about sharpeningStone');
    expect(found.turns[1]).toContain('grep');
    expect(found.answer).toContain(
      'docs/tools.md:3\n   > The shears hang in the shed. Sharpen the shears in March.',
    );
    const lost = await ask(here.path, 'What is the airspeed of swallows?');
    expect(lost.answer).toContain('Nothing found in the files. Looked for:');
  });

  test('says when there is nothing to look in', async () => {
    await using here = await folder({});
    const { turns, answer } = await ask(here.path, 'Where are the shears?');
    expect(turns).toEqual([['grep', 'grep', 'glob'], []]);
    expect(answer).toContain('The folder is empty');
  });

  test('gives an overview when the question names nothing', async () => {
    await using here = await folder(garden);
    const { answer } = await ask(here.path, 'What is this about?');
    expect(answer).toContain('README.md:3\n   > This folder tells how the old garden');
  });

  test('answers the newest question of a conversation, and remembers nothing itself', async () => {
    await using here = await folder(garden);
    const first = await ask(here.path, 'When are the roses watered?');
    const second = await ask(here.path, 'Where do the shears hang?', [
      ...first.messages,
      { role: 'assistant', content: 'Well.' },
    ]);
    expect(second.answer).toContain('docs/tools.md:3');
    expect(second.answer).not.toContain('dawn');
  });
});

describe('the librarian and odd tools', () => {
  const asked = async (change: Body): Promise<readonly Body[]> => {
    const emulator = createEmulator({ respond: librarian({ delayMs: 0 }) });
    const answer = await post(emulator, {
      ...plain,
      messages: [{ role: 'user', content: 'Where is the budget checked?' }],
      ...change,
    });
    return answer.json['content'] as readonly Body[];
  };

  test('builds inputs from the schemas it is given', async () => {
    const search = tool('Search_Files', {
      query: { type: 'string' },
      root: { type: 'string' },
      limit: { type: 'integer', default: 50 },
      kind: { enum: ['text', 'name'] },
    });
    (search['input_schema'] as Body)['required'] = ['query', 'root', 'limit', 'kind'];
    const content = await asked({ tools: [search] });
    expect(content[1]).toMatchObject({
      name: 'Search_Files',
      input: { query: expect.stringContaining('udget'), root: '.', limit: 50, kind: 'text' },
    });
  });

  test('calls one by one when it must not call in parallel', async () => {
    const tools = [tool('grep', { pattern: {} }), tool('glob', { pattern: {} })];
    expect(
      (await asked({ tools, tool_choice: { type: 'auto', disable_parallel_tool_use: true } })).filter(
        ({ type }) => type === 'tool_use',
      ),
    ).toHaveLength(1);
    expect((await asked({ tools })).filter(({ type }) => type === 'tool_use')).toHaveLength(3);
  });

  test('says so without tools it can use', async () => {
    for (const change of [
      {},
      { tools: [tool('get_weather', { city: {} })] },
      { tools: [tool('grep', { pattern: {} })], tool_choice: { type: 'none' } },
    ]) {
      const content = await asked(change);
      expect(content).toHaveLength(1);
      expect(content[0]?.['text']).toContain('Without tools to search files');
    }
  });

  test('goes on when look-ups fail', async () => {
    const tools = [tool('grep', { pattern: {} })];
    const [, ...calls] = await asked({ tools });
    const results = calls.map(({ id }) => ({
      type: 'tool_result',
      tool_use_id: id,
      content: 'denied',
      is_error: true,
    }));
    const messages = [
      { role: 'user', content: 'Where is the budget checked?' },
      { role: 'assistant', content: calls },
      { role: 'user', content: results },
    ];
    const content = await asked({ tools, messages });
    expect(content.at(-1)).toMatchObject({ type: 'tool_use', name: 'grep' });
  });
});

test('terms leave out what says nothing and find words in their other forms', () => {
  const words = (question: string): string[] => termsOf(question, 5).map(({ stem }) => stem);
  expect(words('How does the loop stop a running tool?')).toEqual(['run', 'loop', 'stop', 'tool']);
  expect(words('What are the max_tokens limits of "pause turn" and API?')).toEqual([
    'pause turn',
    'max_tokens',
    'api',
    'limit',
  ]);
  expect([stemOf('stopping'), stemOf('budgets'), stemOf('queries'), stemOf('cached'), stemOf('is')]).toEqual([
    'stop',
    'budget',
    'quer',
    'cach',
    'is',
  ]);
  for (const form of ['budget', 'Budgets', 'BUDGET'])
    expect(new RegExp(patternOf({ text: 'budgets', stem: 'budget', isPhrase: false })).test(form)).toBe(true);
  expect(patternOf({ text: 'a.b*', stem: 'a.b*', isPhrase: false })).toBe(String.raw`([Aa]\.b\*|A\.B\*)`);
});
