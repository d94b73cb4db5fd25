import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { sampleEntries } from '@pawl/agent-loop/testkit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { campaign, patienceMs } from '../../../../test/support/campaign.ts';
import type { RequestParams } from '../../src/api.ts';
import { NO_MARKS } from '../../src/cache/cache-marks.ts';
import type { Entry } from '../../src/journal/events.ts';
import { foldKept } from '../../src/journal/kept-journal.ts';
import { SessionState } from '../../src/journal/session-state.ts';
import type { JournalStore, KeptTexts } from '../../src/store.ts';
import { createAgent, openSession } from '../../src/index.ts';
import { clientOf } from '../loop/stage.ts';
import { diceOf, randomHistory } from './random-history.ts';
import { inFiles } from './world.ts';

const PARAMS: RequestParams = { model: 'm', max_tokens: 9, stream: true, system: 'Be brief.' };

/** Keeps entries, with another process going on with them here and there. */
async function keep(
  store: JournalStore,
  entries: readonly Entry[],
  seed: number,
): Promise<readonly KeptTexts[]> {
  const dice = diceOf(seed);
  let journal = await store.open('s');
  for (let from = 0; from < entries.length;) {
    const to = from + 1 + dice(300);
    await journal.append(entries.slice(from, to), from, { sync: false });
    from = to;
    if (dice(2) === 0) continue;
    await journal.close();
    journal = await store.open('s');
  }
  await journal.close();
  const reader = await store.open('s', { readonly: true });
  const texts = await reader.texts?.();
  await reader.close();
  if (!texts) throw new Error('The texts are in memory.');
  return texts;
}

function eager(entries: readonly Entry[]): SessionState {
  const state = new SessionState();
  for (const entry of entries) state.apply(entry);
  return state;
}

/** What a session asks of its state before and while it sends the next request. */
function outlookOf(state: SessionState): unknown {
  const { run, cache, transcript } = state;
  const now = 1_799_000_000_000;
  const sent = state.request(PARAMS, now);
  const marked = state.request(PARAMS, now, undefined, () => ({ ...NO_MARKS, end: '5m', block: true }));
  return {
    bytes: Buffer.from(sent.bytes).toString(),
    marked: Buffer.from(marked.bytes).toString(),
    params: sent.params,
    run: run && [run.runId, run.ended, run.inFlight, run.hasInput, run.answered, run.closing, run.compacted],
    unanswered: run && run.ended === null ? run.unanswered : null,
    ofRun: run && run.ended === null ? [run.tally.steps, run.tally.cost, run.spend.counted] : null,
    calls: state.openCalls().map((call) => [call, state.callOf(call)]),
    decided: ['call_1', 'call_2', 'call_9'].map((id) => state.wasDecided(id)),
    last: [transcript.length, transcript.lastRole, state.paused, transcript.container(now)],
    kept: [state.prefix, state.settings, state.latestSteps],
    places: [cache.places.outOfSight, cache.places.marked],
    habits: [1, 2, 3, 30].map((turn) => cache.habit.expect(turn, { soon: 0.5, later: 0 })),
    cached: [cache.estimate(sent.bytes.length, now), cache.outlook('m', now), cache.last],
  };
}

function bill({ total, spend, transcript }: SessionState): unknown {
  const { usage, cost, steps, lostUsd } = total;
  return [usage, cost, steps, lostUsd, spend.counted, transcript.closed()];
}

describe('a journal of which only what is needed is parsed', () => {
  test(
    'is as one that was parsed whole, in whatever order it is looked at',
    async () => {
      const { trials, seed: first } = campaign({ suite: 60, ci: 500, full: 10_000 });
      const histories = fc.record({
        seed: fc.nat(),
        turns: fc.integer({ min: 1, max: 160 }),
        late: fc.boolean(),
      });
      await fc.assert(
        fc.asyncProperty(histories, async ({ seed, turns, late }) => {
          await using here = await inFiles();
          const entries = randomHistory(seed, turns);
          const texts = await keep(here.store, entries, seed);
          const [whole, lazy] = [eager(entries), foldKept(texts)];
          if (late) expect(bill(lazy)).toEqual(bill(whole));
          expect(outlookOf(lazy)).toEqual(outlookOf(whole));
          const more = randomHistory(seed + 1, 3).slice(2);
          for (const state of [whole, lazy]) for (const entry of more) state.apply(entry);
          expect(outlookOf(lazy)).toEqual(outlookOf(whole));
          expect(bill(lazy)).toEqual(bill(whole));
        }),
        { numRuns: trials, seed: first },
      );
    },
    patienceMs,
  );

  test('is sent as it is kept, whatever is in it, and says what is wrong when it is looked at', async () => {
    await using here = await inFiles();
    const sent: string[] = [];
    const client = clientOf(
      async (_, init) => {
        sent.push(Buffer.from(init?.body as Uint8Array).toString());
        return Response.json(
          { type: 'error', error: { type: 'authentication_error', message: 'no' } },
          { status: 401 },
        );
      },
      { maxRetries: 0 },
    );
    const agent = createAgent({ name: 'tester', model: 'claude-sonnet-5-5', client });
    await (await openSession({ agent, store: here.store, id: 's' })).close();
    await keepRun(here.store);
    await breakContent(join(here.folder, 'sessions/s/000002.jsonl'), 'thought 3:', 'thought"3:');

    const session = await openSession({ agent, store: here.store, id: 's' });
    expect([session.damage, session.pending]).toEqual([null, null]);
    const failed = await session.run('And now?').catch((error: unknown) => error);
    expect(sent).toHaveLength(1);
    expect(sent[0]).toContain('thought"3:');
    expect(failed).toMatchObject({ code: 'authentication' });
    for (const look of [
      () => session.messages,
      () => session.cost,
      () => session.messages,
      () => session.steps,
    ])
      expect(look).toThrow(expect.objectContaining({ name: 'JournalError', code: 'corrupt' }));
    await session.close();
  });
});

/** A run of a hundred steps that has ended. */
async function keepRun(store: JournalStore): Promise<void> {
  const journal = await store.open('s');
  const from = journal.length;
  const run = sampleEntries(602).map((entry, index) => ({ ...entry, seq: from + index }));
  const { runId, agent, at } = run[0] as Entry;
  const end = { type: 'run-end', outcome: 'stopped', turns: 100, reason: null, runId, agent, at } as const;
  await journal.append([...run, { ...end, seq: from + run.length }], from);
  await journal.close();
}

/** Changes a content, with checksums that say nothing is wrong. */
async function breakContent(file: string, find: string, replace: string): Promise<void> {
  const lines = (await readFile(file, 'utf8')).split('\n').slice(0, -1);
  const at = lines.findIndex((line) => line.includes(find));
  lines[at] = (lines[at] ?? '').replace(find, replace);
  let crc = 0;
  const mended = lines.map((line) => {
    crc = crc32(line.slice(9), crc);
    return `${crc.toString(16).padStart(8, '0')} ${line.slice(9)}\n`;
  });
  await writeFile(file, mended.join(''));
}
