import { isObject } from './json.ts';
import { described, isDuration, isHeaders, isObjectOrNull, isOptions, isText } from './option-checks.ts';
import type { Check } from './option-checks.ts';
import { apiError, checkStatus, reply } from './reply.ts';
import type { ErrorSpec, ReplySpec } from './types.ts';

/** An answer that has been checked. */
export type AnswerSpec = ReplySpec | ErrorSpec;

const EXPECTED = "expected reply('...'), apiError(529) or a text";

const isKind: Check = () => undefined;
const checkError = isOptions<ErrorSpec>(
  {
    kind: isKind,
    status: checkStatus,
    type: isText,
    message: isText,
    details: isObjectOrNull,
    headers: isHeaders,
    delayMs: isDuration,
  },
  ['status'],
);

/** The answer that a value is. Throws a TypeError that begins with `who` for one that is none, and says what was expected. */
export function toAnswer(given: unknown, who: string): AnswerSpec {
  if (typeof given === 'string') return reply(given);
  const { kind } = Object(given) as { readonly kind?: unknown };
  if (kind !== 'reply' && kind !== 'error')
    throw new TypeError(`${who} is ${described(given)}: ${EXPECTED}${hint(given)}.`);
  try {
    if (kind === 'reply') return again(given as ReplySpec);
    checkError(given, 'error');
    return given as ErrorSpec;
  } catch (error) {
    throw new TypeError(`${who}: ${messageOf(error)}`, { cause: error });
  }
}

/** The answer of whoever is asked. Throws an error that names them for what they throw, and for what is no answer. */
export async function askFor(who: string, ask: () => unknown): Promise<AnswerSpec> {
  let given: unknown;
  try {
    given = await ask();
  } catch (error) {
    throw new Error(`${who} threw: ${messageOf(error)}`, { cause: error });
  }
  return toAnswer(given, `the answer of ${who}`);
}

/** A reply that was changed by hand since it was made is checked as it is now. */
function again({ kind: _, content, ...options }: ReplySpec): ReplySpec {
  return reply(content, options);
}

function hint(given: unknown): string {
  if (Array.isArray(given)) return '. A list of blocks becomes one with reply([...])';
  if (isObject(given) && given['type'] === 'message')
    return '. A message of the API becomes one with reply(message.content, { stopReason: message.stop_reason })';
  return isObject(given) && ('type' in given || 'kind' in given)
    ? '. A block becomes one with reply(block)'
    : '';
}

/** The answer to a request that the script or the responder did not expect, or answered with what is no answer: nobody retries it. */
export function mistake(line: string): ErrorSpec {
  return apiError(500, { message: `pawl emulator: ${line}`, shouldRetry: false });
}

/** What was thrown, in words. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
