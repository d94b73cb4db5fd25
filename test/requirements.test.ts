import { expect, test } from 'vitest';
import { requirementCoverage } from '../packages/emulator/test/requirement-gate.ts';
import { requirements } from '../packages/emulator/test/requirements.ts';

const folder = (path: string): string => new URL(`../${path}`, import.meta.url).pathname;

test('the manifest holds over 120 rules, each once', () => {
  expect(requirements.length).toBeGreaterThan(120);
  expect(new Set(requirements.map(({ id }) => id)).size).toBe(requirements.length);
});

test('every rule for servers is cited by a test of the emulator', async () => {
  const coverage = await requirementCoverage('server', [folder('packages/emulator/test')]);
  expect(coverage).toEqual({ uncited: [], unknown: [] });
});

test('every rule for clients is cited by a test of the loop', async () => {
  const coverage = await requirementCoverage('client', [folder('packages/agent-loop/test')]);
  expect(coverage).toEqual({ uncited: [], unknown: [] });
});
