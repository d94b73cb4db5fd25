import { open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { apiError, fault, reply, text, toolUse } from '@pawl/emulator';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  ConfigError,
  defineTool,
  type Entry,
  type Journal,
  JournalError,
  RunError,
} from '../../src/index.ts';
import { gate } from '../support/agent-under-test.ts';
import { ID, expectBilled, expectSound, inFiles, noting, stores, types, world } from './world.ts';

describe.each(stores)('of two owners, %s', (_, make) => {
  it('the later goes on; the other fails with a typed error, in a run and outside', async () => {
    await using here = await make();
    const drop = noting('drop', { approve: true });
    const w = world({
      ...here,
      tools: [drop.tool],
      steps: [reply([toolUse('drop', { what: 'x' }, { id: 'call_1' })]), reply('Mine.')],
    });
    const early = await w.open();
    await early.run('A?');
    const late = await w.open();
    const error = await early.run('B?').catch((thrown: unknown) => thrown);
    expect(RunError.is(error) && error.code).toBe('journal');
    expect((error as RunError).cause).toBeInstanceOf(JournalError);
    expect((error as RunError).cause).toMatchObject({ code: 'fenced' });
    await expect(early.approve('call_1', true)).rejects.toMatchObject({ code: 'fenced' });
    await late.approve('call_1', false);
    expect((await late.resume()).text).toBe('Mine.');
    expect(drop.ran).toEqual([]);
    expectSound(w);
    await early.close();
    await late.close();
    const entries = await w.entries();
    expect(entries.map(({ seq }) => seq)).toEqual(entries.map((_entry, index) => index));
  });

  it('none is another where the session was deleted: the error says so', async () => {
    await using here = await make();
    const w = world({ ...here, steps: [reply('One.')] });
    await using session = await w.open();
    await session.run('A?');
    await here.store.delete(ID);
    const error = await session.run('B?').catch((thrown: unknown) => thrown);
    expect(RunError.is(error) && error.code).toBe('journal');
    expect((error as RunError).cause).toMatchObject({
      code: 'fenced',
      message: expect.stringMatching(/^The session was deleted,? .*since it was opened\.$/) as string,
    });
  });

  it('the one that loses in the middle of a run does nothing more', async () => {
    await using here = await make();
    const go = gate();
    const begun = gate();
    const effects: string[] = [];
    const send = defineTool({
      name: 'send',
      description: 'send',
      input: z.object({ what: z.string() }),
      async run({ what }) {
        if (what === 'first') {
          begun.resolve();
          await go.promise;
        }
        effects.push(what);
        return 'sent';
      },
    });
    const w = world({
      ...here,
      tools: [send],
      limits: { concurrency: 1 },
      steps: [
        reply([toolUse('send', { what: 'first' }), toolUse('send', { what: 'second' })]),
        reply('By the later owner.'),
      ],
    });
    const early = await w.open();
    const run = early.run('A?').catch((thrown: unknown) => thrown);
    await begun.promise;
    const late = await w.open();
    go.resolve();
    expect(await run).toMatchObject({ code: 'journal', cause: { code: 'fenced' } });
    expect(effects).toEqual(['first']);
    expect(late.pending?.approvals).toHaveLength(1);
    await late.resume();
    expect(effects).toEqual(['first', 'second']);
    expectSound(w);
    await early.close();
    await late.close();
  });
});

it('an owner whose folder was removed is told so', async () => {
  await using here = await inFiles();
  const w = world({ ...here, steps: [reply('One.')] });
  await using session = await w.open();
  await session.run('A?');
  await rm(join(here.folder, 'sessions'), { recursive: true });
  await expect(session.run('B?')).rejects.toThrow(
    'The session was deleted, or its folder removed, since it was opened.',
  );
});

describe.each(stores)('what was spent, %s', (_, make) => {
  it('is counted once across runs, lost replies, failures and processes', async () => {
    await using here = await make();
    const w = world({
      ...here,
      tools: [noting('look', { effect: 'read' }).tool],
      steps: [
        reply([toolUse('look', { what: 'x' })]),
        reply(text('Cut off here'), { fault: fault.earlyEnd({ afterEvents: 5 }) }),
        reply('One.'),
        apiError(500),
        reply('Two.'),
      ],
      seams: { random: () => 1, timer: (ms, fire) => quick(ms, fire) },
    });
    const first = await w.open();
    await first.run('A?');
    await first.run('B?').catch(() => {});
    await first.close();
    const next = await w.open();
    await next.resume();
    expect(next.steps.map(({ lost }) => lost)).toEqual([false, true, false, false]);
    const { bill } = w.emulator;
    expect(
      next.usage.input_tokens + next.usage.cache_read_input_tokens + next.usage.cache_creation_input_tokens,
    ).toBe(bill.inputTokens + bill.cacheReadTokens + bill.cacheWrite5mTokens + bill.cacheWrite1hTokens);
    await next.close();
  });

  it('but never told, by a process that died, is noted at its worst, apart from the sum', async () => {
    await using here = await make();
    const w = world({ ...here, steps: [reply('Lost with the process.'), reply('Again.')] });
    // The process dies: what it would have written after the request is never written.
    const journal = await here.store.open(ID);
    await journal.close();
    const first = await w.open();
    const dead = new Promise<never>(() => {});
    const store = {
      ...here.store,
      async open(id: string): Promise<Journal> {
        const inner = await here.store.open(id);
        return {
          get length() {
            return inner.length;
          },
          damage: null,
          torn: null,
          append: (entries, seq, options) =>
            entries.some(({ type }) => type === 'reply') ? dead : inner.append(entries, seq, options),
          read: (from) => inner.read(from),
          close: () => inner.close(),
        };
      },
    };
    await first.close();
    const dying = await w.open({}, { store });
    void dying.run('A?');
    await until(() => w.emulator.requests.length === 1);
    await until(async () => types(await w.entries()).at(-1) === 'request');
    const next = await w.open();
    expect(next.pending).toEqual({ reason: 'interrupted', approvals: [] });
    expect((await next.resume()).text).toBe('Again.');
    const request = w.emulator.requests[0];
    const lost = (await w.entries()).filter((entry) => entry.type === 'reply-lost');
    expect(lost).toEqual([
      expect.objectContaining({
        code: 'interrupted',
        usage: null,
        worst: { input_tokens: Buffer.byteLength(request?.bodyText ?? ''), output_tokens: 32_000 },
      }),
    ]);
    expect(next.steps).toHaveLength(1);
    expect(next.usage.output_tokens).toBe(next.steps[0]?.usage.output_tokens);
    expect(w.emulator.bill.outputTokens).toBeLessThanOrEqual(next.usage.output_tokens + 32_000);
    await next.close();
    const again = await w.open();
    expect(again.usage).toEqual(next.usage);
    expect((await w.entries()).filter(({ type }) => type === 'reply-lost')).toHaveLength(1);
    await again.close();
  });
});

