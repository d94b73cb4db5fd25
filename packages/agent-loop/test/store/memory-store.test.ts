import { memoryStore } from '@pawl/agent-loop/store';
import { budgetStoreConformance, storeConformance } from '@pawl/agent-loop/testkit';
import { describe, test } from 'vitest';

describe('memory store', () => {
  const harness = {
    create() {
      const store = memoryStore();
      return { store, reopen: () => store, close() {} };
    },
  };
  const cases = [...storeConformance(harness), ...budgetStoreConformance(harness)];
  for (const { name, skip, run } of cases) test(`${name}`, { skip: skip !== false }, run);
});
