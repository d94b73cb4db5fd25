/** Flags of Node for a program that a test starts: types are taken off its files once, not in every process. */
export const strippedFlags: readonly string[] = [`--import=${new URL('stripped.mjs', import.meta.url).href}`];

/** The same for a program that runs the sources of the packages, as all tests do. */
export const sourceFlags: readonly string[] = ['--conditions=@pawl/source', ...strippedFlags];
