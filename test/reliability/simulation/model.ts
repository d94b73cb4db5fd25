import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import type { Random } from '../../../packages/stores/test/support/random.ts';

/** A content block as it goes over the wire, as far as it matters here. */
export interface Block {
  readonly type: string;
  readonly id?: string;
  readonly name?: string;
  readonly input?: unknown;
  readonly tool_use_id?: string;
  readonly text?: string;
}

/** A message of a request. */
export interface WireMessage {
  readonly role: string;
  readonly content: string | readonly Block[];
}

/** How long a run is, and which tools it calls. */
export interface Shape {
  readonly turns: number;
  /** Names of the tools that a turn calls, or how many to draw. */
  readonly tools: readonly string[] | number;
}

/** A reply as the server sent, or began to send it, and what it billed for it. */
export interface Served {
  readonly id: string;
  readonly turn: number;
  readonly usage: { readonly input_tokens: number; readonly output_tokens: number };
  readonly content: readonly Block[];
}

/** The names of the tools, by what their calls do outside. */
export const TOOLS = ['look', 'put', 'send', 'sure', 'ask'] as const;
/** Name of a tool. */
export type ToolName = (typeof TOOLS)[number];

/**
 * The server: checks what it is asked as the API does, answers, and keeps its own bill. Its model is a function of the
 * conversation and the seed: a number of turns with tool calls, then an answer.
 */
export class Model {
  readonly served: Served[] = [];
  readonly #random: Random;
  readonly #shape: Shape;
  readonly #tools: readonly string[];
  #before: readonly WireMessage[] = [];

  constructor(random: Random, shape: Shape, tools: readonly string[]) {
    this.#random = random;
    this.#shape = shape;
    this.#tools = tools;
  }

  /** Answers a request. Throws an AssertionError for one that the API would refuse, or whose beginning has changed. */
  answer(messages: readonly WireMessage[]): Served {
    checkConversation(messages);
    // Everything that was sent once stays in front of all that follows, whatever happened in between.
    const kept = messages.slice(0, this.#before.length);
    assert.ok(isDeepStrictEqual(kept, this.#before), 'the beginning of the conversation has changed');
    this.#before = messages;
    const lastInput = messages.findLastIndex(({ content }) => typeof content === 'string');
    const turn = messages.slice(lastInput).filter(({ role }) => role === 'assistant').length;
    const number = this.served.length;
    const reply: Served = {
      id: `msg_${number}`,
      turn: messages.filter(({ role }) => role === 'assistant').length,
      usage: { input_tokens: 100 + number, output_tokens: 10 + ((number * 7) % 50) },
      content: turn >= this.#shape.turns ? [{ type: 'text', text: `Done ${number}.` }] : this.#calls(number),
    };
    this.served.push(reply);
    return reply;
  }

  #calls(number: number): Block[] {
    const { tools } = this.#shape;
    const names =
      typeof tools === 'number'
        ? Array.from(
            { length: 1 + this.#random.below(tools) },
            () => this.#tools[this.#random.below(this.#tools.length)],
          )
        : tools;
    return names.map((name, index) => ({
      type: 'tool_use',
      id: `toolu_${number}_${index}`,
      name: name ?? 'look',
      input: { n: number, pad: '.'.repeat(this.#random.below(200)), fails: this.#random.chance(0.05) },
    }));
  }
}

/** Every call is answered once, in the message after it, in its place; user and assistant take turns at calls. */
function checkConversation(messages: readonly WireMessage[]): void {
  assert.equal(messages[0]?.role, 'user', 'a conversation begins with the user');
  assert.equal(messages.at(-1)?.role, 'user', 'a request ends with the user');
  const seen = new Set<string>();
  for (const [index, { role, content }] of messages.entries()) {
    const calls = role === 'assistant' ? blocksOf(content).filter(({ type }) => type === 'tool_use') : [];
    for (const { id = '' } of calls) {
      assert.ok(!seen.has(id), `call ${id} stands in the conversation twice`);
      seen.add(id);
    }
    const before = messages[index - 1];
    const asked =
      before?.role === 'assistant' ? blocksOf(before.content).filter(({ type }) => type === 'tool_use') : [];
    const results = role === 'user' ? blocksOf(content).filter(({ type }) => type === 'tool_result') : [];
    assert.deepEqual(
      results.map((block) => block.tool_use_id),
      asked.map(({ id }) => id),
      `message ${index} does not answer the calls before it, each once and in order`,
    );
  }
}

function blocksOf(content: WireMessage['content']): readonly Block[] {
  return typeof content === 'string' ? [] : content;
}

/** The events of a reply's stream, one frame a block, so that the process can die between any two. */
export function framesOf({ id, usage, content }: Served): string[] {
  const frame = (event: { readonly type: string; readonly [key: string]: unknown }): string =>
    `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
  const message = {
    id,
    type: 'message',
    role: 'assistant',
    model: 'claude-sonnet-5-5',
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: { ...usage, output_tokens: 1 },
  };
  const stop_reason = content[0]?.type === 'tool_use' ? 'tool_use' : 'end_turn';
  return [
    frame({ type: 'message_start', message }),
    ...content.map((block, index) => frames(block, index).map(frame).join('')),
    frame({ type: 'message_delta', delta: { stop_reason, stop_sequence: null }, usage }) +
      frame({ type: 'message_stop' }),
  ];
}

function frames(block: Block, index: number) {
  const [empty, delta] =
    block.type === 'text'
      ? [
          { type: 'text', text: '' },
          { type: 'text_delta', text: block.text },
        ]
      : [
          { ...block, input: {} },
          { type: 'input_json_delta', partial_json: JSON.stringify(block.input) },
        ];
  return [
    { type: 'content_block_start', index, content_block: empty },
    { type: 'content_block_delta', index, delta },
    { type: 'content_block_stop', index },
  ];
}
