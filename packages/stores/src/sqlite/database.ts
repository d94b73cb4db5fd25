import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { JournalError } from '@pawl/agent-loop/store';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { prepare } from './schema.ts';

const STATEMENTS = {
  session: 'SELECT key, epoch, length, created_at AS createdAt FROM sessions WHERE id = ?',
  count: 'UPDATE counter SET last = last + 1 RETURNING last',
  create: 'INSERT INTO sessions VALUES (?, ?, ?, 0, 0, ?, ?)',
  own: 'UPDATE sessions SET epoch = ? WHERE id = ?',
  grow: 'UPDATE sessions SET length = ?, bytes = bytes + ?, updated_at = max(updated_at, ?) WHERE key = ?',
  insert: 'INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
  read: 'SELECT seq, json, crc FROM entries WHERE session = ? AND seq >= ? AND seq < ? ORDER BY seq LIMIT ?',
  list: 'SELECT id, bytes, created_at AS createdAt, updated_at AS updatedAt FROM sessions ORDER BY id',
  deleteEntries: 'DELETE FROM entries WHERE session = ?',
  deleteSession: 'DELETE FROM sessions WHERE key = ?',
  budget: 'SELECT text FROM budgets WHERE id = ?',
  keepBudget: 'INSERT INTO budgets VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET text = ?2',
} as const;

/** A connection with its statements. */
export interface Connection {
  readonly db: DatabaseSync;
  readonly file: string;
  readonly statements: Readonly<Record<keyof typeof STATEMENTS, StatementSync>>;
}

/** Opens the database, or makes it. The only module that loads `node:sqlite`. */
export async function connect(file: string): Promise<Connection> {
  const { DatabaseSync } = await loadSqlite();
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  // The database and the files beside it take the rights of a file that is there already.
  closeSync(openSync(file, 'a', 0o600));
  if (process.platform !== 'win32') chmodSync(file, 0o600);
  const db = new DatabaseSync(file);
  try {
    prepare(db, file);
    const made = Object.entries(STATEMENTS).map(([name, sql]) => [name, db.prepare(sql)]);
    return { db, file, statements: Object.fromEntries(made) };
  } catch (error) {
    db.close();
    throw error;
  }
}

async function loadSqlite(): Promise<{ readonly DatabaseSync: typeof DatabaseSync }> {
  try {
    return await import('node:sqlite');
  } catch (cause) {
    throw new JournalError(
      'io',
      `The SQLite store needs Node 22.13 or later, which brings node:sqlite; this is ${process.version}. Use @pawl/stores/file instead.`,
      { cause },
    );
  }
}

/** Does something in a transaction that no other writer can come into. */
export function transaction<T>({ db }: Connection, action: () => T): T {
  db.exec('BEGIN IMMEDIATE');
  try {
    const result = action();
    db.exec('COMMIT');
    return result;
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}

/** What SQLite or the file system threw, as a JournalError. */
export function asJournalError(error: unknown, file: string, message: string): unknown {
  if (error instanceof JournalError) return error;
  const { code, errcode, syscall } = error as { code?: unknown; errcode?: unknown; syscall?: unknown };
  if (code !== 'ERR_SQLITE_ERROR' && syscall === undefined) return error;
  const reason = error instanceof Error ? error.message : String(error);
  // SQLITE_CORRUPT and SQLITE_NOTADB, whatever the extended code says more.
  const isCorrupt = typeof errcode === 'number' && [11, 26].includes(errcode & 0xff);
  if (!isCorrupt) return new JournalError('io', `${message}: ${reason}`, { cause: error });
  const damage = { where: file, from: 0, to: 0, message: reason };
  return new JournalError('corrupt', `${message}: ${reason}`, { cause: error, damage });
}
