import { crc32 } from 'node:zlib';
import { checkAppend, entryJson, JournalError } from '@pawl/agent-loop/store';
import type { AppendOptions, Entry, Journal, JournalDamage } from '@pawl/agent-loop/store';
import { asJournalError, transaction } from './database.ts';
import type { Connection } from './database.ts';

const PAGE = 256;

/** A session as a row. */
export interface SessionRow {
  readonly key: number;
  readonly epoch: number;
  readonly length: number;
}

/** What a journal is opened with. `epoch`: null where it is for reading. */
export interface Opened {
  readonly connection: Connection;
  readonly id: string;
  readonly key: number;
  readonly epoch: number | null;
  readonly length: number;
  readonly now: () => number;
}

/** A session in the database. Its epoch is the fence: it is checked in the transaction that appends. */
export class SqliteJournal implements Journal {
  readonly damage = null;
  readonly torn = null;
  readonly #opened: Opened;
  #length: number;
  #closed = false;

  constructor(opened: Opened) {
    this.#opened = opened;
    this.#length = opened.length;
  }

  get length(): number {
    return this.#length;
  }

  async append(
    entries: readonly Entry[],
    expectedSeq: number,
    { sync = true }: AppendOptions = {},
  ): Promise<void> {
    if (this.#closed) throw new JournalError('closed', 'The journal is closed.');
    const { connection, epoch } = this.#opened;
    if (epoch === null) throw new JournalError('readonly', 'The journal was opened for reading.');
    const rows = entries.map((entry) => ({ entry, json: entryJson(entry) }));
    try {
      // In WAL mode a commit with NORMAL survives the end of the process, and the next FULL one makes it safe.
      connection.db.exec(`PRAGMA synchronous = ${sync ? 'FULL' : 'NORMAL'}`);
      transaction(connection, () => this.#insert(rows, entries, expectedSeq, epoch));
    } catch (error) {
      throw asJournalError(error, connection.file, 'Nothing was appended');
    }
    this.#length += entries.length;
  }

  #insert(
    rows: readonly { readonly entry: Entry; readonly json: string }[],
    entries: readonly Entry[],
    expectedSeq: number,
    epoch: number,
  ): void {
    const { connection, id, key, now } = this.#opened;
    const { statements } = connection;
    const row = statements.session.get(id) as SessionRow | undefined;
    if (!row) throw new JournalError('fenced', 'The session was deleted since it was opened.');
    if (row.epoch !== epoch) throw new JournalError('fenced', 'Another owner has opened the session since.');
    checkAppend(row.length, entries, expectedSeq);
    let bytes = 0;
    for (const [index, { entry, json }] of rows.entries()) {
      const { type, runId = null, agent = null, at = null } = entry as Partial<Entry> & { type: string };
      statements.insert.run(key, row.length + index, type, runId, agent, at, json, crc32(json));
      bytes += json.length;
    }
    statements.grow.run(row.length + entries.length, bytes, now(), key);
  }

  async *read(fromSeq = 0): AsyncGenerator<Entry> {
    if (this.#closed) throw new JournalError('closed', 'The journal is closed.');
    const to = this.#length;
    for (let from = Math.max(0, fromSeq); from < to; from += PAGE) yield* this.#page(from, to);
  }

  #page(from: number, to: number): readonly Entry[] {
    const { connection, key, id } = this.#opened;
    try {
      const rows = connection.statements.read.all(key, from, to, PAGE) as unknown as readonly EntryRow[];
      const entries = rows.map((row, index) => this.#decode(row, from + index));
      if (entries.length < Math.min(PAGE, to - from))
        throw this.#corrupt(from + entries.length, 'is missing');
      return entries;
    } catch (error) {
      throw asJournalError(error, connection.file, `The session ${JSON.stringify(id)} could not be read`);
    }
  }

  #decode({ seq, json, crc }: EntryRow, expected: number): Entry {
    if (seq !== expected) throw this.#corrupt(expected, 'is missing');
    if (crc32(json) !== crc) throw this.#corrupt(seq, 'is not what was written');
    try {
      return JSON.parse(json) as Entry;
    } catch {
      throw this.#corrupt(seq, 'is no JSON');
    }
  }

  #corrupt(seq: number, what: string): JournalError {
    const { connection, id } = this.#opened;
    const message = `Entry ${seq} ${what}.`;
    const damage: JournalDamage = {
      where: `${connection.file}, session ${id}, entry ${seq}`,
      from: 0,
      to: 0,
      message,
    };
    return new JournalError('corrupt', `${message} (${damage.where})`, { damage });
  }

  close(): void {
    this.#closed = true;
  }
}

interface EntryRow {
  readonly seq: number;
  readonly json: string;
  readonly crc: number;
}
