import { z } from './zod.ts';
import type { Fault, FaultId } from './faults.ts';
import { faultTable } from './faults.ts';
import { apiError, redactedThinking, reply, serverToolUse, text, thinking, toolUse, whole } from './reply.ts';
import { script } from './script.ts';
import type { BlockSpec, Responder } from './types.ts';

const input = z.union([z.string(), z.record(z.string(), z.unknown())]).default({});
const block = z.union([
  z.strictObject({ type: z.literal('text'), text: z.string() }),
  z.strictObject({ type: z.literal('thinking'), thinking: z.string() }),
  z.strictObject({ type: z.enum(['tool_use', 'server_tool_use']), name: z.string(), input }),
  z.looseObject({ type: z.string() }),
]);
const faultIds = faultTable.map(({ id }) => id);
const faultSchema = z.looseObject({
  id: z.string().refine((id) => faultIds.some((known) => known === id), `is none of: ${faultIds.join(', ')}`),
});

const step = z.union([
  z.string(),
  z.strictObject({
    reply: z.union([z.string(), z.array(block)]),
    stopReason: z.string().nullish(),
    delayMs: z.number().min(0).optional(),
    usage: z.record(z.string(), z.unknown()).optional(),
    fault: faultSchema.optional(),
  }),
  z.strictObject({
    error: z.int().min(400).max(599),
    message: z.string().optional(),
    retryAfter: z.number().optional(),
  }),
]);

type StepText = z.infer<typeof step>;

/** The responder of a script in JSON: a list of texts, `{ "reply": … }` and `{ "error": … }`. Throws what is wrong with it. */
export function parseScript(json: string): Responder {
  const parsed = z.array(step).safeParse(JSON.parse(json));
  if (!parsed.success) throw new Error(`The script is invalid: ${z.prettifyError(parsed.error)}`);
  return script(parsed.data.map(toStep));
}

function toStep(entry: StepText): ReturnType<typeof reply> | ReturnType<typeof apiError> {
  if (typeof entry === 'string') return reply(entry);
  if ('error' in entry) {
    return apiError(entry.error, {
      ...(entry.message !== undefined && { message: entry.message }),
      ...(entry.retryAfter !== undefined && { retryAfter: entry.retryAfter }),
    });
  }
  const { reply: content, fault, stopReason, ...options } = entry;
  const blocks = typeof content === 'string' ? content : content.map(toBlock);
  return reply(blocks, {
    ...options,
    ...(stopReason !== undefined && { stopReason }),
    ...(fault && { fault: toFault(fault) }),
  });
}

function toFault({ id, ...options }: z.infer<typeof faultSchema>): Fault {
  // The schema has checked the id against the table.
  return { ...options, id: id as FaultId };
}

function toBlock(entry: z.infer<typeof block>): BlockSpec {
  if (entry.type === 'text' && typeof entry['text'] === 'string') return text(entry['text']);
  if (entry.type === 'thinking' && typeof entry['thinking'] === 'string') return thinking(entry['thinking']);
  if (entry.type === 'redacted_thinking') return redactedThinking();
  if (entry.type !== 'tool_use' && entry.type !== 'server_tool_use') return whole(entry);
  const make = entry.type === 'tool_use' ? toolUse : serverToolUse;
  const value = input.parse(entry['input']);
  return make(String(entry['name']), value);
}
