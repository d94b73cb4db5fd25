import { existsSync, readFileSync } from 'node:fs';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { reply, toolUse } from '@pawl/emulator';
import { fileStore } from '@pawl/stores/file';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { campaign, patienceMs } from '../../../../test/support/campaign.ts';
import type { RequestParams } from '../../src/api.ts';
import { NO_MARKS } from '../../src/cache/cache-marks.ts';
import type { Entry } from '../../src/journal/events.ts';
import { SessionState } from '../../src/journal/session-state.ts';
import { PromptBound } from '../../src/money/prompt-bound.ts';
import { stateOf } from '../../src/session/fold-session.ts';
import type { JournalStore } from '../../src/store.ts';
import { defineTool } from '../../src/index.ts';
import { expectRestorable, proxied, saved } from './checkpointing-store.ts';
import { diceOf, randomHistory } from './random-history.ts';
import { expectStablePrefix } from '../loop/stage.ts';
import { ID, inFiles, world } from './world.ts';

const PARAMS: RequestParams = { model: 'm', max_tokens: 9, stream: true, system: 'Be brief.' };

function folded(entries: readonly Entry[], state = new SessionState()): SessionState {
  for (const entry of entries) state.apply(entry);
  return state;
}

/** Keeps entries, with another process going on with them here and there, and a checkpoint of what it has folded. */
async function keep(store: JournalStore, entries: readonly Entry[], seed: number): Promise<void> {
  const dice = diceOf(seed);
  let journal = await store.open('s');
  let state = new SessionState();
  for (let from = 0; from < entries.length;) {
    const to = from + 1 + dice(60);
    await journal.append(entries.slice(from, to), from, { sync: false });
    folded(entries.slice(from, to), state);
    from = to;
    if (dice(3) === 0 && journal.checkpoints?.due) await journal.checkpoints.keep(state.checkpoint());
    if (dice(3) > 0) continue;
    await journal.close();
    journal = await store.open('s');
    state = await stateOf(journal);
  }
  await journal.close();
}

/** What a session asks of its state before and while it sends the next request. */
function outlookOf(state: SessionState): unknown {
  const { run, cache, transcript, total, spend } = state;
  const now = 1_799_000_000_000;
  const sent = state.request(PARAMS, now);
  const marked = state.request(PARAMS, now, undefined, () => ({ ...NO_MARKS, end: '5m', block: true }));
  const bound = new PromptBound().glance(PARAMS, sent, 0);
  return {
    bytes: Buffer.from(sent.bytes).toString(),
    bound: [bound.tokens, bound.marker],
    marked: Buffer.from(marked.bytes).toString(),
    params: sent.params,
    ofRun: run && [run.tally.cost, run.spend.counted, run.spend.last],
    calls: state.openCalls().map((call) => [call, state.callOf(call)]),
    decided: ['call_1', 'call_2', 'call_9'].map((id) => state.wasDecided(id)),
    last: [transcript.length, transcript.lastRole, state.paused, transcript.container(now)],
    kept: [state.prefix, state.settings, total.latestSteps],
    places: [cache.places.outOfSight, cache.places.marked],
    habits: [1, 2, 3, 30].map((turn) => cache.habit.expect(turn, { soon: 0.5, later: 0 })),
    cached: [cache.estimate(sent.bytes.length, now), cache.outlook('m', now), cache.last],
    bill: [total.usage, total.cost, total.steps, total.lostUsd, spend.counted, transcript.closed()],
  };
}

