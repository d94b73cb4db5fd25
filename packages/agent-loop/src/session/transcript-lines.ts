import { z } from 'zod';

/** A line of a transcript that is not part of what was imported. */
export interface LeftOut {
  /** Counted from 1. */
  readonly line: number;
  readonly reason: string;
}

/** A message line of a transcript. */
export interface TranscriptLine {
  readonly line: number;
  readonly type: 'user' | 'assistant';
  readonly uuid: string | undefined;
  readonly message: {
    readonly id?: string | undefined;
    readonly model?: string | undefined;
    readonly content: string | readonly Readonly<Record<string, unknown>>[];
    readonly stop_reason?: unknown;
    readonly usage?: unknown;
  };
  /** Epoch milliseconds. */
  readonly at: number | undefined;
  readonly sessionId: string | null;
  readonly requestId: string | undefined;
}

/** Any line that has a place in the tree of messages. */
export interface Link {
  readonly line: number;
  readonly uuid: string | undefined;
  readonly parent: string | null | undefined;
  /** Everything before it was replaced by a summary. */
  readonly isBoundary: boolean;
  readonly message: TranscriptLine | undefined;
}

const messageSchema = z.looseObject({
  role: z.enum(['user', 'assistant']),
  id: z.string().optional(),
  model: z.string().optional(),
  content: z.union([z.string(), z.array(z.looseObject({ type: z.string() }))]),
});
const lineSchema = z.looseObject({
  type: z.string(),
  subtype: z.string().optional().catch(undefined),
  uuid: z.string().optional().catch(undefined),
  parentUuid: z.string().nullish().catch(undefined),
  isSidechain: z.boolean().optional().catch(undefined),
  isApiErrorMessage: z.boolean().optional().catch(undefined),
  parent_tool_use_id: z.string().nullish().catch(undefined),
  timestamp: z.string().optional().catch(undefined),
  sessionId: z.string().optional().catch(undefined),
  session_id: z.string().optional().catch(undefined),
  requestId: z.string().optional().catch(undefined),
});
type Line = z.infer<typeof lineSchema>;

/** What these programs write beside messages. */
const BESIDE: ReadonlySet<string> = new Set([
  'agent-name',
  'ai-title',
  'attachment',
  'custom-title',
  'file-history-snapshot',
  'last-prompt',
  'permission-mode',
  'pr-link',
  'progress',
  'queue-operation',
  'result',
  'stream_event',
  'summary',
  'system',
  'tag',
]);

/** Reads the lines of a transcript. What is no message of the main conversation is reported. */
export function readLines(text: string): {
  readonly lines: readonly Link[];
  readonly leftOut: readonly LeftOut[];
} {
  const lines: Link[] = [];
  const leftOut: LeftOut[] = [];
  for (const [index, source] of text.split(/\r?\n/).entries()) {
    if (source.trim() === '') continue;
    const number = index + 1;
    const read = readLine(source, number);
    if (typeof read === 'string') leftOut.push({ line: number, reason: read });
    else {
      lines.push(read.link);
      if (read.reason !== undefined) leftOut.push({ line: number, reason: read.reason });
    }
  }
  return { lines, leftOut };
}

/**
 * The branch that the last message is on, in the order of the file: from message to parent, back to the beginning or to
 * where a summary took the place of what was before. Parallel calls are branches that belong together: all lines of a
 * reply are taken, and every result of its calls.
 */
export function chainOf(links: readonly Link[]): {
  readonly chain: readonly TranscriptLine[];
  readonly others: readonly LeftOut[];
} {
  const taken = new Set<Link>();
  const parentOf = parents(links);
  let first: Link | undefined;
  for (let link = links.findLast(({ message }) => message); link && !taken.has(link); link = parentOf(link)) {
    taken.add(link);
    first = link;
  }
  const from = first?.isBoundary ? links.indexOf(first) : -1;
  const chain: TranscriptLine[] = [];
  const others: LeftOut[] = [];
  const replies = new Set<string>();
  const calls = new Set<unknown>();
  for (const { message } of taken) if (message?.message.id !== undefined) replies.add(message.message.id);
  for (const [index, link] of links.entries()) {
    const { message, line } = link;
    if (!message) continue;
    if (index > from && (taken.has(link) || belongs(message, replies, calls))) {
      chain.push(message);
      for (const block of blocksOf(message)) if (block['type'] === 'tool_use') calls.add(block['id']);
    } else others.push({ line, reason: index < from ? 'before the last compaction' : 'on another branch' });
  }
  return { chain, others };
}

/** Where a line names no parent, or one that is not there, the one before it stands in. */
function parents(links: readonly Link[]): (link: Link) => Link | undefined {
  const byUuid = new Map(
    links.flatMap((link) => (link.uuid === undefined ? [] : [[link.uuid, link] as const])),
  );
  return (link) => {
    if (link.isBoundary || link.parent === null) return undefined;
    const named = link.parent === undefined ? undefined : byUuid.get(link.parent);
    if (named) return named;
    const before = links.slice(0, links.indexOf(link));
    return before.findLast(({ message, isBoundary }) => message !== undefined || isBoundary);
  };
}

function belongs(line: TranscriptLine, replies: ReadonlySet<string>, calls: ReadonlySet<unknown>): boolean {
  if (line.type === 'assistant') return line.message.id !== undefined && replies.has(line.message.id);
  const blocks = blocksOf(line);
  return blocks.length > 0 && blocks.every((block) => calls.has(block['tool_use_id']));
}

function blocksOf({ message }: TranscriptLine): readonly Readonly<Record<string, unknown>>[] {
  return typeof message.content === 'string' ? [] : message.content;
}

function readLine(
  source: string,
  number: number,
): string | { readonly link: Link; readonly reason?: string } {
  let value: unknown;
  try {
    value = JSON.parse(source);
  } catch {
    return 'it is not JSON';
  }
  const checked = lineSchema.safeParse(value);
  if (!checked.success) return 'it has no type';
  const line = checked.data;
  const { type, parentUuid: parent } = line;
  const isBoundary = line.subtype === 'compact_boundary';
  const link: Link = { line: number, uuid: line.uuid, parent, isBoundary, message: undefined };
  if (type !== 'user' && type !== 'assistant') {
    const reason = BESIDE.has(type) ? `no message ("${type}")` : `of an unknown type ("${type}")`;
    return { link, reason };
  }
  if (line.isSidechain || typeof line.parent_tool_use_id === 'string') return 'said by a subagent';
  const message = messageSchema.safeParse(line['message']);
  if (!message.success || message.data.role !== type)
    return { link, reason: 'its message has not the expected shape' };
  if (line.isApiErrorMessage || message.data.model === '<synthetic>')
    return { link, reason: 'an error that was shown, not a reply' };
  return { link: { ...link, message: toMessage(line, number, type, message.data) } };
}

function toMessage(
  line: Line,
  number: number,
  type: 'user' | 'assistant',
  message: TranscriptLine['message'],
): TranscriptLine {
  const at = Date.parse(line.timestamp ?? '');
  return {
    line: number,
    type,
    uuid: line.uuid,
    message,
    at: Number.isNaN(at) ? undefined : at,
    sessionId: line.sessionId ?? line.session_id ?? null,
    requestId: line.requestId,
  };
}
