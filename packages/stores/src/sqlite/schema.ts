import { JournalError } from '@pawl/agent-loop/store';
import type { DatabaseSync } from 'node:sqlite';

/** Tells our databases from others: "pawl". */
const APPLICATION_ID = 0x7061776c;
const VERSION = 1;

const TABLES = `
  CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    key INTEGER NOT NULL UNIQUE,
    epoch INTEGER NOT NULL,
    length INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL
  ) STRICT;
  CREATE TABLE entries (
    session INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    type TEXT NOT NULL,
    run_id TEXT,
    agent TEXT,
    at REAL,
    json TEXT NOT NULL,
    crc INTEGER NOT NULL,
    PRIMARY KEY (session, seq)
  ) STRICT;
  CREATE TABLE counter (last INTEGER NOT NULL) STRICT;
  INSERT INTO counter VALUES (0);
`;

/** Came later, without a new version: one that does not know it leaves it alone. */
const BUDGETS = 'CREATE TABLE IF NOT EXISTS budgets (id TEXT PRIMARY KEY, text TEXT NOT NULL) STRICT';

/** Makes the tables in a new file; refuses a file of somebody else, or of a newer version. */
export function prepare(db: DatabaseSync, file: string): void {
  db.exec('PRAGMA busy_timeout = 5000');
  // Asked first, so that nothing is written into a file that is not ours.
  const { applicationId, isEmpty } = identify(db);
  if (!isEmpty && applicationId !== APPLICATION_ID) {
    throw new JournalError('io', `${file} is a database, but not one of sessions.`);
  }
  useWal(db);
  db.exec('PRAGMA synchronous = FULL');
  db.exec('BEGIN IMMEDIATE');
  try {
    const version = pragma(db, 'user_version');
    if (version > VERSION) {
      throw new JournalError(
        'newer-version',
        `${file} was written by a newer version of pawl (format ${version}).`,
      );
    }
    if (version === 0)
      db.exec(`${TABLES} PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${VERSION}`);
    db.exec(BUDGETS);
    db.exec('COMMIT');
  } catch (error) {
    db.exec('ROLLBACK');
    throw error;
  }
}

/** Both are read in one transaction: another process may be making the tables. */
function identify(db: DatabaseSync): { readonly applicationId: number; readonly isEmpty: boolean } {
  db.exec('BEGIN');
  try {
    const applicationId = pragma(db, 'application_id');
    return { applicationId, isEmpty: applicationId === 0 && pragma(db, 'schema_version') === 0 };
  } finally {
    db.exec('COMMIT');
  }
}

/** SQLite does not wait where two connections turn a new file to WAL at the same time: one of them has to try again. */
function useWal(db: DatabaseSync): void {
  for (let tries = 1; ; tries += 1) {
    try {
      db.exec('PRAGMA journal_mode = WAL');
      return;
    } catch (error) {
      if (tries === MAX_TRIES || (error as { errcode?: unknown }).errcode !== SQLITE_BUSY) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
    }
  }
}

const SQLITE_BUSY = 5;
const MAX_TRIES = 100;
const PAUSE_MS = 20;

function pragma(db: DatabaseSync, name: string): number {
  return Number(Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0] ?? 0);
}
