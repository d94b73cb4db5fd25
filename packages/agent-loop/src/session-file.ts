import { z } from 'zod';
import { ConfigError } from './errors.ts';
import type { Entry } from './events.ts';

/** Version of the file that `save` writes. */
const VERSION = 1;

const headerSchema = z.object({ pawl: z.literal('session'), version: z.number().int(), id: z.string() });
const entrySchema = z.looseObject({
  type: z.string(),
  runId: z.string(),
  agent: z.string(),
  at: z.number(),
  seq: z.number().int(),
});
const endSchema = z.object({ end: z.literal(true), entries: z.number().int() });

/** A saved session. */
export interface SavedSession {
  readonly id: string;
  readonly entries: readonly Entry[];
}

/** Writes a session as JSON lines: a header, an entry a line, and an end that says how many there are. */
export async function formatSession(id: string, entries: AsyncIterable<Entry>): Promise<string> {
  const lines = [JSON.stringify({ pawl: 'session', version: VERSION, id })];
  for await (const entry of entries) lines.push(JSON.stringify(entry));
  lines.push(JSON.stringify({ end: true, entries: lines.length - 1 }));
  return `${lines.join('\n')}\n`;
}

/** Reads what `formatSession` wrote. Throws a ConfigError that names the line at fault; never skips one. */
export function parseSession(text: string, file: string): SavedSession {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  const header = parseLine(lines[0] ?? '', headerSchema, file, 1);
  if (header.version > VERSION) {
    throw new ConfigError(
      'file',
      `${file} has version ${header.version}, this version reads up to ${VERSION}. Update @pawl/agent-loop.`,
    );
  }
  const body = lines.slice(1, -1);
  const entries = body.map((line, index) => {
    const entry = parseLine(line, entrySchema, file, index + 2);
    if (entry.seq !== index)
      throw new ConfigError(
        'file',
        `${file}:${index + 2} has seq ${entry.seq}, expected ${index}: an entry is missing or misplaced.`,
      );
    return entry as unknown as Entry;
  });
  const end = parseLine(lines.length > 1 ? (lines.at(-1) ?? '') : '', endSchema, file, lines.length);
  if (end.entries !== entries.length) {
    throw new ConfigError(
      'file',
      `${file} holds ${entries.length} entries, its end says ${end.entries}: it is not whole.`,
    );
  }
  return { id: header.id, entries };
}

function parseLine<T>(line: string, schema: z.ZodType<T>, file: string, number: number): T {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new ConfigError(
      'file',
      `${file}:${number} is not JSON: the file is not a saved session, or was cut.`,
    );
  }
  const checked = schema.safeParse(value);
  if (checked.success) return checked.data;
  throw new ConfigError(
    'file',
    `${file}:${number} is not what a saved session holds there: ${checked.error.issues[0]?.message ?? 'wrong shape'}.`,
  );
}
