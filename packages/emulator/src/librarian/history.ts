import { asArray, asObject, asString, isObject } from '../json.ts';
import type { JsonObject } from '../json.ts';

/** A call made since the question, with what came back. */
export interface Finding {
  readonly name: string;
  readonly input: JsonObject;
  readonly output: string;
  readonly failed: boolean;
}

/** The newest question of a conversation and everything looked up for it so far. */
export interface Inquiry {
  readonly question: string;
  readonly findings: readonly Finding[];
}

/** Reads the inquiry out of the messages: the librarian remembers nothing itself. */
export function inquiryOf(messages: readonly unknown[]): Inquiry {
  const from = messages.findLastIndex((message) => questionIn(message) !== undefined);
  const calls = new Map<string, { readonly name: string; readonly input: JsonObject }>();
  const findings: Finding[] = [];
  for (const message of messages.slice(from + 1)) {
    for (const block of asArray(asObject(message)['content']).filter(isObject)) {
      const id = asString(block['id']) ?? asString(block['tool_use_id']) ?? '';
      if (block['type'] === 'tool_use')
        calls.set(id, { name: String(block['name']), input: asObject(block['input']) });
      const call = block['type'] === 'tool_result' ? calls.get(id) : undefined;
      if (call)
        findings.push({ ...call, output: textOf(block['content']), failed: block['is_error'] === true });
    }
  }
  return { question: (from < 0 ? undefined : questionIn(messages[from])) ?? '', findings };
}

/** The text of a user message that is a question: one without tool results. */
function questionIn(message: unknown): string | undefined {
  const { role, content } = asObject(message);
  if (role !== 'user') return undefined;
  const blocks = asArray(content).map(asObject);
  if (blocks.some((block) => block['type'] === 'tool_result')) return undefined;
  const text = textOf(content).trim();
  return text === '' ? undefined : text;
}

function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  return asArray(content)
    .map((block) => asString(asObject(block)['text']) ?? '')
    .join('\n');
}
