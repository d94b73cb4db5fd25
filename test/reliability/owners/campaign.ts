import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import type { Entry } from '@pawl/agent-loop';
import { reply, startEmulator, text, toolUse } from '@pawl/emulator';
import type { EmulatedRequest } from '@pawl/emulator';
import { fileStore } from '@pawl/stores/file';
import { randomFrom } from '../../../packages/stores/test/support/random.ts';
import type { Order, Told } from './protocol.ts';

const CHILD = fileURLToPath(new URL('child.ts', import.meta.url));
const NAMES = ['first', 'second'];
const TURNS = 5;
/** An owner that lost the session has to know it within this time, in milliseconds. */
const NOTICE_MS = 1000;

/** What a campaign saw. */
export interface OwnersReport {
  /** Trials in which both owners were at work on the session. */
  readonly trials: number;
  /** Trials in which one was done before the other came. */
  readonly tooLate: number;
  /** The longest time from one owner having opened the session to the other one's error, in milliseconds. */
  readonly noticedWithinMs: number;
  /** How the losers were told, and how often. */
  readonly errors: Readonly<Record<string, number>>;
  readonly broken: readonly string[];
}

/** Lets two processes run the same session, again and again, and checks what comes of it. */
export async function ownersCampaign(options: {
  readonly seed: number;
  readonly trials: number;
  readonly conditions: readonly string[];
  /** Broken on purpose: owners that do not hear that they have lost the session. */
  readonly control?: 'deaf' | undefined;
}): Promise<OwnersReport> {
  const folder = await mkdtemp(join(tmpdir(), 'pawl-owners-'));
  const server = await startEmulator({ respond: model });
  const env = { ...process.env, ANTHROPIC_BASE_URL: server.url, ANTHROPIC_API_KEY: 'offline' };
  const execArgv = options.conditions.map((condition) => `--conditions=${condition}`);
  const args = options.control ? [options.control] : [];
  const owners = NAMES.map((name) =>
    fork(CHILD, [name, ...args], { env, execArgv, serialization: 'advanced' }),
  );
  const random = randomFrom(options.seed);
  const sum = {
    trials: 0,
    tooLate: 0,
    noticedWithinMs: 0,
    errors: {} as Record<string, number>,
    broken: [] as string[],
  };
  try {
    // Loading the packages is no part of what is measured: each begins with a session of its own.
    for (const owner of owners) await compete([owner], orderOf(folder, `warm-up-${owner.pid}`), 0);
    for (let index = 0; sum.trials < options.trials; index += 1) {
      const order = orderOf(folder, `s${index}`);
      const inOrder = random.chance(0.5) ? owners : owners.toReversed();
      const told = await compete(inOrder, order, random.below(60));
      const trial = `seed ${options.seed}, trial ${index}`;
      if (told.some(({ end }) => end === 'over')) sum.tooLate += 1;
      else sum.trials += 1;
      for (const problem of await problemsOf(told, order)) sum.broken.push(`${trial}: ${problem}`);
      for (const loser of told) {
        if (loser.error === null) continue;
        sum.errors[loser.error] = (sum.errors[loser.error] ?? 0) + 1;
        const winner = told.find(({ end }) => end === 'completed');
        const noticed = loser.endedAt - (winner?.openedAt ?? loser.endedAt);
        sum.noticedWithinMs = Math.max(sum.noticedWithinMs, noticed);
        if (noticed > NOTICE_MS) sum.broken.push(`${trial}: it took ${noticed} ms until the loser knew`);
      }
    }
    for (const { message } of server.emulator.refusals) sum.broken.push(`a request was refused: ${message}`);
    return sum;
  } finally {
    for (const owner of owners) owner.kill();
    await server.close();
    await rm(folder, { recursive: true, force: true });
  }
}

function orderOf(folder: string, id: string): Order {
  return { sessions: join(folder, 'sessions'), id, ledger: join(folder, `ledger-${id}`) };
}

function model({ body }: EmulatedRequest) {
  const turn = body.messages.filter(({ role }) => role === 'assistant').length;
  if (turn >= TURNS) return reply(text('Done.'));
  return reply(
    ['look', 'put', 'send'].map((tool) => toolUse(tool, { turn }, { id: `toolu_${tool}_${turn}` })),
  );
}

/** The second comes while the first is at work, or at the very same time. */
async function compete(owners: readonly ChildProcess[], order: Order, delayMs: number): Promise<Told[]> {
  const answers = owners.map(async (owner, index) => {
    if (index > 0) await wait(delayMs);
    owner.send(order);
    const [told] = (await once(owner, 'message')) as [Told];
    return told;
  });
  return Promise.all(answers);
}

async function problemsOf(told: readonly Told[], { sessions, id, ledger }: Order): Promise<string[]> {
  const problems: string[] = [];
  const ends = told.map(({ end }) => end).toSorted();
  const wasTold = told.some(({ kept }) => kept.some(({ type }) => type === 'run-end'));
  const isFair =
    isDeepStrictEqual(ends, ['completed', 'fenced']) ||
    isDeepStrictEqual(ends, ['completed', 'over']) ||
    // The end was on its way to the disk when the other one came: that one finds it, and nobody is told of it.
    (isDeepStrictEqual(ends, ['fenced', 'over']) && !wasTold);
  if (!isFair)
    problems.push(`the owners ended as ${told.map(({ end, error }) => `${end} (${error})`).join(' and ')}`);
  const entries = await read(sessions, id);
  const last = entries.at(-1);
  if (last?.type !== 'run-end' || last.outcome !== 'completed') problems.push('the session has no end');
  for (const entry of told.flatMap(({ kept }) => kept)) {
    if (!isDeepStrictEqual(entries[entry.seq], entry))
      problems.push(`entry ${entry.seq} was told and is not kept`);
  }
  // Whose an entry is stands in it: once the other owner has begun, nothing of the first may follow.
  const changes = entries.filter(({ agent }, index) => index > 0 && agent !== entries[index - 1]?.agent);
  if (changes.length > 1)
    problems.push(`the entries of the owners are mixed: ${entries.map(({ agent }) => agent).join()}`);
  const sends = await effectsOf(ledger, 'send');
  if (new Set(sends).size < sends.length)
    problems.push(`a call of a once tool happened twice: ${sends.join()}`);
  return problems;
}

async function read(sessions: string, id: string): Promise<Entry[]> {
  const journal = await fileStore(sessions).open(id, { readonly: true });
  const entries: Entry[] = [];
  for await (const entry of journal.read()) entries.push(entry);
  await journal.close();
  return entries;
}

async function effectsOf(ledger: string, tool: string): Promise<string[]> {
  if (!existsSync(ledger)) return [];
  const lines = (await readFile(ledger, 'utf8')).trimEnd().split('\n');
  const effects = lines.map(
    (line) => JSON.parse(line) as { readonly toolName: string; readonly callId: string },
  );
  return effects.filter(({ toolName }) => toolName === tool).map(({ callId }) => callId);
}
