/** How long a budget is for. `total`: for its life. Days and months are those of UTC. */
export type BudgetPeriod = 'total' | 'run' | 'day' | 'month';

/** The window that a moment in epoch milliseconds falls in; names of later windows sort after those of earlier ones. */
export function windowOf(period: BudgetPeriod, at: number): string {
  if (period === 'total' || period === 'run') return 'total';
  return new Date(at).toISOString().slice(0, period === 'day' ? 10 : 7);
}
