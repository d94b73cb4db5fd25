import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createLedger } from '../../../emulator/src/bill.ts';
import { catalogue, modelTable } from '../../../emulator/src/models.ts';
import { campaign, patienceMs } from '../../../../test/support/campaign.ts';
import { toUsd } from '../../src/money/amount.ts';
import type { Message } from '../../src/api.ts';
import { PRICES } from '../../src/money/prices.ts';
import { type PricedUsage, standardPricing } from '../../src/money/pricing.ts';

/** A usage, and what it costs, worked out by hand from the published prices: see `terms`. */
interface GoldenBill {
  readonly case: string;
  readonly day: string;
  readonly model: string;
  readonly usage: PricedUsage;
  readonly stop?: 'refusal';
  /** Whether the reply has no content. */
  readonly empty?: true;
  /** Tokens x USD per million tokens, factors, and searches. */
  readonly terms: string;
  /** An exact decimal, or null where no price is known. */
  readonly usd: string | null;
}

const bills = JSON.parse(
  readFileSync(new URL('fixtures/bills.json', import.meta.url), 'utf8'),
) as readonly GoldenBill[];
const pricing = standardPricing();
const ATTO = 10n ** 18n;

describe('the golden bills', () => {
  test('are many, and cover every model of the list and every modifier', () => {
    expect(bills.length).toBeGreaterThanOrEqual(120);
    const names = [...Object.keys(PRICES.models), ...Object.keys(PRICES.aliases)];
    const billed = new Set(bills.map(({ model }) => model));
    expect(names.filter((name) => !billed.has(name))).toEqual([]);
  });

  test.each(bills.map((bill) => [bill.case, bill] as const))('%s', (_, bill) => {
    const content = bill.empty ? [] : [{ type: 'text', text: '.' }];
    const message = { model: bill.model, usage: bill.usage, stop_reason: bill.stop ?? 'end_turn', content };
    const { amount } = pricing.priceOfReply(message as unknown as Message, Date.parse(bill.day));
    expect(amount === null ? null : decimal(amount)).toBe(bill.usd);
    if (amount === null || bill.usd === null) return;
    expect(toUsd(amount)).toBe(Number(bill.usd));
    // The arithmetic that the bill shows comes to the same.
    expect(worked(bill.terms)).toBe(amount);
  });
});

describe("the emulator's own bill", () => {
  /** It has the models of today at the prices of today, and is told of nothing that was refused. */
  const known = bills.filter(
    ({ model, day, stop, usd }) => modelTable().has(model) && day === '2026-11-20' && !stop && usd !== null,
  );

  test('is the same for every golden bill that it knows', () => {
    expect(known.length).toBeGreaterThan(120);
    const billed = known.map(({ case: name, model, usage }) => [name, emulated(model, usage)]);
    expect(billed).toEqual(known.map(({ case: name, usd }) => [name, Number(usd)]));
  });

  test('is the same for any usage', { timeout: patienceMs }, () => {
    const { trials, seed } = campaign({ suite: 1_000, ci: 20_000, full: 500_000 });
    fc.assert(
      fc.property(replies, ({ model, usage }) => {
        const amount = pricing.priceOf(model, usage, Date.parse('2026-11-20'));
        expect(amount === null ? null : toUsd(amount)).toBe(emulated(model, usage));
      }),
      { numRuns: trials, seed },
    );
  });
});

function emulated(model: string, usage: PricedUsage): number | null {
  const ledger = createLedger(modelTable());
  ledger.add(model, usage);
  return ledger.bill().usd;
}

const tokens = fc.oneof(fc.nat({ max: 3 }), fc.nat({ max: 130_000 }), fc.constantFrom(100_000, 100_001));
const counts = fc.record({
  input_tokens: tokens,
  output_tokens: tokens,
  cache_creation_input_tokens: fc.nat({ max: 60_000 }),
  cache_read_input_tokens: tokens,
  hour: fc.nat({ max: 100 }),
});
const usages = counts.map(({ hour, ...usage }) => {
  const written = usage.cache_creation_input_tokens;
  const ephemeral_1h_input_tokens = Math.floor((written * hour) / 100);
  const ephemeral_5m_input_tokens = written - ephemeral_1h_input_tokens;
  return { ...usage, cache_creation: { ephemeral_5m_input_tokens, ephemeral_1h_input_tokens } };
});
const ids = catalogue.flatMap(({ id, aliases = [] }) => [id, ...aliases]);
const types = fc.constantFrom('message', 'compaction', 'advisor_message', 'fallback_message');
const passes = fc.array(
  fc
    .record({ type: types, model: fc.option(fc.constantFrom(...ids)), usage: usages })
    .map(({ type, model, usage }) => ({ type, model, ...usage })),
  { maxLength: 4 },
);
interface Reply {
  readonly model: string;
  readonly usage: PricedUsage;
}
const replies = fc
  .record({
    model: fc.constantFrom(...ids),
    usage: usages,
    iterations: passes,
    service_tier: fc.constantFrom('standard', 'priority', 'batch', null),
    inference_geo: fc.constantFrom('us', 'global', null),
    fast: fc.boolean(),
    web_search_requests: fc.nat({ max: 20 }),
  })
  .map(({ model, usage, iterations, fast, web_search_requests, service_tier, ...more }): Reply => {
    // Fast mode is priced for those that have it, and never in a batch; of other cases no price is known.
    const models = [model, ...iterations.map((pass) => pass.model ?? model)];
    const isFast = fast && models.every((id) => modelTable().get(id)?.fastPrices);
    return {
      model,
      usage: {
        ...usage,
        ...more,
        iterations,
        speed: isFast ? 'fast' : 'standard',
        service_tier: isFast ? 'standard' : service_tier,
        server_tool_use: { web_search_requests, web_fetch_requests: 1 },
      },
    };
  });

/** An amount as a decimal of USD, without zeros at the end. */
function decimal(amount: bigint): string {
  const fraction = String(amount % ATTO)
    .padStart(18, '0')
    .replace(/0+$/, '');
  return fraction === '' ? String(amount / ATTO) : `${amount / ATTO}.${fraction}`;
}

/** Works out `(3 x 0.20 + 4 x 10) x 1.1 x 0.5 / 1000000 + 2 x 0.01`, in whole attodollars. */
function worked(terms: string): bigint {
  const [, sum = '', factors = '', , searches = '0'] =
    /^\((.*)\)((?: x [\d.]+)*) \/ (1000000)(?: \+ (\d+) x 0\.01)?$/.exec(terms) ?? [];
  const product = (text: string): bigint =>
    text.split(' x ').reduce((value, factor) => value * thousandths(factor), 1n);
  // Each factor is in thousandths: a term has two of them.
  let total =
    sum.split(' + ').reduce((value, term) => value + (term === '0' ? 0n : product(term)), 0n) * 10n ** 6n;
  for (const factor of factors.split(' x ').slice(1)) total = (total * thousandths(factor)) / 1000n;
  return total + BigInt(searches) * 10n ** 16n;
}

function thousandths(text: string): bigint {
  const [whole = '0', fraction = ''] = text.split('.');
  return BigInt(whole + fraction.padEnd(3, '0'));
}
