/** What the server shall answer to a run. It travels in the prompt, so it reaches the server through any client. */
export interface Plan {
  /** Replies in the run; all but the last ask for tools. */
  readonly steps: number;
  /** Tool calls in each reply that asks for tools. */
  readonly tools: number;
  /** Text deltas in the last reply. */
  readonly deltas: number;
  /** Characters of each tool call's input. */
  readonly inputChars: number;
  /** Milliseconds before each reply. */
  readonly delayMs: number;
  /** Milliseconds between the tool calls of a streamed reply. */
  readonly gapMs: number;
  /** Milliseconds between the last tool call of a streamed reply and its end. */
  readonly tailMs: number;
  /** Bytes of a streamed reply per write; 0 writes each event on its own, as the API mostly sends them. */
  readonly writeBytes: number;
}

const defaults: Plan = {
  steps: 1,
  tools: 1,
  deltas: 1,
  inputChars: 24,
  delayMs: 0,
  gapMs: 0,
  tailMs: 0,
  writeBytes: 16_384,
};

/** The prompt that makes the server follow `plan`. */
export function promptFor(plan: Partial<Plan>): string {
  const fields = Object.entries({ ...defaults, ...plan }).map(([key, value]) => `${key}=${value}`);
  return `Work through the list and report. [[${fields.join(',')}]]`;
}

/** Reads the fields between `[[` and `]]`; what is not named has its default. */
export function readPlan(text: string): Plan {
  const fields = text
    .split(',')
    .filter((field) => field.includes('='))
    .map((field) => field.split('='));
  const known = fields.map(([key = '', value]) => [key, Number(value)] as const);
  return { ...defaults, ...Object.fromEntries(known) };
}
