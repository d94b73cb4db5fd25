import { messageOf } from './answer-spec.ts';
import type { AnswerSpec } from './answer-spec.ts';
import type { ReplyContent } from './content.ts';
import { isObject } from './json.ts';
import { isListOf, refuse } from './option-checks.ts';
import { apiError, reply } from './reply.ts';
import { script } from './script.ts';
import type { Responder } from './types.ts';

const isList = isListOf(() => undefined);

/** The responder of a script in JSON: a list of texts, `{ "reply": … }` and `{ "error": … }`. Throws what is wrong with it. */
export function parseScript(json: string): Responder {
  try {
    const steps: unknown = JSON.parse(json);
    isList(steps, 'script');
    return script((steps as unknown[]).map((step, index) => toStep(step, index + 1)));
  } catch (error) {
    throw new Error(`The script is invalid: ${messageOf(error)}`, { cause: error });
  }
}

/** The other members of a step are options of `reply` and `apiError`, which check them. */
function toStep(step: unknown, number: number): AnswerSpec {
  try {
    if (typeof step === 'string') return reply(step);
    if (isObject(step) && 'reply' in step) {
      const { reply: content, ...options } = step;
      return reply(content as ReplyContent, options);
    }
    if (isObject(step) && 'error' in step) {
      const { error: status, ...options } = step;
      return apiError(status as number, options);
    }
  } catch (error) {
    throw new TypeError(`step ${number}: ${messageOf(error)}`, { cause: error });
  }
  return refuse(`step ${number}`, 'a text, { "reply": ... } or { "error": 529 }', step);
}
