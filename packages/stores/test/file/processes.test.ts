import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Entry } from '@pawl/agent-loop/store';
import { fileStore, verifySession } from '@pawl/stores/file';
import { describe, expect, test } from 'vitest';
import { campaign, patienceMs } from '../../../../test/support/campaign.ts';
import { randomFrom } from '../support/random.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { sourceFlags } from '../../../../test/support/node-flags.ts';

const program = fileURLToPath(new URL('../support/owner-process.ts', import.meta.url));

/** A process that owns the session until it is done, fenced or killed. */
function startOwner(folder: string, label: string, count: number, begin = 'at-once') {
  const args = [...sourceFlags, program, folder, label, String(count), begin];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines: { readonly text: string; readonly at: number }[] = [];
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    const parts = (rest + chunk).split('\n');
    rest = parts.pop() ?? '';
    lines.push(...parts.map((text) => ({ text, at: performance.now() })));
  });
  const ended = once(child, 'close');
  const until = async (start: string): Promise<void> => {
    while (!lines.some(({ text }) => text.startsWith(start)) && child.exitCode === null)
      await Promise.race([once(child.stdout, 'data'), ended]);
  };
  const acknowledged = (): number[] =>
    lines.flatMap(({ text }) => (text.startsWith('ack ') ? [Number(text.slice(4))] : []));
  return { child, lines, ended, until, acknowledged, label };
}

async function readSession(folder: string): Promise<Entry[]> {
  const journal = await fileStore(folder).open('s');
  expect(journal.damage).toBe(null);
  const entries: Entry[] = [];
  for await (const entry of journal.read()) entries.push(entry);
  await journal.close();
  return entries;
}

describe('real processes', () => {
  test('of two that race for one session exactly one continues', { timeout: patienceMs }, async () => {
    const { trials } = campaign({ suite: 3, ci: 20, full: 200 });
    let slowest = 0;
    for (let trial = 0; trial < trials; trial += 1) {
      await using folder = await temporaryFolder();
      const owners = ['left', 'right'].map((label) => startOwner(folder.path, label, 1_000_000, 'on-input'));
      await Promise.all(owners.map((owner) => owner.until('ready')));
      const started = performance.now();
      for (const { child } of owners) child.stdin.write('go\n');
      const [loser, winner] = await Promise.race(
        owners.map(async (owner, index) => {
          await owner.ended;
          return [owner, owners[1 - index] as typeof owner] as const;
        }),
      );
      const last = loser.lines.at(-1);
      expect(last?.text).toBe('error fenced');
      slowest = Math.max(slowest, (last?.at ?? Number.POSITIVE_INFINITY) - started);
      await winner.until('open');
      const before = winner.acknowledged().length;
      while (winner.acknowledged().length < before + 3) await once(winner.child.stdout, 'data');
      winner.child.kill('SIGKILL');
      await winner.ended;
      const kept = await readSession(folder.path);
      for (const { acknowledged, label } of owners)
        for (const seq of acknowledged()) expect([seq, kept[seq]?.runId]).toEqual([seq, `run_${label}`]);
    }
    console.log(`races: ${trials}, the slower was told within ${Math.round(slowest)} ms`);
    expect(slowest).toBeLessThan(process.env['PAWL_CAMPAIGN'] === 'full' ? 1000 : 5000);
  });

  test('a writer that is killed loses nothing it acknowledged', { timeout: patienceMs }, async () => {
    const { trials, seed } = campaign({ suite: 5, ci: 50, full: 500 });
    const random = randomFrom(seed);
    await using folder = await temporaryFolder();
    let total = 0;
    const expected: string[] = [];
    for (let trial = 0; trial < trials; trial += 1) {
      const owner = startOwner(folder.path, `w${trial}`, 1_000_000);
      if (random.chance(0.8)) await owner.until('open');
      await new Promise((resolve) => setTimeout(resolve, random.below(40)));
      owner.child.kill('SIGKILL');
      await owner.ended;
      const kept = await readSession(folder.path);
      for (const seq of owner.acknowledged()) expected[seq] = `run_w${trial}`;
      expect(kept.length).toBeGreaterThanOrEqual(expected.length);
      expect(kept.length).toBeLessThanOrEqual(expected.length + 1);
      expect(kept.slice(0, expected.length).map(({ runId }) => runId)).toEqual(expected);
      for (const { seq, runId } of kept.slice(expected.length)) expected[seq] = runId;
      total += owner.acknowledged().length;
    }
    expect(await verifySession(`${folder.path}/s`)).toMatchObject({ ok: true, entries: expected.length });
    console.log(`kills: ${trials}, ${total} entries acknowledged`);
  });
});
