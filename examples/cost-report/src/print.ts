import { styleText } from 'node:util';
import type { CostReport } from '@pawl/agent-loop';
import { Table } from 'console-table-printer';

const COLUMNS = [
  ['step', 'step'],
  ['tools', 'tools'],
  ['input', 'input'],
  ['cached', 'cached'],
  ['output', 'output'],
  ['cost', 'cost (USD)'],
  ['total', 'running total'],
] as const;

/** A report as a table, and a line on the cache. */
export function render({ rows, total, cache }: CostReport): string {
  const table = new Table({
    shouldDisableColors: !(process.stdout.isTTY && process.stdout.hasColors()),
    columns: COLUMNS.map(([name, title]) => ({
      name,
      title,
      alignment: name === 'tools' ? ('left' as const) : ('right' as const),
    })),
  });
  for (const { step, tools, input, cached, output, usd, totalUsd, lostUsd } of rows) {
    const cost = lostUsd === undefined ? money(usd) : `lost, ~${money(lostUsd)}`;
    const row = {
      step,
      tools: inWords(tools),
      input: count(input),
      cached: count(cached),
      output: count(output),
    };
    table.addRow({ ...row, cost, total: money(totalUsd) });
  }
  const { input, cached, output, usd } = total;
  const sums = { input: count(input), cached: count(cached), output: count(output), cost: money(usd) };
  table.addRow({ step: '', tools: 'total', ...sums, total: money(usd) }, { color: 'green' });
  return `${table.render()}\n${styleText('dim', cacheLine(cache))}`;
}

function cacheLine({ written, read, savedUsd, misses }: CostReport['cache']): string {
  const why = misses.map(({ step, reason }) => `step ${step}: ${reason}`).join(', ');
  return `cache: ${count(written)} tokens written, ${count(read)} read, ${money(savedUsd)} USD saved${why && `; ${why}`}`;
}

/** `read_page x2, search`. */
function inWords(tools: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const tool of tools) counts.set(tool, (counts.get(tool) ?? 0) + 1);
  return [...counts].map(([tool, times]) => (times > 1 ? `${tool} x${times}` : tool)).join(', ') || '-';
}

function count(tokens: number): string {
  return tokens.toLocaleString('en-US');
}

/** To a hundredth of a cent: the amounts themselves are exact. */
function money(usd: number | null): string {
  return usd === null ? 'unknown' : usd.toFixed(6);
}
