/**
 * The emulator's token estimate: a quarter of a token per UTF-16 unit, times the model's factor (1 up to 4.6, 1.3 since),
 * rounded up for each block. It is no tokenizer: it is deterministic, grows with the text, and never counts nothing.
 */
export function tokensOf(characters: number, factor: number): number {
  return Math.ceil((characters * factor) / 4);
}
