/** How many trials: few in the suite, many with PAWL_CAMPAIGN=full. PAWL_SEED begins elsewhere. */
export function campaign(inSuite: number, full: number): { readonly trials: number; readonly seed: number } {
  const trials = process.env['PAWL_CAMPAIGN'] === 'full' ? full : inSuite;
  return { trials, seed: Number(process.env['PAWL_SEED'] ?? 1) };
}
