import { PassThrough } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import Anthropic from '@anthropic-ai/sdk';
import { ConfigError, createAgent, defineTool, RunError } from '@pawl/agent-loop';
import { apiError, createEmulator, reply, script, type Step, toolUse } from '@pawl/emulator';
import { describe, expect, test, vi } from 'vitest';
import { openProgress, renderProgress } from '../../src/progress/index.ts';
import { recording } from './events.ts';

/** A stream that looks like a terminal, or not. */
function terminal(isTTY: boolean, columns = 100, rows = 30) {
  const out = Object.assign(new PassThrough(), { isTTY, columns, rows });
  let written = '';
  out.on('data', (chunk: Buffer) => (written += chunk.toString()));
  return { out: out as unknown as NodeJS.WriteStream, written: () => written };
}

const look = defineTool({
  name: 'look',
  description: 'Looks.',
  effect: 'read',
  input: { type: 'object', properties: { where: { type: 'string' } } },
  run: () => 'seen',
});

function agentOf(steps: readonly Step[]) {
  const { fetch } = createEmulator({ respond: script(steps) });
  const client = new Anthropic({ apiKey: 'k', baseURL: 'http://emulator.local', fetch, maxRetries: 0 });
  return createAgent({ name: 'guide', model: 'claude-sonnet-5-5', client, tools: [look] });
}

const steps = [reply(toolUse('look', { where: 'here' })), reply('There.')];

/** Figures differ from run to run. */
const quiet = (text: string): string => text.replaceAll(/[\d.]+k? in.*/g, '...');

describe('renderProgress', () => {
  test.each<[string, (agent: ReturnType<typeof agentOf>) => unknown, string]>([
    ['a promise', () => Promise.resolve(), 'a promise, such as run() gives'],
    ['an agent', (agent) => agent, 'an agent or a session'],
    ['nothing', () => undefined, 'something without events'],
  ])('says what to give it in place of %s', async (_, given, got) => {
    const { out, written } = terminal(true);
    await expect(renderProgress(given(agentOf(steps)) as never, { out })).rejects.toThrow(
      new ConfigError(
        'renderProgress',
        `expected a stream of events, got ${got}. Give it agent.stream(...) or session.stream(...): it resolves with the result.`,
      ),
    );
    expect(written()).toBe('');
  });

  test('gives the result of the stream, and writes lines where there is no terminal', async () => {
    const { out, written } = terminal(false);
    const result = await renderProgress(agentOf(steps).stream('Where?'), { out });
    expect(result).toMatchObject({ outcome: 'completed', text: 'There.' });
    expect(quiet(written())).toBe('guide: begins\nguide: runs look here\nguide: completed, ...\n');
  });

  test('throws the error of a run that fails, and shows it', async () => {
    const { out, written } = terminal(false);
    const rendered = renderProgress(agentOf([apiError(401)]).stream('Where?'), { out });
    await expect(rendered).rejects.toBeInstanceOf(RunError);
    expect(written()).toMatch(/guide: failed: .*authentic/i);
  });

  test.each([
    ['NO_COLOR', '1'],
    ['CI', 'true'],
    ['TERM', 'dumb'],
  ])('writes lines on a terminal with %s=%s', async (name, value) => {
    for (const other of ['NO_COLOR', 'CI', 'TERM']) vi.stubEnv(other, undefined);
    vi.stubEnv(name, value);
    const { out, written } = terminal(true);
    await renderProgress(agentOf(steps).stream('Where?'), { out });
    expect(written()).not.toContain('\u001b');
    expect(written()).toContain('guide: runs look here\n');
  });

  test('redraws on a terminal, and leaves the last screen, no line longer than it is wide', async () => {
    for (const name of ['NO_COLOR', 'CI', 'TERM']) vi.stubEnv(name, undefined);
    const { out, written } = terminal(true, 40);
    async function* events() {
      yield* recording();
    }
    await renderProgress(events(), { out });
    const screen = written().split('\u001b[G').at(-1) ?? '';
    expect(screen).toContain('\u001b[32m✓\u001b[39m');
    const lines = stripVTControlCharacters(screen).trimEnd().split('\n');
    expect(lines).toEqual([
      '✓ lead: completed, 2 turns  18.6k in, 7…',
      '├ ✓ logs: completed, 2 turns  14.0k in,…',
      '└ ✗ database: failed: The stream broke:…',
    ]);
    expect(Math.max(...lines.map(({ length }) => length))).toBe(40);
  });
});

test('a view takes events of any number of runs, one by one, and nothing after it was closed', () => {
  const { out, written } = terminal(false);
  const view = openProgress({ out, live: false });
  const [first, ...others] = recording();
  if (first) view.show(first);
  view.close();
  for (const event of others) view.show(event);
  expect(written()).toBe('lead: begins\n');
});