describe('a checkpoint', () => {
  test(
    'and the entries since fold into what all entries fold into',
    async () => {
      const { trials, seed: first } = campaign({ suite: 20, ci: 500, full: 10_000 });
      const histories = fc.record({
        seed: fc.nat(),
        turns: fc.integer({ min: 1, max: 160 }),
        late: fc.boolean(),
      });
      await fc.assert(
        fc.asyncProperty(histories, async ({ seed, turns, late }) => {
          await using here = await inFiles({ checkpointBytes: 1 });
          const entries = randomHistory(seed, turns);
          await keep(here.store, entries, seed);
          const journal = await here.store.open('s', { readonly: true });
          const restored = await stateOf(journal);
          await journal.close();
          const whole = folded(entries);
          if (late) expect(outlookOf(restored)).toEqual(outlookOf(whole));
          expect(saved(restored)).toEqual(saved(whole));
          const more = randomHistory(seed + 1, 3).slice(2);
          for (const state of [restored, whole])
            folded(
              more.map((entry, index) => ({ ...entry, seq: entries.length + index })),
              state,
            );
          expect(saved(restored)).toEqual(saved(whole));
          expect(outlookOf(restored)).toEqual(outlookOf(whole));
        }),
        { numRuns: trials, seed: first },
      );
    },
    patienceMs,
  );

  test('can be kept before any entry', () => {
    for (let seed = 1; seed <= 8; seed += 1) expectRestorable(randomHistory(seed, 9));
  });

  test('of another meaning is left alone', () => {
    const { seq, state, steps } = folded([]).checkpoint();
    const kept = { seq, state, steps: () => steps, bytes: new Uint8Array(0), ends: [] };
    expect(SessionState.restore(kept)).not.toBeNull();
    const later = { ...kept, state: state.replace('"version":1', '"version":2') };
    expect(SessionState.restore(later)).toBeNull();
  });

  test('means the same to every process of this version', async () => {
    const text = JSON.stringify(saved(folded(randomHistory(11, 3))), undefined, 1);
    // Where this changes, so must CHECKPOINT_VERSION: a checkpoint that an earlier version has kept is then left alone.
    await expect(text).toMatchFileSnapshot('fixtures/checkpoint-1.json');
  });
});

