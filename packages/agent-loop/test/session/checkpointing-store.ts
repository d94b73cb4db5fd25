import type { Checkpoint, Checkpoints, Journal, JournalStore } from '../../src/store.ts';
import { contentOf } from '../../src/testkit/sample-entries.ts';

/** A store of which every session keeps a checkpoint whenever it can, and the next owner begins there. */
export function checkpointingStore(store: JournalStore): JournalStore {
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

function withCheckpoints(journal: Journal, id: string, kept: Map<string, Checkpoint>): Journal {
  const checkpoints: Checkpoints = {
    due: true,
    async keep(checkpoint) {
      kept.set(id, checkpoint);
    },
    async latest() {
      const found = kept.get(id);
      if (!found || found.seq > journal.length) return null;
      const contents: unknown[] = [];
      for await (const entry of journal.read()) contents.push(contentOf(entry));
      const { seq, state, steps, pieces, free } = found;
      const parts = pieces.map((piece) =>
        Buffer.from(typeof piece === 'string' ? piece : JSON.stringify(contents[piece])),
      );
      let end = free.before;
      const ends = parts.map(({ length }) => (end += length));
      const bytes = Buffer.concat([Buffer.alloc(free.before), ...parts, Buffer.alloc(free.behind)]);
      return { seq, state, steps: () => steps, bytes, ends };
    },
  };
  return proxied(journal, { checkpoints });
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
