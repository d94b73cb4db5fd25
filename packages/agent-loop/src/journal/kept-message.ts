import type { ContentBlockParam, MessageParam } from '../api.ts';
import { JournalError } from './journal.ts';

/** Bytes of a text. */
export interface Slice {
  readonly bytes: Uint8Array;
  readonly from: number;
  readonly to: number;
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** The text of a slice. */
export function sliceText({ bytes, from, to }: Slice): string {
  return decoder.decode(bytes.subarray(from, to));
}

/** A message as an object, or as it is kept. */
export type AnyMessage = MessageParam | KeptMessage;

/** The message as an object. */
export function messageOf(message: AnyMessage): MessageParam {
  return message instanceof KeptMessage ? message.message : message;
}

/** A message as the JSON that is sent: it is parsed when somebody looks at it. It is a plain one, see `isPlain`. */
export class KeptMessage implements Slice {
  readonly role: MessageParam['role'];
  readonly bytes: Uint8Array;
  readonly from: number;
  readonly to: number;
  #message: MessageParam | undefined;

  constructor(role: MessageParam['role'], bytes: Uint8Array, from: number, to: number) {
    this.role = role;
    this.bytes = bytes;
    this.from = from;
    this.to = to;
  }

  /** The message, parsed once. Throws a JournalError `corrupt` where that is not possible. */
  get message(): MessageParam {
    return (this.#message ??= parseJson(sliceText(this)) as MessageParam);
  }
}

/** Parses what a journal has kept. Throws a JournalError `corrupt` for what is no JSON. */
export function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw new JournalError('corrupt', 'A record is whole, but its content is no JSON.', { cause });
  }
}

/** Whether a message holds nothing that anybody would have to look for, so that it may be kept unparsed: only text, thinking, and tool calls and their results in text. */
export function isPlain({ content }: MessageParam): boolean {
  return typeof content === 'string' || content.every(isPlainBlock);
}

const PLAIN: ReadonlySet<string> = new Set(['text', 'thinking', 'redacted_thinking', 'tool_use']);

function isPlainBlock(block: ContentBlockParam): boolean {
  if ('cache_control' in block && block.cache_control) return false;
  if (block.type !== 'tool_result') return PLAIN.has(block.type);
  const { content } = block;
  return !Array.isArray(content) || content.every((part) => part.type === 'text' && !part.cache_control);
}