describe('a session in files', () => {
  const steps = [
    ...Array.from({ length: 30 }, () => reply(toolUse('lookup', { key: 'k'.repeat(400) }))),
    reply('Done.'),
  ];

  test('keeps a checkpoint while its run waits for the model, and the next owner reads on from there', async () => {
    await using here = await inFiles({ checkpointBytes: 4000 });
    const file = join(here.folder, 'sessions', ID, 'checkpoint');
    const seen: number[] = [];
    const tool = lookup(() => void (existsSync(file) && seen.push(seqOf(file))));
    const slow = steps.map((step) => ({ ...step, delayMs: 5 }));
    const w = world({ ...here, steps: [...slow, reply('More.')], tools: [tool] });
    const session = await w.open();
    const first = await session.run('Go on.');
    await session.close();
    expect(new Set(seen).size).toBeGreaterThan(3);
    expect(seqOf(file)).toBeGreaterThan(100);

    const again = await w.open();
    expect(again.messages).toEqual(first.messages);
    expect([again.steps, again.cost, again.usage]).toEqual([first.steps, first.cost, first.usage]);
    await again.run('And now?');
    await again.close();
    expectStablePrefix(w.emulator);
  });

  test.for([
    ['is cut off', (bytes: Buffer) => bytes.subarray(0, bytes.length >> 1)],
    ['is empty', () => Buffer.alloc(0)],
    ['has one bit changed', (bytes: Buffer) => changed(bytes)],
    ['is of a later version', (bytes: Buffer) => ofVersion(bytes, 2)],
  ] as const)('is opened all the same where its checkpoint %s', async ([, harm]) => {
    await using here = await inFiles({ checkpointBytes: 1 });
    const w = world({ ...here, steps, tools: [lookup()] });
    await using session = await w.open();
    const { messages, cost } = await session.run('Go on.');
    await session.close();
    const file = join(here.folder, 'sessions', ID, 'checkpoint');
    await writeFile(file, harm(await readFile(file)));
    await using again = await w.open();
    expect([again.messages, again.cost, again.damage]).toEqual([messages, cost, null]);
  });

  test('is damaged where bytes that its checkpoint covers are changed', async () => {
    await using here = await inFiles({ checkpointBytes: 1 });
    const w = world({ ...here, steps, tools: [lookup()] });
    const session = await w.open();
    await session.run('Go on.');
    await session.close();
    const segment = join(here.folder, 'sessions', ID, '000001.jsonl');
    const { size } = await stat(segment);
    await writeFile(segment, changed(await readFile(segment)));
    await using again = await w.open();
    expect(again.damage).toMatchObject({ where: segment });
    expect(again.damage?.from).toBeLessThan(size / 2);
    expect(again.damage?.to).toBeGreaterThan(size / 2);
  });

  test('tells in the log where no checkpoint could be kept, and loses nothing', async () => {
    await using here = await inFiles({ checkpointBytes: 1 });
    const store: JournalStore = {
      ...here.store,
      async open(id, options) {
        const journal = await here.store.open(id, options);
        const failing = {
          due: true,
          latest: async () => null,
          keep: async () => Promise.reject(new Error('No room.')),
        };
        return proxied(journal, { checkpoints: failing });
      },
    };
    const lines: unknown[] = [];
    const write = (level: string) => (fields: { err?: Error }, message: string) =>
      void lines.push([level, message, fields.err?.message]);
    const logger = {
      child: () => logger,
      isLevelEnabled: () => true,
      debug: () => {},
      info: () => {},
      warn: write('warn'),
      error: write('error'),
    };
    const w = world({ store, steps: [reply('Done.')], logger: logger as never });
    const session = await w.open();
    const { outcome } = await session.run('Go on.');
    await session.close();
    expect(outcome).toBe('completed');
    expect(new Set(lines.map((line) => JSON.stringify(line)))).toEqual(
      new Set([
        JSON.stringify(['warn', 'no checkpoint was kept: opening the session will take longer', 'No room.']),
      ]),
    );
    expect((await w.entries()).at(-1)).toMatchObject({ type: 'run-end', outcome: 'completed' });
  });

  test('is harmed by no journal that can not tell whether one is due, and by no logger that fails', async () => {
    await using here = await inFiles({ checkpointBytes: 1 });
    const broken = (): never => {
      throw new Error('Broken.');
    };
    for (const checkpoints of [
      { due: true, latest: async () => null, keep: broken },
      {
        latest: async () => null,
        keep: broken,
        get due() {
          return broken();
        },
      },
    ]) {
      const store: JournalStore = {
        ...here.store,
        open: async (id, options) => proxied(await here.store.open(id, options), { checkpoints }),
      };
      const quiet = { isLevelEnabled: () => true, debug() {}, info() {}, error() {} };
      const logger = { ...quiet, warn: broken, child: () => logger };
      const w = world({ store, steps: [reply('Done.')], logger: logger as never });
      const session = await w.open();
      expect((await session.run('Go on.')).outcome).toBe('completed');
      await session.close();
    }
  });

  test.for([0, 1.5, Number.NaN, -1])('refuses %s checkpointBytes', (checkpointBytes) => {
    expect(() => fileStore('x', { checkpointBytes })).toThrow(
      /checkpointBytes: must be a whole number of bytes/,
    );
  });
});

function lookup(note = (): void => {}) {
  return defineTool({
    name: 'lookup',
    description: 'Looks something up.',
    input: z.object({ key: z.string() }),
    effect: 'read',
    run({ key }) {
      note();
      return `It is ${key.length} long, “${key}”.`;
    },
  });
}

/** With its checksum right. */
function ofVersion(bytes: Buffer, version: number): Buffer {
  const text = bytes.toString('latin1').slice(9).replace('"version":1', `"version":${version}`);
  const sum = crc32(Buffer.from(text, 'latin1'));
  return Buffer.from(`${sum.toString(16).padStart(8, '0')} ${text}`, 'latin1');
}

function seqOf(file: string): number {
  const [line = ''] = readFileSync(file, 'latin1').split('\n');
  return (JSON.parse(line.slice(9)) as { seq: number }).seq;
}

function changed(bytes: Buffer): Buffer {
  const at = bytes.length >> 1;
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}
