import { budgetStoreConformance, checkpointConformance, storeConformance } from '@pawl/agent-loop/testkit';
import { fileStore } from '@pawl/stores/file';
import { describe, test } from 'vitest';
import { temporaryFolder } from '../support/temporary-folder.ts';

describe('file store', () => {
  const harness = {
    async create() {
      const folder = await temporaryFolder();
      const open = () => fileStore(`${folder.path}/deep/sessions`);
      return { store: open(), reopen: open, close: () => folder[Symbol.asyncDispose]() };
    },
  };
  const cases = [
    ...storeConformance(harness),
    ...checkpointConformance(harness),
    ...budgetStoreConformance(harness),
  ];
  for (const { name, skip, run } of cases) test(`${name}`, { skip: skip !== false }, run);
});
