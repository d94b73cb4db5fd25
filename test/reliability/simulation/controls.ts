import type { Entry, Journal, JournalStore } from '@pawl/agent-loop';
import { Host } from './host.ts';
import type { TrialPlan } from './trial.ts';

/** Broken on purpose: a campaign with one of these has to fail, or it proves nothing. */
export const CONTROLS = {
  /** A store that says that entries are safe from a loss of power when they are not. */
  'no-sync': {
    store: (store) => changed(store, (append) => (entries, seq) => append(entries, seq, { sync: false })),
  },
  /** A store that acknowledges what need not survive a loss of power, and writes it with the next append. */
  buffers: { store: (store) => changed(store, buffered) },
  /** A tool that must not be repeated, declared as one that may be. */
  'wrong-effect': { host: new Host({ sendEffect: 'idempotent' }) },
} satisfies Readonly<Record<string, Pick<TrialPlan, 'store' | 'host'>>>;

/** Name of a control. */
export type Control = keyof typeof CONTROLS;

type Append = Journal['append'];

function buffered(append: Append): Append {
  let waiting: Entry[] = [];
  return async (entries, seq, options) => {
    const from = seq - waiting.length;
    waiting.push(...entries);
    if (options?.sync === false) return;
    const all = waiting;
    waiting = [];
    await append(all, from, options);
  };
}

function changed(store: JournalStore, change: (append: Append) => Append): JournalStore {
  return {
    list: () => store.list(),
    delete: (id) => store.delete(id),
    async open(id, options) {
      const journal = await store.open(id, options);
      return {
        get length() {
          return journal.length;
        },
        get damage() {
          return journal.damage;
        },
        get torn() {
          return journal.torn;
        },
        append: change((entries, seq, appendOptions) => journal.append(entries, seq, appendOptions)),
        read: (from) => journal.read(from),
        close: () => journal.close(),
      };
    },
  };
}
