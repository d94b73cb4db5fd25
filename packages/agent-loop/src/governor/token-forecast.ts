import type { Message, ReplyUsage, RequestParams } from '../api.ts';
import { type AnyMessage, KeptMessage } from '../journal/kept-message.ts';
import type { Candidate } from '../loop/admission.ts';
import type { RunState } from '../loop/run-state.ts';

/** What a request takes from the limits. Cache reads do not count as input. */
export interface RateNeeds {
  readonly requests: number;
  readonly input: number;
  readonly output: number;
}

/** Tokens a byte of a body, before anything was learnt: a little more than English text has. */
const TOKENS_PER_BYTE = 0.35;
/** Tokens that a byte less saves at least. */
const LEAST_PER_BYTE = 0.2;
/** Tokens of a prompt that are not in its body, and those that tools add. */
const HIDDEN_TOKENS = 20;
const TOOL_TOKENS = 800;
/** Tokens of a reply, before anything was learnt. */
const FIRST_OUTPUT = 1000;
/** Of an image, whatever its bytes. See https://platform.claude.com/docs/en/build-with-claude/vision */
const IMAGE_TOKENS = 1600;
/** Base64 characters of a document for each of its tokens. */
const DOCUMENT_CHARS = 40;
/** How much the latest reply weighs in what is expected of the next. */
const LEARNING = 0.25;
/** Of a prompt, so that most are not underestimated. */
const MARGIN = 1.05;
/** How long what was cached can be relied on. See https://platform.claude.com/docs/en/build-with-claude/prompt-caching */
const CACHED_MS = 300_000;

/** Mean and mean deviation that follow the latest values. */
class Expected {
  #mean: number | undefined;
  #deviation = 0;

  learn(value: number): void {
    if (this.#mean === undefined) {
      this.#mean = value;
      this.#deviation = value / 4;
      return;
    }
    this.#deviation += LEARNING * (Math.abs(value - this.#mean) - this.#deviation);
    this.#mean += LEARNING * (value - this.#mean);
  }

  /** What most values stay below, or undefined before the first. */
  get most(): number | undefined {
    return this.#mean === undefined ? undefined : this.#mean + 2 * this.#deviation;
  }
}

/** A request whose prompt is known, from which others are estimated. */
interface Known {
  readonly bytes: number;
  /** Tokens of its whole prompt. */
  readonly prompt: number;
  /** Tokens of it that can be read from the cache. */
  readonly cached: number;
}

/** The latest request of a session. */
interface Latest extends Known {
  readonly messages: number;
  readonly media: MediaWeight;
  /** When its reply was whole, by the monotonic clock. */
  readonly at: number;
}

/** What is known of the requests of one agent. */
interface AgentHabits {
  readonly tokensPerByte: Expected;
  readonly output: Expected;
  /** The first request of its latest session, without media. */
  first: Known | undefined;
}

/** Predicts what a request takes from the limits, from what replies of its agent and its run have used. */
export class TokenForecast {
  readonly #agents = new WeakMap<object, AgentHabits>();
  readonly #latest = new WeakMap<object, Latest>();
  /** Of all agents, for those that have had no reply yet. */
  readonly #output = new Expected();

  /** What this request will probably take. */
  needsOf(run: RunState, { request }: Candidate): RateNeeds {
    const agent = this.#agents.get(run.spec);
    const before = this.#latest.get(run.state);
    const media = weigh(request.all.slice(before?.messages ?? 0));
    const known = before ?? agent?.first ?? unknownPrompt(request.params);
    const added = request.bytes.length - known.bytes - media.bytes;
    const perByte = added < 0 ? LEAST_PER_BYTE : (agent?.tokensPerByte.most ?? TOKENS_PER_BYTE) * MARGIN;
    const stale = before && run.seams.monotonic() - before.at > CACHED_MS;
    const fresh = known.prompt - (stale ? 0 : known.cached) + added * perByte + media.tokens + HIDDEN_TOKENS;
    const output = agent?.output.most ?? this.#output.most ?? FIRST_OUTPUT;
    return {
      requests: 1,
      input: Math.max(1, Math.ceil(fresh)),
      output: Math.max(1, Math.ceil(Math.min(output, request.params.max_tokens))),
    };
  }

  /** Learns from the reply to a request. Gives what it took. */
  learn(run: RunState, { request }: Candidate, { usage }: Pick<Message, 'usage'>): RateNeeds {
    const taken = takenBy(usage);
    const read = usage.cache_read_input_tokens ?? 0;
    const prompt = taken.input + read;
    const agent = this.#habitsOf(run.spec);
    const before = this.#latest.get(run.state);
    const added = weigh(request.all.slice(before?.messages ?? 0));
    const media = {
      bytes: added.bytes + (before?.media.bytes ?? 0),
      tokens: added.tokens + (before?.media.tokens ?? 0),
    };
    const text = request.bytes.length - media.bytes;
    if (text > 0 && prompt > media.tokens) agent.tokensPerByte.learn((prompt - media.tokens) / text);
    agent.output.learn(taken.output);
    this.#output.learn(taken.output);
    if (!before) agent.first = { bytes: text, prompt: prompt - media.tokens, cached: read };
    this.#latest.set(run.state, {
      messages: request.all.length,
      bytes: request.bytes.length,
      media,
      prompt,
      cached: read + (usage.cache_creation_input_tokens ?? 0),
      at: run.seams.monotonic(),
    });
    return taken;
  }

  #habitsOf(spec: object): AgentHabits {
    const known = this.#agents.get(spec);
    if (known) return known;
    const habits = { tokensPerByte: new Expected(), output: new Expected(), first: undefined };
    this.#agents.set(spec, habits);
    return habits;
  }
}

function unknownPrompt({ tools }: RequestParams): Known {
  return { bytes: 0, prompt: tools && tools.length > 0 ? TOOL_TOKENS : 0, cached: 0 };
}

/** What a reply counted against the limits. */
export function takenBy(usage: Partial<ReplyUsage>): RateNeeds {
  const input = (usage.input_tokens ?? 0) + (usage.cache_creation_input_tokens ?? 0);
  return { requests: 1, input, output: usage.output_tokens ?? 0 };
}

interface MediaWeight {
  readonly bytes: number;
  readonly tokens: number;
}

interface AnyBlock {
  readonly type: string;
  readonly content?: unknown;
  readonly source?: unknown;
}

/** What images and documents that are sent along weigh: their tokens have little to do with their bytes. */
function weigh(messages: readonly AnyMessage[]): MediaWeight {
  let [bytes, tokens] = [0, 0];
  const add = (blocks: readonly AnyBlock[]): void => {
    for (const { type, content, source } of blocks) {
      if (type === 'tool_result' && Array.isArray(content)) add(content as readonly AnyBlock[]);
      if (type !== 'image' && type !== 'document') continue;
      const { type: kind, data } = (source ?? {}) as { readonly type?: unknown; readonly data?: unknown };
      if (kind === 'text') continue;
      const size = typeof data === 'string' ? data.length : 0;
      bytes += size;
      tokens += type === 'image' ? IMAGE_TOKENS : Math.ceil(size / DOCUMENT_CHARS);
    }
  };
  for (const message of messages)
    if (!(message instanceof KeptMessage) && typeof message.content !== 'string') add(message.content);
  return { bytes, tokens };
}
