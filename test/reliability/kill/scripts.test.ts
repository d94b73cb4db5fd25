import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { reply, startEmulator } from '@pawl/emulator';
import { fileStore } from '@pawl/stores/file';
import { expect, test } from 'vitest';
import { sureOf } from '../../../packages/agent-loop/test/orchestrate/script-world.ts';
import { randomFrom } from '../../../packages/stores/test/support/random.ts';
import { campaign, patienceMs } from '../../support/campaign.ts';
import { packageConditions } from '../built.ts';
import { strippedFlags } from '../../support/node-flags.ts';

const CHILD = fileURLToPath(new URL('script-child.ts', import.meta.url));
const { conditions, what } = packageConditions();
const { trials, seed } = campaign({ suite: 1, ci: 4, full: 100 });

/** Runs the script in a process that is killed once it has kept so many entries. What it said last, where it got there. */
async function live(url: string, args: readonly string[], killAfter: number): Promise<string | undefined> {
  const env = { ...process.env, ANTHROPIC_BASE_URL: url, ANTHROPIC_API_KEY: 'offline' };
  const flags = [...strippedFlags, ...conditions.map((name) => `--conditions=${name}`)];
  const child = spawn(process.execPath, [...flags, CHILD, ...args], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let told = '';
  child.stdout.on('data', (chunk: Buffer) => {
    told += chunk.toString();
    if (told.split('kept\n').length > killAfter) child.kill('SIGKILL');
  });
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve) => {
    child.on('close', (...end) => resolve(end));
  });
  if (signal !== 'SIGKILL') expect(code).toBe(0);
  return /^done (.*)$/m.exec(told)?.[1];
}

test(
  `${trials} scripts of ${what}, killed again and again, from seed ${seed}`,
  { timeout: 5 * patienceMs },
  async () => {
    for (let trial = seed; trial < seed + trials; trial += 1) {
      const folder = await mkdtemp(join(tmpdir(), 'pawl-scripts-'));
      await using server = await startEmulator({
        respond: ({ body }) => reply(`To ${JSON.stringify(body.messages[0]?.content)}`, { delayMs: 5 }),
      });
      const { emulator } = server;
      const ledger = join(folder, 'ledger');
      const store = fileStore(join(folder, 'sessions'));
      const random = randomFrom(trial);
      const effects = async (): Promise<string[]> =>
        existsSync(ledger) ? (await readFile(ledger, 'utf8')).trimEnd().split('\n') : [];
      let kills = 0;
      let done: string | undefined;
      while (done === undefined) {
        const sure = await sureOf(store, emulator);
        const [asked, happened] = [emulator.requests.length, (await effects()).length];
        // From the sixth life on nobody kills it.
        done = await live(
          server.url,
          [join(folder, 'sessions'), ledger],
          kills < 5 ? 4 + random.below(20) : Infinity,
        );
        if (done === undefined) kills += 1;
        const again = emulator.requests.slice(asked).filter(({ bodyText }) => sure.requests.has(bodyText));
        expect(again, `seed ${trial}`).toEqual([]);
        expect(
          (await effects()).slice(happened).filter((key) => sure.effects.has(key)),
          `seed ${trial}`,
        ).toEqual([]);
      }
      const { result, usage } = JSON.parse(done) as { result: string; usage: object };
      const kept = (await sureOf(store, emulator)).requests;
      expect(kills, `seed ${trial}`).toBeGreaterThan(0);
      expect(kept.size, `seed ${trial}`).toBe(5);
      expect(result, `seed ${trial}`).toMatch(/^To "Sum up \d+,\d+,\d+"$/);
      expect(new Set(await effects()).size, `seed ${trial}`).toBe(3);
      expect(emulator.refusals).toEqual([]);
      // Each reply once, whichever process got it.
      const billed = new Map(emulator.requests.map(({ bodyText, usage: used }) => [bodyText, used]));
      const sum = (name: string): number =>
        [...billed.values()].reduce((all, used) => all + Number(used?.[name] ?? 0), 0);
      expect(usage).toEqual({ input_tokens: sum('input_tokens'), output_tokens: sum('output_tokens') });
      await rm(folder, { recursive: true, force: true });
    }
  },
);
