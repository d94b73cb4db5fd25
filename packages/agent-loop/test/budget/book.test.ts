import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BudgetBook, type Ceiling, plus, type Spend } from '../../src/money/budget-book.ts';

const spend = (amount: bigint, tokens = 0): Spend => ({ amount, tokens });
const ceiling = (amount: bigint | null, tokens: number | null = null): Ceiling => ({ amount, tokens });
const claim = (id: string, worst: Spend, of: Ceiling, more: { hold?: bigint; window?: string } = {}) => ({
  id,
  worst,
  ceiling: of,
  hold: 0n,
  window: 'total',
  ...more,
});

/** Everything that counts. */
const counted = ({ spent, lost, reserved }: BudgetBook): Spend => plus(plus(spent, lost), reserved);

describe('the book of a budget', () => {
  test('reserves what fits, says later where it may fit later, and refuses with what room there is', () => {
    const book = new BudgetBook();
    const of = ceiling(10n);
    expect(book.reserve(claim('a', spend(6n), of))).toEqual({ kind: 'reserved' });
    expect(book.reserve(claim('b', spend(5n), of))).toEqual({ kind: 'later' });
    book.settle('a', spend(2n));
    expect(book.reserve(claim('b', spend(5n), of))).toEqual({ kind: 'reserved' });
    book.lose('b');
    expect(book.reserve(claim('c', spend(4n), of))).toEqual({ kind: 'refused', room: ceiling(3n) });
    expect(counted(book)).toEqual(spend(7n));
  });

  test('keeps apart what is held back', () => {
    const book = new BudgetBook();
    const of = ceiling(10n, 100);
    expect(book.reserve(claim('a', spend(8n, 10), of, { hold: 3n }))).toEqual({
      kind: 'refused',
      room: ceiling(7n, 100),
    });
    expect(book.reserve(claim('a', spend(8n, 10), of))).toEqual({ kind: 'reserved' });
  });

  test('what another process has reserved is not waited for', () => {
    const book = new BudgetBook();
    const of = ceiling(10n);
    book.reserve(claim('theirs', spend(6n), of));
    const own = { ...claim('ours', spend(5n), of), isOwn: (id: string) => id === 'ours' };
    expect(book.reserve(own)).toEqual({ kind: 'refused', room: ceiling(4n) });
  });

  test('counts what was spent elsewhere, also before anything was asked for', () => {
    const book = new BudgetBook();
    book.add(spend(4n), spend(3n));
    expect(book.reserve(claim('a', spend(4n), ceiling(10n)))).toEqual({ kind: 'refused', room: ceiling(3n) });
    expect(counted(book)).toEqual(spend(7n));
  });

  test('a new window begins with nothing; what ends in it was of the old one, and an old one is never opened again', () => {
    const book = new BudgetBook();
    const of = ceiling(10n);
    const on = (day: string, id: string) => book.reserve(claim(id, spend(6n), of, { window: day }));
    on('2026-11-20', 'a');
    expect(on('2026-11-21', 'b')).toEqual({ kind: 'reserved' });
    book.settle('a', spend(6n));
    expect(counted(book)).toEqual(spend(6n));
    expect(on('2026-11-20', 'c')).toEqual({ kind: 'later' });
    expect(book.window).toBe('2026-11-21');
  });

  test('whatever order reservations are made and ended in, what counts never passes the ceiling', () => {
    const amounts = fc.bigInt({ min: 0n, max: 50n });
    const tokens = fc.integer({ min: 0, max: 50 });
    const worst = fc.record({ amount: amounts, tokens });
    const step = fc.oneof(
      fc.record({ do: fc.constant('reserve' as const), worst, hold: fc.bigInt({ min: 0n, max: 20n }) }),
      fc.record({
        do: fc.constantFrom('settle', 'lose', 'release', 'copy'),
        at: fc.nat(),
        used: fc.integer({ min: 0, max: 100 }),
      }),
    );
    const limit = fc.record({
      amount: fc.option(fc.bigInt({ min: 0n, max: 150n })),
      tokens: fc.option(fc.integer({ min: 0, max: 150 })),
    });
    fc.assert(
      fc.property(limit, fc.array(step, { maxLength: 60 }), (of, steps) => {
        let book = new BudgetBook();
        const open = new Map<string, Spend>();
        let sum = spend(0n);
        for (const [index, each] of steps.entries()) {
          const id = [...open.keys()][('at' in each ? each.at : 0) % Math.max(open.size, 1)] ?? 'none';
          const reserved = open.get(id) ?? spend(0n);
          if (each.do === 'reserve' && 'worst' in each) {
            const name = `run:${index}.1`;
            const verdict = book.reserve(claim(name, each.worst, of, { hold: each.hold }));
            const fits =
              (of.amount === null || counted(book).amount + each.worst.amount + each.hold <= of.amount) &&
              (of.tokens === null || counted(book).tokens + each.worst.tokens <= of.tokens);
            if (verdict.kind === 'reserved') open.set(name, each.worst);
            else expect(fits).toBe(false);
          } else if (each.do === 'copy') {
            // A store keeps it as text.
            book = BudgetBook.of(book.toText());
          } else if ('used' in each) {
            const used = spend(
              (reserved.amount * BigInt(each.used)) / 100n,
              Math.floor((reserved.tokens * each.used) / 100),
            );
            if (each.do === 'settle') book.settle(id, used);
            if (each.do === 'lose') book.lose(id);
            if (each.do === 'release') book.release(id);
            open.delete(id);
            if (each.do !== 'release') sum = plus(sum, each.do === 'settle' ? used : reserved);
          }
          const all = counted(book);
          expect(of.amount === null || all.amount <= of.amount).toBe(true);
          expect(of.tokens === null || all.tokens <= of.tokens).toBe(true);
          expect(plus(book.spent, book.lost)).toEqual(sum);
          expect(book.reserved).toEqual([...open.values()].reduce(plus, spend(0n)));
        }
      }),
    );
  });
});
