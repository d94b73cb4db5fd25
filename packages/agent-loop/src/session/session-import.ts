import type { ContentBlock, ContentBlockParam, Message, ToolResultContent, ToolUseBlock } from '../api.ts';
import { ConfigError } from '../errors.ts';
import type { Entry, NewEntry } from '../journal/events.ts';
import { chainOf, type LeftOut, readLines, type TranscriptLine } from './transcript-lines.ts';

/** A transcript of another program as entries of a session. */
export interface ImportedTranscript {
  /** For `loadSession`. What they cost is not counted: another program has paid for it. */
  readonly entries: readonly Entry[];
  /** The id that the transcript gives its session, or null. */
  readonly sessionId: string | null;
  /** The model of the last reply, or null. */
  readonly model: string | null;
  /** Every line that is not part of the entries, and why. */
  readonly leftOut: readonly LeftOut[];
}

/** Options of `importTranscript`. */
export interface ImportOptions {
  /**
   * `'drop'` (default) leaves thinking blocks out: they are signed over a system prompt and tools that the transcript does
   * not hold. `'keep'` keeps them, for an agent with exactly those.
   */
  readonly thinking?: 'drop' | 'keep';
}

const AGENT = 'imported';
const NO_RESULT = 'The transcript holds no result of this call: it was interrupted, or its result was lost.';

/**
 * Reads a transcript of Claude Code or of the Agent SDK (JSON lines) into entries that `loadSession` can open: the branch
 * that its last message is on, from the last compaction on, without what subagents said. Throws a ConfigError where it
 * holds no message.
 */
export function importTranscript(
  text: string,
  { thinking = 'drop' }: ImportOptions = {},
): ImportedTranscript {
  if (typeof text !== 'string')
    throw new ConfigError('text', `expected the text of a transcript, got ${typeof text}.`);
  const { lines, leftOut } = readLines(text);
  const { chain, others } = chainOf(lines);
  const sessionId = chain.at(-1)?.sessionId ?? null;
  const model = chain.findLast(({ type }) => type === 'assistant')?.message.model ?? null;
  const runId = `run_${sessionId ?? AGENT}`;
  const journal = new ImportedJournal(runId, model ?? 'unknown', thinking, chain[0]?.at ?? 0);
  for (const part of partsOf(chain)) {
    if (Array.isArray(part)) journal.addReply(part);
    else journal.addUser(part);
  }
  const entries = journal.finish(sessionId);
  if (journal.messages === 0)
    throw new ConfigError('text', 'it holds no message of a Claude Code or Agent SDK transcript.');
  const all = [...leftOut, ...others, ...journal.leftOut].toSorted((a, b) => a.line - b.line);
  return { entries, sessionId, model, leftOut: all };
}

/** User lines, and replies as all of their lines: one reply takes a line for each block. It stands where the first does. */
function partsOf(chain: readonly TranscriptLine[]): readonly (TranscriptLine | TranscriptLine[])[] {
  const parts: (TranscriptLine | TranscriptLine[])[] = [];
  const replies = new Map<string, TranscriptLine[]>();
  for (const line of chain) {
    const { id } = line.message;
    const known = id === undefined ? undefined : replies.get(id);
    if (line.type === 'user') parts.push(line);
    else if (known) known.push(line);
    else {
      const reply = [line];
      if (id !== undefined) replies.set(id, reply);
      parts.push(reply);
    }
  }
  return parts;
}

type Block = Readonly<Record<string, unknown>> & { readonly type?: unknown };

/** Builds the entries of the one run that an imported transcript is. */
class ImportedJournal {
  readonly leftOut: LeftOut[] = [];
  messages = 0;
  readonly #runId: string;
  readonly #thinking: 'drop' | 'keep';
  readonly #entries: Entry[] = [];
  #turn = 0;
  #at = 0;
  /** Calls of the last reply without a result, by id. */
  readonly #open = new Map<string, ToolUseBlock>();

  constructor(runId: string, model: string, thinking: 'drop' | 'keep', at: number) {
    this.#runId = runId;
    this.#thinking = thinking;
    this.#at = at;
    this.#add({ type: 'run-start', model });
  }

