const texts = new WeakMap<object, string>();

/**
 * The JSON text of a value, made once: the journal and the request body share it. For values that never change, such as
 * the content of a reply; a value that changes afterwards keeps its first text.
 */
export function jsonOf(value: object): string {
  const known = texts.get(value);
  if (known !== undefined) return known;
  const text = JSON.stringify(value);
  texts.set(value, text);
  return text;
}

/** Lets go of the text once nobody will ask for it again. Otherwise it lives as long as the value. */
export function forgetJson(value: object): void {
  texts.delete(value);
}
