import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineTool } from '@pawl/agent-loop';
import { z } from 'zod';

const FOLDER = fileURLToPath(new URL('../logs', import.meta.url));
/** Lines that a search shows at most. */
const SHOWN = 12;

async function linesOf(file: string): Promise<string[]> {
  const known = await readdir(FOLDER);
  if (!known.includes(file)) throw new Error(`There is no ${file}. There are: ${known.join(', ')}.`);
  return (await readFile(join(FOLDER, file), 'utf8')).trimEnd().split('\n');
}

const place = {
  file: z.string().describe('Name of a log file, such as orders-api.log'),
  pattern: z.string().describe('A regular expression that a line has to match'),
};

/** Which logs there are. */
export const listLogs = defineTool({
  name: 'list_logs',
  description: 'Lists the log files, with the number of their lines.',
  effect: 'read',
  input: z.object({}),
  async run() {
    const files = await readdir(FOLDER);
    return Promise.all(files.map(async (file) => ({ file, lines: (await linesOf(file)).length })));
  },
});

/** Lines of a log. */
export const searchLog = defineTool({
  name: 'search_log',
  description: `Finds the lines of a log that match: how many, the first ${SHOWN} and the last one.`,
  effect: 'read',
  input: z.object(place),
  async run({ file, pattern }) {
    const found = (await linesOf(file)).filter((line) => new RegExp(pattern).test(line));
    const shown = found.slice(0, SHOWN);
    return [
      `${found.length} lines match.`,
      ...shown,
      ...(found.length > SHOWN ? ['…', found.at(-1)] : []),
    ].join('\n');
  },
});

/** How often something happened. */
export const countPerMinute = defineTool({
  name: 'count_per_minute',
  description: 'Counts the lines of a log that match, minute by minute.',
  effect: 'read',
  input: z.object(place),
  async run({ file, pattern }) {
    const counts: Record<string, number> = {};
    for (const line of await linesOf(file)) {
      const minute = line.slice(11, 16);
      if (new RegExp(pattern).test(line)) counts[minute] = (counts[minute] ?? 0) + 1;
    }
    return counts;
  },
});

/** Who waited for whom in the database. */
export const lockWaits = defineTool({
  name: 'lock_waits',
  description: 'Lists the processes of the database that held a lock others waited for, and for how long.',
  effect: 'read',
  input: z.object({}),
  async run() {
    const holders = new Map<string, { waits: number; from: string; to: string }>();
    for (const line of await linesOf('postgres.log')) {
      const pid = /Process holding the lock: (\d+)/.exec(line)?.[1];
      if (pid === undefined) continue;
      const at = line.slice(11, 19);
      const { waits = 0, from = at } = holders.get(pid) ?? {};
      holders.set(pid, { waits: waits + 1, from, to: at });
    }
    return [...holders].map(([pid, held]) => ({ pid, ...held }));
  },
});

/** What was deployed. */
export const deployments = defineTool({
  name: 'deployments',
  description: 'Lists the deployments and migrations of the day.',
  effect: 'read',
  input: z.object({}),
  run: async () => (await linesOf('deploys.log')).join('\n'),
});
