import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { echo, startEmulator } from '@pawl/emulator';
import { describe, expect, it } from 'vitest';
import { sourceFlags } from '../../../test/support/node-flags.ts';

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs the program as a user would. `interruptAt` sends Ctrl-C once that text has been printed. */
function runProgram(
  args: readonly string[],
  env: Record<string, string> = {},
  interruptAt?: string,
): Promise<Ended> {
  const child = spawn(process.execPath, [...sourceFlags, MAIN, ...args], {
    env: { PATH: process.env['PATH'], NO_COLOR: '1', ...env },
  });
  let out = '';
  let err = '';
  let interrupted = false;
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString();
    if (interruptAt && !interrupted && out.includes(interruptAt)) interrupted = child.kill('SIGINT');
  });
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, out, err })));
}

async function folder(files: Record<string, string>) {
  const path = await mkdtemp(join(tmpdir(), 'assistant-'));
  for (const [name, text] of Object.entries(files)) await writeFile(join(path, name), text);
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

describe('the knowledge assistant', () => {
  it('answers from a folder with quotes, sources, turns and tokens', async () => {
    await using notes = await folder({
      'fruit.md': '# Fruit\n\nQuinces ripen in October and keep until February.\n',
      'tools.md': '# Tools\n\nA ladder stands in the shed.\n',
    });
    const { code, out, err } = await runProgram(['When do quinces ripen?', '--dir', notes.path]);
    expect(err).toBe('');
    expect(code).toBe(0);
    expect(out).toContain('a rule-based stand-in');
    // Both before anything is read: which of them ends first is up to the machine.
    expect(out.split('Reading')[0]?.match(/^→ grep /gm)).toHaveLength(2);
    expect(out).toContain('✓ read fruit.md');
    expect(out).toContain('Quinces ripen in October and keep until February.');
    expect(out).toContain('fruit.md:3');
    expect(out).toMatch(/\nSources: fruit\.md\n\d turns · \d+ tokens in \(\d+ cached\) · \d+ tokens out/);
  });

  it('says so when nothing matches', async () => {
    await using notes = await folder({ 'a.md': 'Nothing of interest.\n' });
    const { code, out } = await runProgram(['Where is the zeppelin hangar?', '--dir', notes.path]);
    expect(code).toBe(0);
    expect(out).toMatch(/nothing|no match/i);
    expect(out).toContain('Sources: none');
  });

  it.each([
    { args: ['--nope'], message: /Unknown option '--nope'/ },
    { args: ['one', 'two'], message: /Put the question in quotes/ },
    { args: [' '], message: /The question is empty/ },
    { args: ['x', '--dir', '/no/such/folder'], message: /There is no folder/ },
    { args: ['x', '--dir', MAIN], message: /is not a folder/ },
  ])('refuses $args and shows how it is used', async ({ args, message }) => {
    const { code, err } = await runProgram(args);
    expect(code).toBe(2);
    expect(err).toMatch(message);
    expect(err).toContain('Usage:');
  });

  it('refuses an empty folder', async () => {
    await using empty = await folder({});
    const { code, err } = await runProgram(['x', '--dir', empty.path]);
    expect(code).toBe(2);
    expect(err).toContain('holds no files');
  });

  it('stops at Ctrl-C and still tells what was used', async () => {
    const { code, out, err } = await runProgram([], {}, '→ grep');
    expect(code).toBe(130);
    expect(out).toMatch(/\d turns · \d+ tokens in/);
    expect(err).toContain('Not finished: stopped (Ctrl-C).');
  });

  it('talks to the server that ANTHROPIC_BASE_URL names, with no key', async () => {
    await using server = await startEmulator({ port: 0, respond: echo() });
    await using notes = await folder({ 'a.md': 'text\n' });
    const { code, out } = await runProgram(['Say hello', '--dir', notes.path], {
      ANTHROPIC_BASE_URL: server.url,
    });
    expect(code).toBe(0);
    expect(out).toContain(server.url);
    expect(out).not.toContain('stand-in (not a model)');
    expect(
      server.emulator.requests.filter((request) => request.path.startsWith('/v1/messages')),
    ).toHaveLength(1);
  });

  it('fails with the reason when the server does not know the model', async () => {
    await using notes = await folder({ 'a.md': 'text\n' });
    await using server = await startEmulator({ port: 0, respond: echo() });
    const { code, err } = await runProgram(['x', '--dir', notes.path, '--model', 'claude-nonesuch'], {
      ANTHROPIC_BASE_URL: server.url,
    });
    expect(code).toBe(1);
    expect(err).toContain('The run failed (not-found)');
    expect(err).toContain('claude-nonesuch');
  });
});
