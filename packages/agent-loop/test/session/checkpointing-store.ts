import { expect } from 'vitest';
import { SessionState } from '../../src/journal/session-state.ts';
import type {
  Checkpoint,
  Checkpoints,
  Entry,
  FullJournal,
  Journal,
  JournalStore,
  KeptCheckpoint,
} from '../../src/store.ts';
import { contentOf } from '../../src/testkit/sample-entries.ts';

/** A store of which every session keeps a checkpoint whenever it can, and the next owner begins there. */
export function checkpointingStore(store: JournalStore<FullJournal>): JournalStore {
  const kept = new Map<string, Checkpoint>();
  return {
    ...store,
    list: () => store.list(),
    delete: (id) => store.delete(id),
    async open(id, options) {
      const journal = await store.open(id, options);
      return options?.readonly ? journal : withCheckpoints(journal, id, kept);
    },
  };
}

function withCheckpoints(journal: FullJournal, id: string, kept: Map<string, Checkpoint>): Journal {
  const checkpoints: Checkpoints = {
    due: true,
    async keep(checkpoint) {
      kept.set(id, checkpoint);
    },
    async latest() {
      const found = kept.get(id);
      if (!found || found.seq > journal.length) return null;
      const entries: Entry[] = [];
      for await (const entry of journal.read()) entries.push(entry);
      return keptAs(found, entries);
    },
  };
  return proxied(journal, { checkpoints });
}

/** A checkpoint as a journal of these entries gives it back. */
function keptAs({ seq, state, steps, pieces, free }: Checkpoint, entries: readonly Entry[]): KeptCheckpoint {
  const parts = pieces.map((piece) =>
    Buffer.from(typeof piece === 'string' ? piece : JSON.stringify(contentOf(entries[piece] as Entry))),
  );
  let end = free.before;
  const ends = parts.map(({ length }) => (end += length));
  const bytes = Buffer.concat([Buffer.alloc(free.before), ...parts, Buffer.alloc(free.behind)]);
  return { seq, state, steps: () => steps, bytes, ends };
}

/** All that a state holds, in a form that can be compared. */
export function saved(state: SessionState): unknown {
  const { seq, state: text, steps, pieces, free } = state.checkpoint();
  return [seq, JSON.parse(text), JSON.parse(steps), pieces, free];
}

/** Wherever a checkpoint is kept, it and the entries since fold into what all entries do. */
export function expectRestorable(entries: readonly Entry[]): void {
  const whole = new SessionState();
  for (const entry of entries) whole.apply(entry);
  const growing = new SessionState();
  for (const [index, entry] of entries.entries()) {
    const restored = SessionState.restore(keptAs(growing.checkpoint(), entries));
    for (const later of entries.slice(index)) restored?.apply(later);
    expect(restored && saved(restored), `kept before entry ${index}`).toEqual(saved(whole));
    growing.apply(entry);
  }
}

/** The same journal with other properties; private fields of its class go on to work. */
export function proxied(journal: Journal, own: Partial<Journal>): Journal {
  return new Proxy(journal, {
    get(target, name) {
      if (name in own) return own[name as keyof Journal];
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}
