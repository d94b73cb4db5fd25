import { type CostReport, costReport, type RunResult } from '@pawl/agent-loop';
import type { Bill } from './endpoint.ts';

/** Something that must be true, and whether it is. */
export interface Finding {
  readonly what: string;
  readonly holds: boolean;
}

/** What must be true of a bill: it adds up, and it is the server's own. */
export function findingsOf(
  { rows, total, cache }: CostReport,
  runs: readonly RunResult[],
  bill: Bill | null,
): Finding[] {
  const ofRuns = runs.map((run) => costReport(run));
  const findings: Finding[] = [
    { what: 'every step has a price', holds: total.usd !== null && rows.every(({ usd }) => usd !== null) },
    { what: 'the steps add up to the total', holds: sum(rows.map(({ usd }) => usd)) === inPico(total.usd) },
    { what: 'the last running total is the total', holds: rows.at(-1)?.totalUsd === total.usd },
    {
      what: 'two runs add up to their session',
      holds: sum(ofRuns.map((run) => run.total.usd)) === inPico(total.usd),
    },
  ];
  if (bill) {
    findings.push(
      {
        what: `the bill is the server's own, to the last digit: ${bill.usd} USD`,
        holds: bill.usd === total.usd,
      },
      {
        what: `so are the tokens: ${bill.cached} read from the cache, ${bill.output} of output`,
        holds: bill.cached === cache.read && bill.output === total.output,
      },
    );
  }
  return findings;
}

/** In whole picodollars: sums of floating-point numbers would be off in the last digit. */
function sum(amounts: readonly (number | null)[]): number {
  return amounts.reduce<number>((total, usd) => total + inPico(usd), 0);
}

function inPico(usd: number | null): number {
  return Math.round((usd ?? Number.NaN) * 1e12);
}
