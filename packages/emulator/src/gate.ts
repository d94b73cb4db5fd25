import { isKnownBeta } from './betas.ts';
import { apiError } from './reply.ts';
import type { ErrorSpec } from './types.ts';

/** Accepted API versions: the current one, and the one older SDKs send. */
const versions = new Set(['2026-10-21', '2023-06-01']);

/** The API key of a request, from `authorization: Bearer` or `x-api-key`. */
export function apiKeyOf(headers: Readonly<Record<string, string>>): string | undefined {
  const bearer = /^Bearer\s+(\S+)$/i.exec(headers['authorization'] ?? '')?.[1];
  return bearer ?? (headers['x-api-key']?.trim() || undefined);
}

/** The beta names of a request. */
export function betasOf(headers: Readonly<Record<string, string>>): readonly string[] {
  return (headers['anthropic-beta'] ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

/** What the gate needs to know. */
export interface GateOptions {
  readonly apiKeys?: readonly string[] | undefined;
  readonly betas?: readonly string[] | undefined;
}

/** Checks credentials, version and beta names; undefined when all are fine. */
export function checkGate(
  headers: Readonly<Record<string, string>>,
  options: GateOptions,
): ErrorSpec | undefined {
  const key = apiKeyOf(headers);
  if (key === undefined) {
    return apiError(401, {
      message: 'Authentication required: send `Authorization: Bearer <key>` or the `x-api-key` header.',
    });
  }
  if (options.apiKeys && !options.apiKeys.includes(key))
    return apiError(401, { message: 'invalid x-api-key' });
  const version = headers['anthropic-version'];
  if (version === undefined || version === '')
    return apiError(400, { message: 'anthropic-version: header is required' });
  if (!versions.has(version))
    return apiError(400, { message: `anthropic-version: "${version}" is not a valid version` });
  for (const beta of betasOf(headers)) {
    if (isKnownBeta(beta) || options.betas?.includes(beta)) continue;
    return apiError(400, {
      message: `Unexpected value(s) \`${beta}\` for the \`anthropic-beta\` header. Please consult our documentation at docs.claude.com or try again without the header.`,
    });
  }
  return undefined;
}
