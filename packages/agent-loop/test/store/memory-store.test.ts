import { memoryStore } from '@pawl/agent-loop/store';
import { storeConformance } from '@pawl/agent-loop/testkit';
import { describe, test } from 'vitest';

describe('memory store', () => {
  const cases = storeConformance({
    create() {
      const store = memoryStore();
      return { store, reopen: () => store, close() {} };
    },
  });
  for (const { name, skip, run } of cases) test(`${name}`, { skip: skip !== false }, run);
});
