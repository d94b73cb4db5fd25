import { fault, reply, toolUse } from '@pawl/emulator';
import { describe, expect, test } from 'vitest';
import { createAgent, createBudget } from '../../src/index.ts';
import { entriesOf, play, stage } from '../loop/stage.ts';
import { look } from '../cache/places.ts';
import { type RawEvent, serverOf, startOf } from '../loop/raw-server.ts';

const MODEL = 'claude-sonnet-5-5';
const untold = fault.missingUsage();

describe('a reply that does not tell its tokens', () => {
  test('has no price: its model is listed as unpriced', async () => {
    const { agent } = stage({ steps: [reply('Hi.', { fault: untold })] });
    const { events, result } = await play(agent);
    expect(result?.cost).toMatchObject({ usd: null, lostUsd: 0, unpriced: [MODEL] });
    expect(result?.steps).toMatchObject([{ usd: null, savedUsd: null, usage: { input_tokens: 0 } }]);
    expect(events.find(({ type }) => type === 'cost')).toMatchObject({ usd: null, totalUsd: null });
  });

  test('is paid for with what a budget has reserved for it, so that the budget comes to its end', async () => {
    const [usd, tokens] = [createBudget({ usd: 0.1 }), createBudget({ tokens: 20_000 })];
    for (const budget of [usd, tokens]) {
      const respond = () => reply(toolUse('look', {}), { fault: untold });
      const { agent } = stage({ tools: [look], maxTokens: 4000, world: { respond }, budget });
      const { events, result } = await play(agent);
      expect(result?.outcome).toBe('budget-limit');
      const reserved = entriesOf(events).flatMap((entry) =>
        entry.type === 'request' && entry.reserved ? [entry.reserved] : [],
      );
      expect(reserved.length).toBeGreaterThan(1);
      const state = await budget.state();
      expect(state.tokens).toBe(reserved.reduce((sum, each) => sum + each.tokens, 0));
      expect(state.usd).toBeCloseTo(
        reserved.reduce((sum, each) => sum + (each.usd ?? 0), 0),
        12,
      );
    }
  });

  test('leaves the size of the next prompt to be reckoned without it', async () => {
    const steps = [reply(toolUse('look', {}), { fault: untold }), reply('Done.')];
    const set = stage({ tools: [look], steps, budget: createBudget({ usd: 1 }) });
    const { result } = await play(set.agent);
    expect(result?.text).toBe('Done.');
    expect(set.emulator.refusals).toEqual([]);
  });

  test('counts with the worst case where it is lost as well', async () => {
    const text = { type: 'content_block_start', index: 0, content_block: { type: 'text', text: 'Hello,' } };
    const lost = (start: RawEvent) =>
      play(
        createAgent({ model: MODEL, client: serverOf([[start, text]]).client, limits: { turnRetries: 0 } }),
      );
    expect((await lost(startOf())).error?.cost?.lostUsd).toBeLessThan(0.01);
    const { events, error } = await lost(startOf({ usage: undefined }));
    expect(error?.cost?.lostUsd).toBeGreaterThan(0.3);
    expect(events.find(({ type }) => type === 'reply-lost')).toMatchObject({
      usage: null,
      worst: { output_tokens: 32_000 },
    });
  });
});
