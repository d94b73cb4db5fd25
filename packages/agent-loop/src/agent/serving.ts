import type { Model, RequestParams } from '../api.ts';
import { ConfigError } from '../errors.ts';
import { shown } from '../option-checks.ts';

/** See https://platform.claude.com/docs/en/build-with-claude/refusals-and-fallback */
const FALLBACK_BETA = 'server-side-fallback-2026-07-01';

/** Options that say who answers where a model refuses, and where it runs. */
export interface Serving {
  readonly fallback?: 'default' | readonly Model[];
  readonly inferenceGeo?: string;
}

/** Throws a ConfigError for what the API could not make sense of. */
export function checkServing({ fallback, inferenceGeo }: Serving): void {
  const isList =
    Array.isArray(fallback) &&
    fallback.length > 0 &&
    fallback.every((model) => typeof model === 'string' && model !== '');
  if (fallback !== undefined && fallback !== 'default' && !isList)
    throw new ConfigError('fallback', `must be "default" or a list of model ids, got ${shown(fallback)}.`);
  if (inferenceGeo !== undefined && (typeof inferenceGeo !== 'string' || inferenceGeo === ''))
    throw new ConfigError('inferenceGeo', `must be a region such as "us", got ${shown(inferenceGeo)}.`);
}

/** The fields of a request that these options are sent as. */
export function servingParams({ fallback, inferenceGeo }: Serving): Partial<RequestParams> {
  const fallbacks = typeof fallback === 'string' ? fallback : fallback?.map((model) => ({ model }));
  return {
    ...(fallbacks !== undefined && { fallbacks }),
    ...(inferenceGeo !== undefined && { inference_geo: inferenceGeo }),
  };
}

/** The betas that they need. */
export function servingBetas({ fallback }: Serving): readonly string[] {
  return fallback === undefined ? [] : [FALLBACK_BETA];
}
