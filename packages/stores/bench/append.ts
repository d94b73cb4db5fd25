/**
 * Appending a record of 1 KiB, kept with a sync, beside a raw write and fdatasync of the same bytes, taking turns.
 * Run as `pnpm --filter @pawl/stores bench`.
 */
import { fdatasync, openSync, writeSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Entry } from '@pawl/agent-loop/store';
import { fileStore } from '@pawl/stores/file';

const COUNT = 600;
const dataSync = promisify(fdatasync);

const folder = await mkdtemp(join(tmpdir(), 'pawl-bench-'));
try {
  const journal = await fileStore(folder).open('append');
  const fd = openSync(join(folder, 'raw'), 'a', 0o600);
  const record = Buffer.alloc(1024, 'x');
  const content = [{ type: 'text' as const, text: 'x'.repeat(880) }];
  const times = { raw: [] as number[], kept: [] as number[], unsynced: [] as number[] };
  const entryAt = (seq: number): Entry => ({
    type: 'tool-end',
    seq,
    runId: 'run_1',
    agent: 'bench',
    at: 1_790_000_000_000 + seq,
    turn: seq,
    callId: `call_${seq}`,
    tool: 'read',
    outcome: 'ok',
    content,
    durationMs: 12.375,
  });
  let seq = 0;
  for (let round = 0; round < COUNT; round += 1) {
    times.raw.push(
      await timed(async () => {
        writeSync(fd, record);
        await dataSync(fd);
      }),
    );
    times.kept.push(await timed(async () => journal.append([entryAt(seq)], seq++)));
    times.unsynced.push(await timed(async () => journal.append([entryAt(seq)], seq++, { sync: false })));
  }
  await journal.close();
  const [raw, kept, unsynced] = [times.raw, times.kept, times.unsynced].map((values) =>
    quantile(values, 0.5),
  );
  console.log(
    `raw write and fdatasync p50 ${raw?.toFixed(3)} ms, append p50 ${kept?.toFixed(3)} ms: ${((kept ?? 0) / (raw ?? 1)).toFixed(2)}x`,
  );
  console.log(`append without sync p50 ${unsynced?.toFixed(4)} ms`);
} finally {
  await rm(folder, { recursive: true });
}

async function timed(action: () => Promise<void>): Promise<number> {
  const before = performance.now();
  await action();
  return performance.now() - before;
}

function quantile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * share)] ?? Number.NaN;
}
