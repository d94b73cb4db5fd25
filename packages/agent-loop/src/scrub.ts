/**
 * What credentials look like. Each pattern starts at something rare and repeats one class of characters at most, and
 * repetitions that may begin anew inside themselves are bounded, so that scrubbing stays linear in the text.
 */
const SECRETS: readonly [RegExp, string][] = [
  [/sk-ant-[\w-]{6,}/g, 'sk-ant-[secret]'],
  [/\bBearer\s+[\w.~+/-]{8,}=*/gi, 'Bearer [secret]'],
  // With a digit, sign or change of case inside, so that "basic authentication" stays readable.
  [/\b[Bb]asic\s+(?=[A-Za-z]*(?:[0-9+/=]|[a-z][A-Z]))[A-Za-z0-9+/]{8,}={0,2}/g, 'Basic [secret]'],
  [/\bgh[oprsu]_[A-Za-z0-9]{20,}/g, '[secret]'],
  [/\bgithub_pat_\w{20,}/g, '[secret]'],
  [/\bglpat-[\w-]{20,}/g, '[secret]'],
  [/\bnpm_[A-Za-z0-9]{36}/g, '[secret]'],
  [/\bxox[abeoprs]-[\w-]{10,}/g, '[secret]'],
  [/\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g, '[secret]'],
  [/\bAIza[\w-]{35}/g, '[secret]'],
  [/\b[rs]k_(?:live|test)_\w{10,}/g, '[secret]'],
  [/\bsk-[\w-]{20,}/g, '[secret]'],
  [/\beyJ[\w-]{8,2000}\.[\w-]{8,}\.[\w-]*/g, '[secret]'],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g, '[secret]'],
  [/(:\/\/[^\s:/@]{0,200}):[^\s/@]+@/g, '$1:[secret]@'],
  [
    /((?:api|access|auth|private|secret|signing|encryption)[-_]?key|(?:access|auth|refresh|id|session|bearer)[-_]?token|secret|passwords?|passwd|passphrase|token(?=["']?\s{0,8}=|["']\s{0,8}:))(["']?\s{0,8}[=:]\s{0,8})(?:"[^"\n]*"|'[^'\n]*'|[^\s"',;&]+)/gi,
    '$1$2[secret]',
  ],
];

const SECRET_KEY =
  /^(?:.*authorization|cookie|set-cookie|.*(?:api|access|auth|private|secret|signing|encryption)[-_]?key|.*(?:secret|password|passwd|passphrase|token|credentials?))$/i;

const STANDARD_FIELDS: ReadonlySet<string> = new Set(['name', 'message', 'stack', 'cause']);

/** Deeper values are cut: a log line is no place for them, and recursion must end somewhere. */
const MAX_DEPTH = 100;

/** Replaces what looks like a credential (API keys, bearer tokens, private keys, passwords in URLs) with `[secret]`. */
export function scrubText(text: string): string {
  let clean = text;
  for (const [pattern, replacement] of SECRETS) clean = clean.replace(pattern, replacement);
  return clean;
}

/**
 * A copy of `value` without credentials: strings are scrubbed, and what stands under a telling key such as
 * `authorization` or `password` is replaced whole. Numbers and booleans under such keys stay (`max_token` is no secret).
 * Errors become their name, message, stack, cause and fields; bytes their length; functions go.
 */
export function scrub(value: unknown): unknown {
  return scrubAt(value, []);
}

function scrubAt(value: unknown, path: readonly object[]): unknown {
  if (typeof value === 'string') return scrubText(value);
  if (typeof value !== 'object' || value === null) return value;
  if (path.includes(value)) return '[circular]';
  if (path.length >= MAX_DEPTH) return '[too deep]';
  const inside = [...path, value];
  if (Array.isArray(value)) return value.map((item) => scrubAt(item, inside));
  if (value instanceof Error) return scrubError(value, inside);
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (value instanceof Map)
    return scrubEntries(
      [...value].map(([key, inner]) => [String(key), inner]),
      inside,
    );
  if (value instanceof Set) return [...value].map((item) => scrubAt(item, inside));
  if ('toJSON' in value && typeof value.toJSON === 'function') return scrubAt(value.toJSON(), inside);
  return scrubEntries(Object.entries(value), inside);
}

/** Without a prototype, so that pino names it by its `name` and not by its class, which is lost. */
function scrubError(error: Error, path: readonly object[]): object {
  const { name, message, stack, cause } = error;
  return Object.assign(
    Object.create(null) as object,
    {
      name,
      message: scrubText(String(message)),
      ...(typeof stack === 'string' && { stack: scrubText(stack) }),
      ...(cause !== undefined && { cause: scrubAt(cause, path) }),
    },
    scrubEntries(
      Object.entries(error).filter(([key]) => !STANDARD_FIELDS.has(key)),
      path,
    ),
  );
}

function scrubEntries(
  entries: readonly (readonly [key: string, value: unknown])[],
  path: readonly object[],
): Record<string, unknown> {
  return Object.fromEntries(
    entries.map(([key, value]) => [
      key,
      SECRET_KEY.test(key) && (typeof value === 'string' || typeof value === 'object') && value !== null
        ? '[secret]'
        : scrubAt(value, path),
    ]),
  );
}
