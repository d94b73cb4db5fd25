/**
 * How large a campaign is: a taste of it in `pnpm test`, the size that CI vouches for with `PAWL_CAMPAIGN=ci`, and all of
 * it with `PAWL_CAMPAIGN=full`. `PAWL_SEED` begins elsewhere.
 */
const size = process.env['PAWL_CAMPAIGN'] ?? 'suite';
if (size !== 'suite' && size !== 'ci' && size !== 'full') {
  throw new Error(`PAWL_CAMPAIGN is "ci", "full" or nothing, not ${JSON.stringify(size)}.`);
}

/** The number of trials for each size. */
export interface Sizes {
  readonly suite: number;
  readonly ci: number;
  readonly full: number;
}

/** The number of trials of a campaign, and the seed it begins with. */
export function campaign(sizes: Sizes): { readonly trials: number; readonly seed: number } {
  return { trials: sizes[size as keyof Sizes], seed: Number(process.env['PAWL_SEED'] ?? 1) };
}

/** How long a test of a campaign may take, in milliseconds. */
export const patienceMs = size === 'full' ? 86_400_000 : size === 'ci' ? 1_800_000 : 60_000;