  addUser(line: TranscriptLine): void {
    this.#at = line.at ?? this.#at;
    const { content } = line.message;
    if (typeof content === 'string') {
      if (content.trim() === '') this.#leaveOut(line, 'an empty message');
      else this.#input(content);
      return;
    }
    const rest: Block[] = [];
    for (const block of content as readonly Block[]) {
      if (block.type !== 'tool_result') rest.push(block);
      else if (!this.#result(block))
        this.#leaveOut(line, 'a result of a call that is not there, or has one already');
    }
    if (rest.length > 0) this.#input(rest as unknown as readonly ContentBlockParam[]);
  }

  addReply(lines: readonly TranscriptLine[]): void {
    const [first] = lines;
    if (!first) return;
    this.#at = first.at ?? this.#at;
    const message = this.#messageOf(lines);
    if (message.content.length === 0) {
      for (const line of lines) this.#leaveOut(line, 'a reply of nothing but thinking');
      return;
    }
    this.#closeCalls();
    this.messages += 1;
    this.#turn += 1;
    const times = { firstTokenMs: 0, durationMs: 0 };
    const requestId = first.requestId ?? null;
    this.#add({ type: 'reply', turn: this.#turn, message, brokenCalls: [], requestId, ...times });
    for (const block of message.content) if (block.type === 'tool_use') this.#open.set(block.id, block);
  }

  /** The last entry parts what was imported from what follows: the former is not counted as spent. */
  finish(sessionId: string | null): readonly Entry[] {
    this.#closeCalls();
    this.#add({ type: 'run-end', outcome: 'stopped', turns: this.#turn, reason: 'imported' });
    this.#add({ type: 'fork', from: `transcript ${sessionId ?? ''}`.trim(), entries: this.#entries.length });
    return this.#entries;
  }

  #messageOf(lines: readonly TranscriptLine[]): Message {
    const blocks = new Map<string, ContentBlock>();
    let usage: unknown;
    let stopReason: unknown = null;
    for (const { message } of lines) {
      const content =
        typeof message.content === 'string' ? [{ type: 'text', text: message.content }] : message.content;
      for (const block of content) blocks.set(JSON.stringify(block), block as unknown as ContentBlock);
      usage = message.usage ?? usage;
      stopReason = message.stop_reason ?? stopReason;
    }
    const content = [...blocks.values()].filter(
      ({ type }) => this.#thinking === 'keep' || (type !== 'thinking' && type !== 'redacted_thinking'),
    );
    const calls = content.some(({ type }) => type === 'tool_use');
    return {
      id: lines[0]?.message.id ?? `msg_imported_${this.#turn + 1}`,
      type: 'message',
      role: 'assistant',
      model: lines[0]?.message.model ?? 'unknown',
      content,
      stop_reason: stopReason ?? (calls ? 'tool_use' : 'end_turn'),
      stop_sequence: null,
      container: null,
      usage: usage ?? {},
    } as unknown as Message;
  }

  #input(content: string | readonly ContentBlockParam[]): void {
    this.#closeCalls();
    this.messages += 1;
    this.#add({ type: 'input', source: 'user', content });
  }

  /** False for a result that answers nothing. */
  #result({ tool_use_id: callId, content = '', is_error }: Block): boolean {
    const call = typeof callId === 'string' ? this.#open.get(callId) : undefined;
    if (!call) return false;
    this.#end(call, is_error === true ? 'error' : 'ok', content as ToolResultContent);
    return true;
  }

  #closeCalls(): void {
    for (const call of this.#open.values()) this.#end(call, 'unknown', NO_RESULT);
  }

  #end(
    { id: callId, name: tool }: ToolUseBlock,
    outcome: 'ok' | 'error' | 'unknown',
    content: ToolResultContent,
  ): void {
    this.#open.delete(callId);
    this.#add({ type: 'tool-end', turn: this.#turn, callId, tool, outcome, content, durationMs: 0 });
  }

  #leaveOut({ line }: TranscriptLine, reason: string): void {
    this.leftOut.push({ line, reason });
  }

  #add(entry: NewEntry): void {
    const stamp = { runId: this.#runId, agent: AGENT, at: this.#at, seq: this.#entries.length };
    this.#entries.push(Object.assign({}, entry, stamp));
  }
}
