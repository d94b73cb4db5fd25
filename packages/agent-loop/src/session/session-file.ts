import { z } from 'zod';
import { ConfigError, messageOf } from '../errors.ts';
import type { Entry } from '../journal/events.ts';

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

/** Writes a session to a file, whole or not at all. Needs Node. */
export async function saveSession(file: string, id: string, entries: AsyncIterable<Entry>): Promise<void> {
  const { crc32, writeText } = await import('#files');
  const text = await formatSession(id, entries, crc32);
  try {
    await writeText(file, text);
  } catch (error) {
    throw notReached(file, 'written', error);
  }
}

/** Reads a file that `saveSession` wrote. Throws a ConfigError that names the line at fault; never skips one. */
export async function readSession(file: string): Promise<SavedSession> {
  const { crc32, readText } = await import('#files');
  let text: string;
  try {
    text = await readText(file);
  } catch (error) {
    throw notReached(file, 'read', error);
  }
  return parseSession(text, file, crc32);
}

function notReached(file: string, what: string, error: unknown): ConfigError {
  return error instanceof ConfigError
    ? error
    : new ConfigError('file', `${file} could not be ${what}: ${messageOf(error)}`);
}

type Checksum = (text: string) => number;

/**
 * A session as JSON lines: a header, an entry a line, and an end that says how many there are. Each line ends with its
 * checksum, which also covers the line before, so that a line that was changed, moved or left out is found.
 */
async function formatSession(id: string, entries: AsyncIterable<Entry>, checksum: Checksum): Promise<string> {
  const lines: string[] = [];
  let last = '';
  const add = (value: object): void => {
    const text = JSON.stringify(value);
    last = hex(checksum(last + text));
    lines.push(`${text.slice(0, -1)},"crc":"${last}"}`);
  };
  add({ pawl: 'session', version: VERSION, id });
  for await (const entry of entries) add(entry);
  add({ end: true, entries: lines.length - 1 });
  return `${lines.join('\n')}\n`;
}

function hex(checksum: number): string {
  return checksum.toString(16).padStart(8, '0');
}

function parseSession(text: string, file: string, checksum: Checksum): SavedSession {
  const lines = text.split(/\r?\n/);
  if (lines.at(-1) === '') lines.pop();
  const reader = new LineReader(file, checksum);
  const header = reader.read(lines[0] ?? '', headerSchema);
  if (header.version > VERSION) {
    throw new ConfigError(
      'file',
      `${file} has version ${header.version}, this version reads up to ${VERSION}. Update @pawl/agent-loop.`,
    );
  }
  const entries = lines.slice(1, -1).map((line, index) => {
    const entry = reader.read(line, entrySchema);
    if (entry.seq === index) return entry as unknown as Entry;
    throw reader.problem(`has seq ${entry.seq}, expected ${index}: an entry is missing or misplaced`);
  });
  const end = reader.read(lines.length > 1 ? (lines.at(-1) ?? '') : '', endSchema);
  if (end.entries !== entries.length)
    throw reader.problem(`says that there are ${end.entries} entries, but there are ${entries.length}`);
  return { id: header.id, entries };
}

const CRC = /,"crc":"([0-9a-f]{8})"\}$/;

class LineReader {
  readonly #file: string;
  readonly #checksum: Checksum;
  #number = 0;
  #last = '';

  constructor(file: string, checksum: Checksum) {
    this.#file = file;
    this.#checksum = checksum;
  }

  /** What the next line holds, without its checksum. */
  read<T>(line: string, schema: z.ZodType<T>): T {
    this.#number += 1;
    const found = CRC.exec(line);
    const text = found ? `${line.slice(0, found.index)}}` : line;
    const value = this.#parse(text);
    const checked = schema.safeParse(value);
    if (!checked.success) {
      const what = isRecord(value) && schema === (endSchema as unknown) ? ': the file was cut' : '';
      const issue = checked.error.issues[0];
      throw this.problem(
        `is not what a saved session holds there (${issue?.path.join('.') || 'it'}: ${issue?.message ?? 'wrong shape'})${what}`,
      );
    }
    const expected = hex(this.#checksum(this.#last + text));
    if (found?.[1] !== expected)
      throw this.problem('does not match its checksum: it was changed, or a line before it is missing');
    this.#last = expected;
    return checked.data;
  }

  problem(what: string): ConfigError {
    return new ConfigError('file', `${this.#file}:${this.#number} ${what}.`);
  }

  #parse(text: string): unknown {
    try {
      return JSON.parse(text);
    } catch {
      throw this.problem('is not JSON: the file is not a saved session, or was cut');
    }
  }
}

function isRecord(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'seq' in value;
}
