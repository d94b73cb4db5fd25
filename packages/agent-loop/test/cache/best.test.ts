import { catalogue, type Emulator } from '@pawl/emulator';
import { expect, it } from 'vitest';
import { handWritten, pawl } from './players.ts';
import * as product from './product.ts';
import { bestPrompts } from './search.ts';
import { MODEL, type Shape, shapes } from './shapes.ts';

const prices = catalogue.find(({ id }) => id === MODEL)?.prices ?? {
  input: 1,
  read: 1,
  write5m: 1,
  write1h: 1,
  output: 1,
};
const rates = {
  read: prices.read / prices.input,
  write5m: prices.write5m / prices.input,
  write1h: prices.write1h / prices.input,
};

/** What the requests cost, and what they would have cost with the best breakpoints there could be. */
function compared({ bill, requests }: Emulator): { readonly usd: number; readonly best: number } {
  const output = (bill.outputTokens * prices.output) / 1e6;
  const prompts = (bestPrompts(requests, rates, 12) * prices.input) / 1e6;
  return { usd: bill.usd ?? Number.NaN, best: prompts + output };
}

it.each(shapes(0.35).map((shape): [string, Shape] => [shape.name, shape]))(
  'costs little more than the best there could be, and never more than others: %s',
  async (_, shape) => {
    const { usd, best } = compared(await pawl(product)(shape));
    // A session has to see a pause before it knows it, which in a short recording is much of the whole.
    expect(usd / best).toBeLessThan(shape.lasts ? 1.1 : 1.05);
    expect(usd / best).toBeGreaterThanOrEqual(1);
    const plain = (await handWritten({})(shape)).bill.usd ?? 0;
    const automatic = (await handWritten({ cache_control: { type: 'ephemeral' } })(shape)).bill.usd ?? 0;
    expect(usd).toBeLessThan(plain);
    expect(usd).toBeLessThanOrEqual(automatic);
  },
);

it('the search finds the best there is: no more is found where nothing is left out', async () => {
  for (const shape of shapes(0.1)) {
    const { requests } = await pawl(product)(shape);
    const some = requests.slice(0, 5);
    expect(bestPrompts(some, rates, 12)).toBeCloseTo(bestPrompts(some, rates, Infinity), 9);
  }
});
