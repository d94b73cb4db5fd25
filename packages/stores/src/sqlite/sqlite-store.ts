import { resolve } from 'node:path';
import { checkJournalId, checkOptions, ConfigError, JournalError } from '@pawl/agent-loop/store';
import type { BudgetStore, FullJournal, JournalInfo, JournalStore } from '@pawl/agent-loop/store';
import { asJournalError, connect, transaction } from './database.ts';
import type { Connection } from './database.ts';
import { SqliteJournal } from './sqlite-journal.ts';
import type { SessionRow } from './sqlite-journal.ts';

/** How sessions are kept in a database. */
export interface SqliteStoreOptions {
  /** Tells the time, in epoch milliseconds, for the columns that say when. Default `Date.now`. */
  readonly now?: () => number;
}

const OPTIONS: readonly (keyof SqliteStoreOptions)[] = ['now'];

/** A store over one connection. */
export interface SqliteStore extends JournalStore<FullJournal>, BudgetStore, AsyncDisposable {
  /** Closes the connection. Journals that are open end with it. */
  close(): Promise<void>;
}

/**
 * Keeps many sessions in one SQLite file (WAL, every append a transaction), for people who want to query them: the table
 * `entries` holds each entry as JSON. Needs Node 22.13 or later. The file is opened when first needed; every call blocks
 * the process while SQLite works.
 */
export function sqliteStore(file: string, options: SqliteStoreOptions = {}): SqliteStore {
  if (typeof file !== 'string' || file === '' || file === ':memory:') {
    throw new ConfigError('sqliteStore', `needs the path of a file, got ${JSON.stringify(file)}.`);
  }
  checkOptions('sqliteStore', options, OPTIONS);
  const { now = Date.now } = options;
  if (typeof now !== 'function') {
    throw new ConfigError('now', `must be a function, got ${JSON.stringify(now)}.`);
  }
  const path = resolve(file);
  let connecting: Promise<Connection> | undefined;
  const use = async <T>(message: string, action: (connection: Connection) => T): Promise<T> => {
    try {
      connecting ??= connect(path);
      return action(await connecting);
    } catch (error) {
      throw asJournalError(error, path, message);
    }
  };
  const close = async (): Promise<void> => {
    const closing = connecting;
    connecting = undefined;
    await closing?.then(
      ({ db }) => db.close(),
      () => {},
    );
  };
  return {
    open(id, { readonly = false } = {}) {
      return use('The session could not be opened', (connection) => {
        checkJournalId(id);
        return readonly ? openForReading(connection, id, now) : openForWriting(connection, id, now);
      });
    },
    list: () =>
      use(
        'The sessions could not be listed',
        ({ statements }) =>
          statements.list.all().map((row) => ({ ...row })) as unknown as readonly JournalInfo[],
      ),
    delete: (id) =>
      use('The session could not be deleted', (connection) => {
        checkJournalId(id);
        transaction(connection, () => remove(connection, id));
      }),
    updateBudget: (id, change) =>
      use('The budget could not be kept', (connection) => {
        checkJournalId(id);
        connection.db.exec('PRAGMA synchronous = FULL');
        transaction(connection, () => changeBudget(connection, id, change));
      }),
    close,
    [Symbol.asyncDispose]: close,
  };
}

function openForReading(connection: Connection, id: string, now: () => number): FullJournal {
  const row = connection.statements.session.get(id) as SessionRow | undefined;
  if (!row) throw new JournalError('not-found', `There is no session ${JSON.stringify(id)}.`);
  return new SqliteJournal({ connection, id, key: row.key, epoch: null, length: row.length, now });
}

function openForWriting(connection: Connection, id: string, now: () => number): FullJournal {
  const { statements } = connection;
  connection.db.exec('PRAGMA synchronous = FULL');
  const { key, epoch, length } = transaction(connection, (): SessionRow => {
    // Counted over all sessions, so that no owner of a deleted session passes for one of its successor.
    const { last } = statements.count.get() as { last: number };
    const row = statements.session.get(id) as SessionRow | undefined;
    if (row) statements.own.run(last, id);
    else statements.create.run(id, last, last, now(), now());
    return { key: row?.key ?? last, epoch: last, length: row?.length ?? 0 };
  });
  return new SqliteJournal({ connection, id, key, epoch, length, now });
}

function changeBudget({ statements }: Connection, id: string, change: (kept: string | null) => string): void {
  const row = statements.budget.get(id) as { readonly text: string } | undefined;
  statements.keepBudget.run(id, change(row?.text ?? null));
}

function remove({ statements }: Connection, id: string): void {
  const row = statements.session.get(id) as SessionRow | undefined;
  if (!row) return;
  statements.deleteEntries.run(row.key);
  statements.deleteSession.run(row.key);
}
