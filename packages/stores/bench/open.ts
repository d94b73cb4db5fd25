/**
 * Opening a session of 10,000 messages, about 20 MB, beside reading and JSON-parsing the same bytes line by line.
 * Run as `pnpm --filter @pawl/stores bench`.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sampleEntries } from '@pawl/agent-loop/testkit';
import { fileStore } from '@pawl/stores/file';

const TURNS = 5000;
const ROUNDS = 9;
const ENTRIES = 2 + TURNS * 6;

const folder = await mkdtemp(join(tmpdir(), 'pawl-bench-'));
try {
  const store = fileStore(folder);
  const journal = await store.open('long');
  for (let seq = 0; seq < ENTRIES; seq += 60) {
    const entries = sampleEntries(Math.min(60, ENTRIES - seq), { from: seq, resultSize: 1350 });
    await journal.append(entries, seq, { sync: false });
  }
  await journal.close();
  const path = join(folder, 'long', '000001.jsonl');

  const plain = async (): Promise<number> => {
    const lines = (await readFile(path, 'utf8')).split('\n');
    const entries: unknown[] = [];
    for (const line of lines) if (line !== '') entries.push(JSON.parse(line.slice(line.indexOf('{'))));
    return entries.length;
  };
  const opened = async (): Promise<number> => {
    const session = await store.open('long', { readonly: true });
    const entries = [];
    for await (const entry of session.read()) entries.push(entry);
    return entries.length;
  };
  const times = { plain: [] as number[], opened: [] as number[] };
  for (let round = 0; round < ROUNDS; round += 1) {
    times.plain.push(await timed(plain));
    times.opened.push(await timed(opened));
  }
  const megabytes = (await readFile(path)).length / 1e6;
  const [base, ours] = [median(times.plain), median(times.opened)];
  console.log(`${ENTRIES} entries, ${megabytes.toFixed(1)} MB`);
  console.log(
    `read and parse ${base.toFixed(1)} ms, open and read ${ours.toFixed(1)} ms: ${(ours / base).toFixed(2)}x`,
  );
} finally {
  await rm(folder, { recursive: true });
}

async function timed(action: () => Promise<number>): Promise<number> {
  const before = process.cpuUsage();
  await action();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
