/** How long a test may take: a slow machine's minute, or as long as a campaign needs. */
export const patienceMs = process.env['PAWL_CAMPAIGN'] === 'full' ? 86_400_000 : 60_000;

/** How many trials: few in the suite, many with PAWL_CAMPAIGN=full. PAWL_SEED begins elsewhere. */
export function campaign(inSuite: number, full: number): { readonly trials: number; readonly seed: number } {
  const trials = process.env['PAWL_CAMPAIGN'] === 'full' ? full : inSuite;
  return { trials, seed: Number(process.env['PAWL_SEED'] ?? 1) };
}
