/** What one measurement process reports: figures by name. */
export type Sample = Readonly<Record<string, number>>;

function sorted(values: readonly number[]): number[] {
  return values.toSorted((a, b) => a - b);
}

/** The middle value, or the mean of the two middle ones; NaN of nothing. */
export function median(values: readonly number[]): number {
  const ordered = sorted(values);
  const upper = ordered[Math.floor(ordered.length / 2)] ?? Number.NaN;
  const lower = ordered[Math.ceil(ordered.length / 2) - 1] ?? Number.NaN;
  return (upper + lower) / 2;
}

/** One figure out of every sample; a sample without it gives NaN. */
export function figures(samples: readonly Sample[], name: string): number[] {
  return samples.map((sample) => sample[name] ?? Number.NaN);
}

/**
 * The median of the ratios of samples of the same round. Rounds are interleaved, so a machine that gets slower for a
 * while slows both sides of each ratio.
 */
export function ratioOf(samples: readonly Sample[], base: readonly Sample[], name: string): number {
  const below = figures(base, name);
  return median(figures(samples, name).map((value, round) => value / (below[round] ?? Number.NaN)));
}

function digits(value: number): number {
  if (value >= 100) return 0;
  if (value >= 10) return 1;
  return value >= 1 ? 2 : 3;
}

/** A figure with about three digits. */
export function short(value: number): string {
  return Number.isFinite(value) ? value.toFixed(digits(Math.abs(value))) : '-';
}

/** A median with its range, as `1.20 (1.10-1.35)`. */
export function spread(samples: readonly Sample[], name: string): string {
  const ordered = sorted(figures(samples, name));
  const first = ordered[0] ?? Number.NaN;
  const last = ordered.at(-1) ?? Number.NaN;
  if (!Number.isFinite(first)) return '-';
  return `${short(median(ordered))} (${short(first)}-${short(last)})`;
}

/** A ratio as `0.37x`. */
export function times(ratio: number): string {
  return Number.isFinite(ratio) ? `${ratio.toFixed(2)}x` : '-';
}
