import { askFor, messageOf, mistake, toAnswer } from './answer-spec.ts';
import type { AnswerSpec } from './answer-spec.ts';
import { isFunction, isListOf, refuse } from './option-checks.ts';
import type { Answer, EmulatedRequest, Responder, ResponderContext } from './types.ts';

/** A function of the request that yields the answer of one step. */
export type StepFunction = (request: EmulatedRequest, context: ResponderContext) => Answer | Promise<Answer>;

/** A step that waits for the request it is meant for. Build it with `match()`. */
export interface MatchStep {
  readonly kind: 'match';
  readonly when: (request: EmulatedRequest) => boolean;
  readonly step: Answer | StepFunction;
}

/** One step of a script. */
export type Step = Answer | StepFunction | MatchStep;

/** A step taken only by a request for which `when` is true; other requests pass over it. */
export function match(when: (request: EmulatedRequest) => boolean, step: Answer | StepFunction): MatchStep {
  isFunction(when, 'match: when');
  return { kind: 'match', when, step };
}

/**
 * A responder that answers request after request with the next step that takes it; a text stands for a reply of it. A
 * request no step takes is answered with a 500 that must not be retried, and makes `assertDone()` throw, as do steps nobody
 * asked for. Throws a TypeError that names the step for one that is none.
 */
export function script(steps: readonly Step[]): Responder {
  isList(steps, 'script');
  const waiting = steps.map((step, index) => toWaiting(step, index + 1));
  const unexpected: string[] = [];
  const refuse = (line: string): AnswerSpec => {
    unexpected.push(`unexpected: ${line}`);
    return mistake(line);
  };
  const responder: Responder = async (request, context) => {
    const position = waiting.findIndex(({ when }) => !when || when(request));
    const found = position < 0 ? undefined : waiting.splice(position, 1)[0];
    if (!found)
      return refuse(
        `no step left for request ${describeRequest(request)}; the script has ${steps.length} steps`,
      );
    const { number, answer } = found;
    if (typeof answer !== 'function') return answer;
    try {
      return await askFor(`step ${number}`, () => answer(request, context));
    } catch (error) {
      return refuse(messageOf(error));
    }
  };
  responder.pending = () => [
    ...unexpected,
    ...waiting.map((step) => `step ${step.number} was not used: ${describeStep(step)}`),
  ];
  return responder;
}

/** A step that has not been taken yet. */
interface Waiting {
  /** Counted from 1. */
  readonly number: number;
  readonly when: MatchStep['when'] | undefined;
  readonly answer: AnswerSpec | StepFunction;
}

function toWaiting(step: Step, number: number): Waiting {
  const { when, step: given } = isMatch(step) ? step : { when: undefined, step };
  const answer = typeof given === 'function' ? given : toAnswer(given, `script: step ${number}`);
  return { number, when, answer };
}

/** A responder that hands each request to the first entry whose predicate holds, e.g. one script per agent. */
export function route(
  entries: readonly (readonly [when: (request: EmulatedRequest) => boolean, responder: Responder])[],
): Responder {
  areRoutes(entries, 'route');
  const unexpected: string[] = [];
  const responder: Responder = (request, context) => {
    const entry = entries.find(([when]) => when(request));
    if (entry) return entry[1](request, context);
    const line = `no route takes request ${describeRequest(request)}`;
    unexpected.push(`unexpected: ${line}`);
    return mistake(line);
  };
  responder.pending = () => [...unexpected, ...entries.flatMap(([, inner]) => inner.pending?.() ?? [])];
  return responder;
}

const isList = isListOf(() => undefined);
const areRoutes = isListOf((entry, where) => {
  isList(entry, where);
  const [when, responder] = entry as readonly unknown[];
  isFunction(when, `${where}[0]`);
  isResponder(responder, `${where}[1]`);
});

/** Throws unless a value is a responder. */
export function isResponder(value: unknown, where: string): void {
  if (typeof value !== 'function') refuse(where, 'a responder such as script([...])', value);
}

function isMatch(step: Step): step is MatchStep {
  return typeof step === 'object' && step !== null && step.kind === 'match';
}

/** A request in one line: its number, model, and how its conversation ends. */
function describeRequest(request: EmulatedRequest): string {
  const last = request.body.messages.at(-1);
  const tail = JSON.stringify(last?.content ?? '').slice(0, 120);
  return `#${request.index + 1} (${request.body.model}, ${request.body.messages.length} messages, last ${last?.role ?? 'none'}: ${tail})`;
}

function describeStep({ when, answer }: Pick<Waiting, 'when' | 'answer'>): string {
  if (when) return `match(${describeStep({ when: undefined, answer })})`;
  if (typeof answer === 'function') return 'a function';
  if (answer.kind === 'error') return `error ${answer.status}`;
  const blocks = answer.content.map((block) =>
    block.kind === 'call' ? `${block.type} ${block.name}` : block.kind,
  );
  return `reply of ${blocks.join(', ') || 'nothing'}`;
}
