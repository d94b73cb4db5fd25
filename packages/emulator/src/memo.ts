/**
 * Remembers what was made for a text, in two generations: when the young one is full it becomes the old one, and what is
 * not asked for again is forgotten. Bounded by entries and by the characters of the keys.
 */
export function memo<T>(
  make: (key: string) => T,
  limits = { entries: 20_000, characters: 64 * 1024 * 1024 },
): (key: string) => T {
  let young = new Map<string, T>();
  let old = new Map<string, T>();
  let characters = 0;
  return (key) => {
    const known = young.get(key);
    if (known !== undefined) return known;
    const value = old.get(key) ?? make(key);
    if (young.size >= limits.entries || characters + key.length > limits.characters) {
      old = young;
      young = new Map();
      characters = 0;
    }
    young.set(key, value);
    characters += key.length;
    return value;
  };
}
