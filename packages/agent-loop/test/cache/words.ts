/** A text of about so many tokens. */
export const words = (tokens: number): string => 'word '.repeat(Math.ceil((tokens * 4) / 1.3 / 5));
