/** An entry, or a part of it, as a reader of any version sees it. */
export type Fields = Record<string, unknown>;

/** Fields that a record leaves out when the last record of its type had the same value. */
export const CARRIED = [
  'turn',
  'attempt',
  'model',
  'maxTokens',
  'effect',
  'outcome',
  'source',
  'brokenCalls',
] as const;

/** A tool call of a reply, which later records name by its index. */
export interface Call {
  readonly index: number;
  readonly id: string;
  readonly name: unknown;
  readonly input: unknown;
}

/** Whose entries they are: named by its index once it was met. */
export interface RunContext {
  readonly index: number;
  readonly runId: unknown;
  readonly agent: unknown;
  readonly parentRunId: unknown;
}

/** Whether a content is written last, where it can be cut out. */
export function isSpliced(content: unknown): boolean {
  return typeof content === 'string' || Array.isArray(content);
}

/** Whether this is a message with content. */
export function isMessage(value: unknown): value is Fields {
  return isObject(value) && isSpliced(value['content']) && typeof value['role'] === 'string';
}

/** Whether this is a plain object, as JSON has them. */
export function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether entries of this type have the input of their call where they tell none. */
export function inputIsImplied(type: unknown): boolean {
  return type === 'tool-start' || type === 'approval-request';
}

/** The idempotency key that a call has unless it says otherwise. */
export function keyOf(runId: unknown, callId: string): string {
  return `${String(runId)}:${callId}`;
}

interface CallBlock {
  readonly type: 'tool_use';
  readonly id: string;
  readonly name: unknown;
  readonly input: unknown;
}

/** Calls `visit` with each tool call of a message. */
export function forEachCall(message: unknown, visit: (block: CallBlock) => void): void {
  const content = (message as { content?: unknown } | null | undefined)?.content;
  if (!Array.isArray(content)) return;
  for (const block of content as readonly Partial<CallBlock>[])
    if (block?.type === 'tool_use' && typeof block.id === 'string') visit(block as CallBlock);
}