describe('a damaged session', () => {
  it('can be read, saved and forked up to the damage; nothing is written, and the message names the bytes', async () => {
    await using here = await inFiles();
    const w = world({ ...here, steps: [reply('One.'), reply('Two.'), reply('Forked.')] });
    const first = await w.open();
    await first.run('A?');
    await first.run('B?');
    await first.close();
    const whole = await w.entries();
    const folder = join(here.folder, 'sessions', ID);
    const [segment = ''] = (await readdir(folder)).filter((name) => name.endsWith('.jsonl')).toSorted();
    const path = join(folder, segment);
    const bytes = await readFile(path);
    const at = bytes.indexOf('B?');
    expect(at).toBeGreaterThan(0);
    bytes[at] = 0x43;
    await writeFile(path, bytes);

    const damaged = await w.open();
    expect(damaged.damage).toMatchObject({ where: path });
    expect(damaged.messages).toEqual(first.messages.slice(0, 2));
    for (const attempt of [
      () => damaged.run('C?'),
      () => damaged.resume(),
      () => damaged.approve('x', true),
    ]) {
      const error = await attempt().catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(ConfigError);
      expect((error as Error).message).toMatch(
        new RegExp(`damaged in .*${segment}, bytes ${damaged.damage?.from} to ${damaged.damage?.to}`),
      );
      expect((error as Error).message).toContain(
        "for a fileStore there is repairSession() of '@pawl/stores/file'",
      );
    }
    const file = join(here.folder, 'saved.jsonl');
    await damaged.save(file);
    const saved = (await readFile(file, 'utf8')).trim().split('\n').slice(1, -1);
    expect(saved).toHaveLength(
      whole.findIndex((entry: Entry) => entry.type === 'input' && entry.content === 'B?'),
    );
    await using fork = await damaged.fork({ id: 'rescued' });
    expect(fork.messages).toEqual(damaged.messages);
    await fork.run('C?');
    expectBilled(fork, { emulator: lastOnly(w) });
    await damaged.close();
    const handle = await open(path);
    expect((await handle.readFile()).equals(bytes)).toBe(true);
    await handle.close();
  });
});

describe('a session with a large content that is damaged', () => {
  it('can be saved and forked up to there too', async () => {
    await using here = await inFiles();
    const w = world({ ...here, steps: [reply('One.'), reply('Two.'), reply('Forked.')] });
    const first = await w.open();
    await first.run('A?');
    await first.run(`B? ${'long '.repeat(40_000)}`);
    await first.close();
    const blobs = join(here.folder, 'sessions', ID, 'blobs');
    const [blob = ''] = await readdir(blobs);
    const bytes = await readFile(join(blobs, blob));
    bytes[100] = 0x21;
    await writeFile(join(blobs, blob), bytes);
    const damaged = await w.open();
    expect(damaged.damage).not.toBeNull();
    expect(damaged.messages).toEqual(first.messages.slice(0, 2));
    await expect(damaged.run('C?')).rejects.toThrow(/is damaged in/);
    await damaged.save(join(here.folder, 'saved.jsonl'));
    await using fork = await damaged.fork({ id: 'rescued' });
    expect(fork.messages).toEqual(damaged.messages);
    expect((await fork.run('C?')).outcome).toBe('completed');
    await damaged.close();
  });
});

function lastOnly({ emulator }: ReturnType<typeof world>) {
  const usage = emulator.requests.at(-1)?.usage as Record<string, number> | null;
  const { input_tokens = 0, output_tokens = 0 } = usage ?? {};
  return {
    ...emulator,
    bill: {
      ...emulator.bill,
      inputTokens: input_tokens,
      outputTokens: output_tokens,
      usd: (input_tokens * 2 + output_tokens * 10) / 1_000_000,
      cacheReadTokens: usage?.['cache_read_input_tokens'] ?? 0,
      cacheWrite5mTokens: usage?.['cache_creation_input_tokens'] ?? 0,
      cacheWrite1hTokens: 0,
    },
  };
}

/** Short waits are over at once, long ones never come. */
function quick(ms: number, fire: () => void): () => void {
  if (ms > 20_000) return () => {};
  const timer = setTimeout(fire, 0);
  return () => clearTimeout(timer);
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 2));
}
