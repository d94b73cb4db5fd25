import type Anthropic from '@anthropic-ai/sdk';
import type { BaseAnthropic } from '@anthropic-ai/sdk';

/** Any client of the official SDK that has a Messages resource. */
export type Client = BaseAnthropic & Pick<Anthropic, 'messages'> & Partial<Pick<Anthropic, 'beta'>>;

/** A message of the transcript, as the API takes it. */
export type MessageParam = Anthropic.MessageParam;
/** A whole reply of the model, as the API gave it. */
export type Message = Anthropic.Message;
/** A content block a user message may hold: text, images, documents, search results. */
export type ContentBlockParam = Anthropic.ContentBlockParam;
/** A content block of a reply. Unknown types are kept as received. */
export type ContentBlock = Anthropic.ContentBlock;
/** A call of a client tool. */
export type ToolUseBlock = Anthropic.ToolUseBlock;
/** What a tool result may hold. */
export type ToolResultContent = Exclude<Anthropic.ToolResultBlockParam['content'], undefined>;
/** One content block inside a tool result. */
export type ToolResultBlock = Exclude<ToolResultContent, string>[number];
/** A tool as the API takes it. */
export type ToolParam = Anthropic.ToolUnion;
/** An event of the API's stream. */
export type StreamEvent = Anthropic.RawMessageStreamEvent;
/** The request fields, without the transcript. */
export type RequestParams = Omit<Anthropic.MessageCreateParamsStreaming, 'messages'>;
/** Token counts of one reply, with the API's own field names. */
export type ReplyUsage = Anthropic.Usage;
/** A model id. Any string is accepted, so that new models need no new release. */
export type Model = Anthropic.Model;

/** A value that survives JSON. */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject;
/** A JSON object. */
export type JsonObject = { readonly [key: string]: JsonValue | undefined };
/** A value, or a promise of it. */
export type Awaitable<T> = T | Promise<T>;
