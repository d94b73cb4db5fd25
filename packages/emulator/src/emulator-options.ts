import { isObject } from './json.ts';
import {
  isCount,
  isDuration,
  isFunction,
  isListOf,
  isNumber,
  isOneOf,
  isOptions,
  isSwitch,
  isText,
  refuse,
} from './option-checks.ts';
import type { Check } from './option-checks.ts';
import { checkChunk } from './reply.ts';
import { isResponder } from './script.ts';
import type { ServerOptions } from './server.ts';
import type { EmulatorOptions, RateLimits } from './types.ts';

const isModel: Check = (value, where) => {
  if (!isObject(value) || typeof value['id'] !== 'string')
    refuse(where, 'a model with an id, such as { ...catalogue[0], id: "..." }', value);
};
const isLimit = isOptions<{ readonly max: number }>({ max: isDuration });

const checks: Readonly<Record<keyof EmulatorOptions, Check>> = {
  respond: isResponder,
  models: isListOf(isModel),
  clock: isFunction,
  sleep: isFunction,
  seed: isNumber,
  chunk: checkChunk,
  validate: isOneOf('strict', 'off'),
  record: (value, where) => (isObject(value) ? isLimit : isSwitch)(value, where),
  cache: isSwitch,
  enforceMaxTokens: isSwitch,
  rateLimits: isOptions<RateLimits>({
    requestsPerMinute: isCount,
    inputTokensPerMinute: isCount,
    outputTokensPerMinute: isCount,
  }),
  preservedThinking: isOneOf('new-organisation', 'old-organisation', 'everyone', 'off'),
  betas: isListOf(isText),
  apiKeys: isListOf(isText),
};

/** Throws unless a value is options of `createEmulator`. */
export const checkEmulatorOptions = isOptions<EmulatorOptions>(checks);
/** Throws unless a value is options of `startEmulator`. */
export const checkServerOptions = isOptions<ServerOptions>({ ...checks, port: isDuration, host: isText });
