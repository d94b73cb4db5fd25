import type { MessageParam } from '../api.ts';
import type { KeptCheckpoint } from './checkpoint.ts';
import { KeptMessage, parseJson, sliceText } from './kept-message.ts';

/** Messages as the bytes that are sent: one behind the other, commas between them. */
export interface KeptRow {
  readonly bytes: Uint8Array;
  /** Where the first begins. What is before it is free, and so is what is behind the last. */
  readonly from: number;
  /** For each the first byte behind it. */
  readonly ends: readonly number[];
}

/** The row that a `RowWriter` has laid out, which told where messages end. */
export function rowOf(
  { bytes, ends }: KeptCheckpoint,
  from: number,
  messageEnds: readonly number[],
): KeptRow {
  const found: number[] = [];
  for (let index = 0; index < messageEnds.length; index += 2)
    found.push((ends[messageEnds[index] ?? 0] ?? from) + (messageEnds[index + 1] ?? 0));
  return { bytes, from, ends: found };
}

/** One message of a row. */
export function messageIn(row: KeptRow, index: number, role: MessageParam['role']): KeptMessage {
  return new KeptMessage(role, row.bytes, startOf(row, index), row.ends[index] ?? row.from);
}

/** Bytes that are parsed at once: a text of so many is made where memory is used again and again. */
const PARSED_AT_ONCE = 1 << 15;

/** The first messages of a row, parsed. */
export function parsedMessages(row: KeptRow, count: number): MessageParam[] {
  const messages: MessageParam[] = [];
  for (let next = 0; next < count;) {
    const from = startOf(row, next);
    let end = next + 1;
    while (end < count && (row.ends[end] ?? 0) - from < PARSED_AT_ONCE) end += 1;
    const json = sliceText({ bytes: row.bytes, from, to: row.ends[end - 1] ?? from });
    for (const message of parseJson(`[${json}]`) as MessageParam[]) messages.push(message);
    next = end;
  }
  return messages;
}

function startOf({ from, ends }: KeptRow, index: number): number {
  return index === 0 ? from : (ends[index - 1] ?? from) + 1;
}
