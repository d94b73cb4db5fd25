const SECRETS: readonly [RegExp, string][] = [
  [/sk-ant-[\w-]{6,}/g, 'sk-ant-[secret]'],
  [/\b(Bearer|Basic)\s+[\w.~+/-]{8,}=*/gi, '$1 [secret]'],
  [/\bgh[opsur]_[A-Za-z0-9]{20,}/g, '[secret]'],
  [/\bgithub_pat_\w{20,}/g, '[secret]'],
  [/\bxox[abeoprs]-[\w-]{10,}/g, '[secret]'],
  [/\b(AKIA|ASIA)[A-Z0-9]{16}\b/g, '[secret]'],
  [/\bAIza[\w-]{35}/g, '[secret]'],
  [/\bsk-[A-Za-z0-9_-]{20,}/g, '[secret]'],
  [/\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g, '[secret]'],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(-----END [A-Z ]*PRIVATE KEY-----|$)/g, '[secret]'],
  [/\b([a-z][a-z0-9+.-]*:\/\/[^\s:/@]*):[^\s/@]+@/gi, '$1:[secret]@'],
  [
    /\b(api[-_]?key|access[-_]?token|auth[-_]?token|client[-_]?secret|password|passwd)(["']?\s*[=:]\s*["']?)[^\s"',;&]+/gi,
    '$1$2[secret]',
  ],
];

const SECRET_KEY =
  /^(authorization|proxy-authorization|cookie|set-cookie|x-api-key|api[-_]?key|.*(secret|password|passwd|token))$/i;

/** Replaces what looks like a credential (API keys, bearer tokens, private keys, passwords in URLs) with `[secret]`. */
export function scrubText(text: string): string {
  let clean = text;
  for (const [pattern, replacement] of SECRETS) clean = clean.replace(pattern, replacement);
  return clean;
}

/**
 * A copy of `value` without credentials: strings are scrubbed, and what stands under a telling key such as
 * `authorization` or `password` is replaced whole. Numbers under such keys stay (`max_tokens` is not a secret).
 */
export function scrub(value: unknown): unknown {
  return scrubAt(value, new Set());
}

function scrubAt(value: unknown, seen: Set<object>): unknown {
  if (typeof value === 'string') return scrubText(value);
  if (typeof value !== 'object' || value === null) return value;
  if (seen.has(value)) return '[circular]';
  seen.add(value);
  try {
    if (value instanceof Error) return { name: value.name, message: scrubText(value.message) };
    if (Array.isArray(value)) return value.map((item) => scrubAt(item, seen));
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [
        key,
        typeof inner === 'string' && SECRET_KEY.test(key) ? '[secret]' : scrubAt(inner, seen),
      ]),
    );
  } finally {
    seen.delete(value);
  }
}
