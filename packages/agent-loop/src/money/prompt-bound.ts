import type { ContentBlockParam, Message, RequestParams } from '../api.ts';
import { type CacheMarker, dearest } from './hidden-costs.ts';
import { type AnyMessage, KeptMessage } from '../journal/kept-message.ts';
import type { ModelRequest } from '../journal/session-state.ts';
import { promptTokensOf } from './usage.ts';

/** No image costs more: https://platform.claude.com/docs/en/build-with-claude/vision */
const IMAGE_TOKENS = 4784;

/** What messages hold that does not cost a token a byte. */
interface Media {
  /** Bytes of base64. */
  readonly bytes: number;
  readonly images: number;
  /** PDFs, and whatever only the server can see. */
  readonly documents: number;
}

/** A prompt as far as its size depends on it, and how far the messages had come by then. */
interface Seen {
  readonly params: RequestParams;
  readonly bytes: number;
  readonly media: Media;
  readonly messages: number;
}

/** A prompt whose size is known. */
interface Known extends Omit<Seen, 'messages'> {
  readonly tokens: number;
}

/**
 * The most tokens that prompts of a session can have. A byte-level tokenizer makes at most one token of a byte, and JSON
 * only adds bytes. From the first reply on it is tighter: what that reply says of its prompt and output, and the bytes
 * since. Every message is looked at once.
 */
export class PromptBound {
  #seen = 0;
  #last: AnyMessage | undefined;
  #media: Media = { bytes: 0, images: 0, documents: 0 };
  #marker: CacheMarker = null;
  #known: Known | null = null;
  #countedAt = -1;

  /** The bound for a request with these fields of the run; `added` are tokens that the API adds. */
  glance(params: RequestParams, { all, bytes, marks }: ModelRequest, added: number): Glance {
    this.#look(all);
    const marker = dearest([this.#marker, marks.tools, marks.system, marks.end, marks.earlier?.ttl ?? null]);
    return new Glance(
      this,
      { params, bytes: bytes.length, media: this.#media, messages: all.length },
      added,
      marker,
    );
  }

  /** The most tokens of such a prompt, or null where only the context window bounds it. */
  most({ params, bytes, media }: Seen, added: number): number | null {
    const { documents, images } = media;
    const whole = documents > 0 ? null : bytes - media.bytes + images * IMAGE_TOKENS + added;
    const known = this.#known;
    if (known?.params !== params || known.media.documents !== documents) return whole;
    const grown = Math.max(bytes - media.bytes - (known.bytes - known.media.bytes), 0);
    const since = known.tokens + grown + (images - known.media.images) * IMAGE_TOKENS + added;
    return whole === null ? since : Math.min(whole, since);
  }

  /** Keeps the size of a prompt: the next ones lean on it. */
  keep({ params, bytes, media }: Seen, tokens: number): void {
    this.#known = { params, bytes, media, tokens };
  }

  /** Keeps that a prompt was counted, whatever came of it. */
  keepCounted({ messages }: Seen): void {
    this.#countedAt = messages;
  }

  /** Whether `count_tokens` has been asked for these messages already. */
  isCounted({ messages }: Seen): boolean {
    return this.#countedAt === messages;
  }

  #look(messages: readonly AnyMessage[]): void {
    // A turn that was settled or taken back: everything is looked at again.
    if (this.#seen > messages.length || (this.#seen > 0 && !isSame(this.#last, messages[this.#seen - 1]))) {
      this.#seen = 0;
      this.#media = { bytes: 0, images: 0, documents: 0 };
      this.#marker = null;
      this.#known = null;
      this.#countedAt = -1;
    }
    for (; this.#seen < messages.length; this.#seen += 1) {
      this.#last = messages[this.#seen];
      if (this.#last && !(this.#last instanceof KeptMessage) && typeof this.#last.content === 'object')
        this.#lookAt(this.#last.content);
    }
  }

  #lookAt(blocks: readonly ContentBlockParam[]): void {
    for (const block of blocks) {
      const { type, source, content, cache_control } = block as Viewed;
      if (cache_control) this.#marker = dearest([this.#marker, cache_control.ttl === '1h' ? '1h' : '5m']);
      if (type === 'image' || type === 'document') this.#lookAtSource(type, source);
      if (Array.isArray(content)) this.#lookAt(content as readonly ContentBlockParam[]);
    }
  }

  #lookAtSource(type: 'image' | 'document', source: Viewed['source']): void {
    const { bytes, images, documents } = this.#media;
    const data = source?.type === 'base64' ? (source.data?.length ?? 0) : 0;
    if (type === 'image') {
      this.#media = { bytes: bytes + data, images: images + 1, documents };
    } else if (source?.type === 'content' && Array.isArray(source.content)) {
      this.#lookAt(source.content);
    } else if (source?.type !== 'text' && source?.type !== 'content') {
      this.#media = { bytes: bytes + data, images, documents: documents + 1 };
    }
  }
}

/** What a request looks like to the bound when it is asked for. */
export class Glance {
  readonly marker: CacheMarker;
  readonly #bound: PromptBound;
  readonly #seen: Seen;
  readonly #added: number;

  constructor(bound: PromptBound, seen: Seen, added: number, marker: CacheMarker) {
    this.#bound = bound;
    this.#seen = seen;
    this.#added = added;
    this.marker = marker;
  }

  /** The most tokens its prompt can have, or null where only the context window bounds it. */
  get tokens(): number | null {
    return this.#bound.most(this.#seen, this.#added);
  }

  /** Whether `count_tokens` has been asked for these messages already. */
  get counted(): boolean {
    return this.#bound.isCounted(this.#seen);
  }

  /** Keeps the size of this prompt, as `count_tokens` tells it; null where it could not be asked. */
  count(tokens: number | null): void {
    this.#bound.keepCounted(this.#seen);
    if (tokens !== null) this.#bound.keep(this.#seen, withMargin(tokens));
  }

  /** Keeps the size of this prompt and its reply, as the reply tells it. */
  learn(reply: Message): void {
    const tokens = sizeOf(reply, this.#seen.params.model);
    if (tokens !== null) this.#bound.keep(this.#seen, tokens);
  }
}

/** Also where it was parsed since. */
function isSame(before: AnyMessage | undefined, now: AnyMessage | undefined): boolean {
  return before === now || (before instanceof KeptMessage && before.message === now);
}

interface Viewed {
  readonly type: string;
  readonly source?: { readonly type?: string; readonly data?: string; readonly content?: unknown[] } & {
    readonly content?: ContentBlockParam[];
  };
  readonly content?: unknown;
  readonly cache_control?: { readonly ttl?: string } | null;
}

/** `count_tokens` is an estimate: https://platform.claude.com/docs/en/build-with-claude/token-counting */
function withMargin(tokens: number): number {
  return Math.ceil(tokens * 1.02) + 64;
}

/**
 * The tokens of a reply's prompt and of the reply, which are in the next prompt. Null where the reply does not tell them:
 * of passes of other kinds, or by another model, it tells other things.
 */
function sizeOf({ model, usage }: Message, asked: string): number | null {
  const passes = (usage as { readonly iterations?: readonly { readonly type?: string }[] | null }).iterations;
  const plain = !passes || passes.every(({ type }) => type === 'message');
  if (!plain || !(model.startsWith(asked) || asked.startsWith(model))) return null;
  const prompt = promptTokensOf(usage);
  return prompt > 0 ? prompt + (usage.output_tokens ?? 0) : null;
}
