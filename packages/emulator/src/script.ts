import type { Answer, EmulatedRequest, Responder, ResponderContext } from './types.ts';
import { apiError } from './reply.ts';

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
  return { kind: 'match', when, step };
}

/**
 * A responder that answers request after request with the next step that takes it. A request no step takes is answered
 * with a 500 that must not be retried, and makes `assertDone()` throw, as do steps nobody asked for.
 */
export function script(steps: readonly Step[]): Responder {
  const waiting = steps.map((step, index) => ({ step, index }));
  const unexpected: string[] = [];
  const responder: Responder = (request, context) => {
    const position = waiting.findIndex(({ step }) => takes(step, request));
    const found = position < 0 ? undefined : waiting.splice(position, 1)[0];
    if (!found) return refuse(request);
    const step = isMatch(found.step) ? found.step.step : found.step;
    return typeof step === 'function' ? step(request, context) : step;
  };
  const refuse = (request: EmulatedRequest): Answer => {
    const line = `no step left for request ${describeRequest(request)}; the script has ${steps.length} steps`;
    unexpected.push(`unexpected: ${line}`);
    return apiError(500, { message: `pawl emulator: ${line}`, shouldRetry: false });
  };
  responder.pending = () => [
    ...unexpected,
    ...waiting.map(({ step, index }) => `step ${index + 1} was not used: ${describeStep(step)}`),
  ];
  return responder;
}

/** A responder that hands each request to the first entry whose predicate holds, e.g. one script per agent. */
export function route(
  entries: readonly (readonly [when: (request: EmulatedRequest) => boolean, responder: Responder])[],
): Responder {
  const unexpected: string[] = [];
  const responder: Responder = (request, context) => {
    const entry = entries.find(([when]) => when(request));
    if (entry) return entry[1](request, context);
    const line = `no route takes request ${describeRequest(request)}`;
    unexpected.push(`unexpected: ${line}`);
    return apiError(500, { message: `pawl emulator: ${line}`, shouldRetry: false });
  };
  responder.pending = () => [...unexpected, ...entries.flatMap(([, inner]) => inner.pending?.() ?? [])];
  return responder;
}

function isMatch(step: Step): step is MatchStep {
  return typeof step === 'object' && step.kind === 'match';
}

function takes(step: Step, request: EmulatedRequest): boolean {
  return isMatch(step) ? step.when(request) : true;
}

/** A request in one line: its number, model, and how its conversation ends. */
function describeRequest(request: EmulatedRequest): string {
  const last = request.body.messages.at(-1);
  const tail = JSON.stringify(last?.content ?? '').slice(0, 120);
  return `#${request.index + 1} (${request.body.model}, ${request.body.messages.length} messages, last ${last?.role ?? 'none'}: ${tail})`;
}

function describeStep(step: Step): string {
  if (typeof step === 'function') return 'a function';
  if (step.kind === 'match') return `match(${describeStep(step.step)})`;
  if (step.kind === 'error') return `error ${step.status}`;
  const blocks = step.content.map((block) =>
    block.kind === 'call' ? `${block.type} ${block.name}` : block.kind,
  );
  return `reply of ${blocks.join(', ') || 'nothing'}`;
}
