/** Where a rule comes from: a page of the Claude documentation, or the SDK. */
const pages = {
  messages: 'Messages API: https://platform.claude.com/docs/en/api/messages',
  versions: 'API versions: https://platform.claude.com/docs/en/api/versioning',
  betas: 'Beta headers: https://platform.claude.com/docs/en/api/beta-headers',
  errors: 'Errors: https://platform.claude.com/docs/en/api/errors',
  limits: 'Rate limits: https://platform.claude.com/docs/en/api/rate-limits',
  streaming: 'Streaming Messages: https://platform.claude.com/docs/en/build-with-claude/streaming',
  stops: 'Handling stop reasons: https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons',
  caching: 'Prompt caching: https://platform.claude.com/docs/en/build-with-claude/prompt-caching',
  counting: 'Token counting: https://platform.claude.com/docs/en/build-with-claude/token-counting',
  vision: 'Vision: https://platform.claude.com/docs/en/build-with-claude/vision',
  pdf: 'PDF support: https://platform.claude.com/docs/en/build-with-claude/pdf-support',
  structured: 'Structured outputs: https://platform.claude.com/docs/en/build-with-claude/structured-outputs',
  editing: 'Context editing: https://platform.claude.com/docs/en/build-with-claude/context-editing',
  models: 'Models overview: https://platform.claude.com/docs/en/about-claude/models/overview',
  deprecations: 'Model deprecations: https://platform.claude.com/docs/en/about-claude/model-deprecations',
  pricing: 'Pricing: https://platform.claude.com/docs/en/about-claude/pricing',
  programmatic:
    'Programmatic tool calling: https://platform.claude.com/docs/en/agents-and-tools/tool-use/programmatic-tool-calling',
  toolSearch: 'Tool search: https://platform.claude.com/docs/en/agents-and-tools/tool-use/tool-search-tool',
  tools: 'Handle tool calls',
  parallel: 'Parallel tool use',
  compaction: 'Compaction',
  system: 'Mid-conversation system messages',
  thinking: 'Preserved thinking',
  fast: 'Fast mode',
  citations: 'Citations',
  threads: 'Message threads',
  refusals: 'Refusals and fallback',
  sdk: 'SDK: @anthropic-ai/sdk, source',
} as const;

type Page = keyof typeof pages;

/** One rule of the Messages API. */
export interface Requirement {
  readonly id: string;
  readonly rule: string;
  readonly source: string;
  /** Who must keep it: a server that speaks the API, or a client that loops over it. */
  readonly holds: 'server' | 'client';
}

function rules<const Rows extends readonly (readonly [id: string, page: Page, rule: string])[]>(
  holds: Requirement['holds'],
  rows: Rows,
): readonly (Requirement & { readonly id: Rows[number][0] })[] {
  return rows.map(([id, page, rule]) => ({ id, rule, source: pages[page], holds }));
}

const serverRules = rules('server', [
  // who asks, and in which version
  ['auth/bearer', 'sdk', 'An API key is accepted as `Authorization: Bearer`.'],
  ['auth/x-api-key', 'errors', 'An API key is accepted in `x-api-key`.'],
  ['auth/missing', 'errors', 'A request without a key is answered with 401 authentication_error.'],
  ['auth/no-echo', 'errors', 'A key never comes back in a response or in the record of a request.'],
  ['version/required', 'versions', 'A request without `anthropic-version` is a 400.'],
  [
    'version/sampling',
    'versions',
    'Under 2026-10-21 temperature, top_p and top_k are a 400, whatever their value.',
  ],
  [
    'version/assistant-document',
    'versions',
    'Under 2026-10-21 a document block in an assistant message is a 400.',
  ],
  [
    'version/user-citations',
    'versions',
    'Under 2026-10-21 text with citations in a user message is a 400, nested text too.',
  ],
  ['beta/unknown', 'betas', 'An unknown value in `anthropic-beta` is a 400.'],
  ['beta/members', 'betas', 'A member of the beta namespace without its beta header is a 400.'],

  // the shape of a request
  ['request/not-json', 'errors', 'A body that is not JSON is a 400.'],
  ['request/too-large', 'errors', 'A body over 32 MB is a 413 request_too_large.'],
  ['request/unknown-member', 'messages', 'A member the API does not know is a 400.'],
  ['request/max-tokens-required', 'messages', 'max_tokens is required.'],
  [
    'request/max-tokens-limit',
    'models',
    "max_tokens above the model's maximum is a 400 that names the maximum.",
  ],
  ['request/max-tokens-zero', 'caching', 'max_tokens 0 is legal, warms the cache and yields an empty reply.'],
  [
    'request/max-tokens-zero-conflicts',
    'caching',
    'max_tokens 0 does not go with stream, thinking, an output format or a forced tool choice.',
  ],
  ['request/prompt-too-long', 'errors', "A prompt over the model's context is a 400: N tokens > M maximum."],
  ['request/unknown-path', 'errors', 'An unknown path is a 404 in the shape of an API error.'],
  ['request/stop-sequences', 'messages', 'A blank stop sequence is a 400.'],

  // models
  ['models/unknown', 'errors', 'An unknown model is a 404 not_found_error with the message `model: <id>`.'],
  ['models/retired', 'deprecations', 'A retired model is a 404 like an unknown one.'],
  [
    'models/list',
    'models',
    'GET /v1/models lists the models with limits, lifecycle and capabilities, in pages.',
  ],
  ['models/retrieve', 'models', 'GET /v1/models/{id} gives one model, by alias too, or a 404.'],
  ['models/prefill', 'messages', 'From 4.6 on a last assistant turn that is not a paused one is a 400.'],
  [
    'models/forced-choice',
    'tools',
    'On the 5.5, 5.1 and 5.2 models (not Haiku 5.5) tool_choice any and tool are a 400.',
  ],
  ['models/forced-choice-thinking', 'tools', 'On 4.x models a forced tool choice does not go with thinking.'],
  ['models/thinking-forms', 'models', 'A form of thinking that the model does not take is a 400.'],
  ['models/thinking-budget', 'models', 'A thinking budget is at least 1024 and below max_tokens.'],
  [
    'models/thinking-off-effort',
    'models',
    'Where thinking can be switched off only up to effort high, xhigh and max with it are a 400.',
  ],
  [
    'models/between-tools',
    'models',
    'between_tools is taken by Sonnet 5.5 alone and carries no other member.',
  ],
  ['models/effort', 'models', 'An effort level that the model does not have is a 400.'],
  [
    'models/inference-geo',
    'pricing',
    'inference_geo on a model older than 4.6 is a 400; otherwise usage echoes it.',
  ],
  [
    'models/fast',
    'fast',
    'speed fast is a 400 where it does not exist or its beta is missing; usage echoes it.',
  ],

  // conversations
  ['conversation/empty', 'messages', 'An empty list of messages is a 400.'],
  ['conversation/first-user', 'messages', 'The first message is a user message.'],
  ['conversation/roles', 'messages', 'A role is user, assistant or system.'],
  ['conversation/merge', 'messages', 'Consecutive messages of one role count as one.'],
  ['conversation/empty-content', 'messages', 'Only the last assistant message may have empty content.'],
  ['conversation/empty-text', 'messages', 'An empty text block is a 400.'],
  ['conversation/unknown-user-block', 'messages', 'A user message with a block of unknown type is a 400.'],
  [
    'conversation/unknown-assistant-block',
    'messages',
    'Unknown blocks of assistant messages are taken back as they were sent.',
  ],
  ['conversation/extra-member', 'messages', 'A block with a member the API does not know is a 400.'],
  ['conversation/paused', 'stops', 'A paused turn that ends in a server tool use may be the last message.'],
  ['system/model', 'system', 'Mid-conversation system messages are a 400 on models that do not take them.'],
  ['system/not-first', 'system', 'A system message is not the first.'],
  [
    'system/after-user',
    'system',
    'A system message follows a user message, or an assistant message that ends in a server tool use.',
  ],
  [
    'system/before-assistant',
    'system',
    'A system message is followed by an assistant message or is the last.',
  ],
  ['system/text-only', 'system', 'Without a beta a system message holds only text.'],

  // tools
  ['tools/name', 'tools', 'A tool name matches ^[a-zA-Z0-9_-]{1,64}$.'],
  ['tools/unique', 'tools', 'Tool names are unique.'],
  ['tools/object-schema', 'tools', 'input_schema is an object schema without a union at the top.'],
  ['tools/choice-without-tools', 'tools', 'tool_choice needs tools, and a named tool must be among them.'],
  [
    'tools/strict-count',
    'structured',
    'At most 20 tools are strict, with at most 24 optional parameters together.',
  ],
  [
    'tools/strict-schema',
    'structured',
    'A strict tool has additionalProperties false everywhere and no recursion.',
  ],
  ['tools/deferred', 'toolSearch', 'At least one tool is not deferred.'],
  [
    'tools/programmatic-conflicts',
    'programmatic',
    'Programmatic calling does not go with strict tools or a forced choice.',
  ],
  [
    'tool-result/missing',
    'tools',
    'A tool use without its result in the next message is a 400 that lists the ids.',
  ],
  ['tool-result/extra', 'tools', 'A result without its tool use in the previous message is a 400.'],
  ['tool-result/duplicate', 'tools', 'Two results for one tool use are a 400.'],
  ['tool-result/first', 'tools', 'Results come before any other content of their message.'],
  ['tool-result/split', 'parallel', 'Results split over several user messages are accepted.'],
  [
    'tool-result/content',
    'tools',
    'A result holds a string, text, images, documents, search results or nothing.',
  ],
  [
    'tool-result/open-server-tool',
    'tools',
    'While a server tool of the turn is open, the answer holds only results.',
  ],
  [
    'tool-result/programmatic',
    'programmatic',
    'The answer to programmatic calls holds only results with text.',
  ],
  ['tool-use/unique-ids', 'tools', 'Ids of tool uses are unique in a conversation.'],
  ['tool-use/input-object', 'tools', 'The input of a tool use in history is an object.'],

  // structured output, citations, media
  [
    'format/schema',
    'structured',
    'An output schema has additionalProperties false, no length keywords and no recursion.',
  ],
  ['format/citations', 'structured', 'An output format does not go with citations.'],
  ['citations/all-or-none', 'citations', 'Citations are on for all documents of a request or for none.'],
  ['media/image-type', 'vision', 'An image is a jpeg, png, gif or webp that is what it says.'],
  ['media/image-size', 'vision', 'An image has at most 10 MB and 8000 pixels a side.'],
  ['media/pdf', 'pdf', 'A base64 document is a PDF.'],

  // streams
  ['stream/content-type', 'streaming', 'A stream has the content type text/event-stream.'],
  ['stream/event-line', 'streaming', 'Each event has an event line that equals the type of its data.'],
  [
    'stream/order',
    'streaming',
    'Events come as message_start, blocks in order with rising index, message_delta, message_stop.',
  ],
  [
    'stream/start',
    'streaming',
    'message_start has empty content, no stop reason, and the usage of the input.',
  ],
  ['stream/text', 'streaming', 'Text comes in text_delta pieces.'],
  ['stream/tool-input', 'streaming', 'Tool input comes in input_json_delta pieces after an empty input.'],
  [
    'stream/thinking',
    'streaming',
    'Thinking comes in thinking_delta pieces, its signature as the last delta.',
  ],
  [
    'stream/thinking-omitted',
    'thinking',
    'With display omitted the signature is the only delta of a thinking block.',
  ],
  ['stream/citations', 'citations', 'Citations come in citations_delta.'],
  ['stream/compaction', 'compaction', 'A compaction block has one compaction_delta.'],
  ['stream/whole-blocks', 'streaming', 'Results of server tools come whole in content_block_start.'],
  ['stream/ping', 'streaming', 'Pings may come at any time.'],
  ['stream/error', 'streaming', 'After the first byte an error is an error event; the status stays 200.'],
  ['stream/cumulative', 'streaming', 'Usage in message_delta is cumulative, also over several of them.'],
  ['stream/same-content', 'streaming', 'The same reply has the same content streamed and whole.'],
  [
    'stream/bytes',
    'streaming',
    'A stream is the same however the network cuts it: inside characters, tokens and line ends, with CRLF too.',
  ],

  // usage and cache
  [
    'usage/fields',
    'messages',
    'A reply carries every usage field, with the TTL split, service tier, region and speed.',
  ],
  ['usage/thinking', 'pricing', 'Thinking counts as output whether it is shown or not, and is told apart.'],
  ['usage/server-tools', 'pricing', 'Server tool requests are counted.'],
  [
    'usage/prompt-size',
    'caching',
    'Input, cache writes and cache reads add up to the prompt, and to what count_tokens says.',
  ],
  ['cache/write-then-read', 'caching', 'A marked prefix is written first and read next time.'],
  ['cache/minimum', 'caching', "A prefix shorter than the model's minimum is not cached."],
  ['cache/ttl', 'caching', 'Entries last 5 minutes or 1 hour and a read renews them.'],
  ['cache/ttl-order', 'caching', 'A 1h marker after a 5m marker is a 400.'],
  ['cache/four', 'caching', 'More than four markers are a 400; the one on the request counts.'],
  ['cache/automatic', 'caching', 'A marker on the request stands on its last block.'],
  [
    'cache/lookback',
    'caching',
    'A hit is looked for 20 places back; a run of tool uses or results is one place.',
  ],
  ['cache/begun', 'caching', 'An entry exists only once the first response has begun.'],
  ['cache/separate', 'caching', 'Entries belong to a workspace and a model.'],
  [
    'cache/invalidation',
    'caching',
    'Tools invalidate everything, the system prompt what is below it, tool choice, thinking and effort the messages.',
  ],
  ['cache/key-order', 'caching', 'A schema with its keys in another order is another prefix.'],

  // preserved thinking
  [
    'thinking/signed',
    'thinking',
    'Each thinking block carries a signature that is accepted with an unchanged past.',
  ],
  ['thinking/edited', 'thinking', 'An edited thinking block in the latest turn is a 400.'],
  ['thinking/system-changed', 'thinking', 'A changed system prompt makes earlier thinking blocks invalid.'],
  [
    'thinking/tools-changed',
    'thinking',
    'A changed tool makes earlier thinking blocks invalid; another order of tools does not.',
  ],
  ['thinking/history-changed', 'thinking', 'A changed earlier message makes later thinking blocks invalid.'],
  [
    'thinking/markers-free',
    'thinking',
    'Moving cache markers and appending messages, system ones too, changes nothing.',
  ],
  [
    'thinking/who',
    'thinking',
    'The check holds for the 5.2 models always, for 5.1 and 5.5 by organisation, not for older ones.',
  ],
  ['thinking/other-model', 'thinking', 'Thinking blocks of another model are ignored.'],
  ['thinking/drop-block', 'thinking', 'prefix_mismatch_behavior drop_block ignores blocks that do not fit.'],
  ['thinking/counting', 'thinking', 'count_tokens checks signatures as well.'],

  // errors, headers, limits
  ['error/shape', 'errors', 'An error has type, error with type and message, and the request id.'],
  ['error/statuses', 'errors', 'Each status has its error type.'],
  ['error/request-id', 'errors', 'Every response has a request-id header.'],
  [
    'error/retry-headers',
    'sdk',
    'retry-after, retry-after-ms and x-should-retry are sent when asked for, and the SDK obeys them.',
  ],
  ['limits/headers', 'limits', 'Every response tells limit, remaining and reset for requests and tokens.'],
  ['limits/bucket', 'limits', 'Requests over a limit are a 429 with retry-after, and the bucket refills.'],
  ['limits/cache-reads', 'limits', 'Cache reads do not count against the input limit.'],
  ['limits/spend-cap', 'limits', 'A spend cap is a 429 without retry-after and with an error code.'],
  ['refusal/stop-details', 'refusals', 'A refusal is a 200 with stop details.'],
  ['refusal/free', 'refusals', 'A refusal before any output is not billed.'],
  [
    'threads/refused',
    'threads',
    'A request with a thread is a 400 thread_unsupported_request that lists what is unsupported, and the SDK falls back.',
  ],
  ['count/free', 'counting', 'count_tokens is deterministic, ignores cache markers and bills nothing.'],
  [
    'context/edits',
    'editing',
    'Edits need their betas; clear_thinking comes first; a compaction trigger is at least 50,000.',
  ],
]);

const clientRules = rules('client', [
  ['stop-reason/end-turn', 'stops', 'end_turn finishes the run, also with empty content.'],
  ['stop-reason/tool-use', 'stops', 'tool_use runs every call and answers all of them in one user message.'],
  ['stop-reason/max-tokens', 'stops', 'max_tokens runs no tool of the turn.'],
  ['stop-reason/max-tokens-transcript', 'stops', 'After max_tokens the next request is still accepted.'],
  ['stop-reason/stop-sequence', 'stops', 'stop_sequence finishes the run.'],
  ['stop-reason/pause-turn', 'stops', 'pause_turn sends the content back unchanged, without a user message.'],
  ['stop-reason/pause-bound', 'stops', 'Resumes of paused turns are bounded.'],
  ['stop-reason/refusal', 'refusals', 'A refusal runs no tools and is not retried blindly.'],
  ['stop-reason/refusal-dropped', 'refusals', 'The partial turn of a refusal is not sent again.'],
  [
    'stop-reason/context-exceeded',
    'stops',
    'model_context_window_exceeded runs no tools and ends as context-full.',
  ],
  ['stop-reason/compaction', 'compaction', 'A compaction block is kept and sent back.'],
  [
    'stop-reason/unknown',
    'stops',
    'An unknown stop reason ends with an error that names it and runs no tools.',
  ],
  ['stop-reason/null', 'stops', 'A finished reply without a stop reason is an error and runs no tools.'],
  ['results/one-message', 'parallel', 'All results of a turn go in the next message, one user message.'],
  [
    'results/call-order',
    'parallel',
    'Results are sent in the order of the calls, whatever order they ended in.',
  ],
  ['results/first', 'tools', 'Results come before any text of their message.'],
  ['results/every-call', 'tools', 'Skipped, denied, cancelled and timed-out calls get an error result too.'],
  ['results/unknown-tool', 'tools', 'A call of an unknown tool gets an error result.'],
  [
    'results/invalid-input',
    'tools',
    'Input that does not fit the schema gets an error result and runs nothing.',
  ],
  ['results/throw', 'tools', 'A tool that throws gets an error result and its siblings keep theirs.'],
  ['results/cut-input', 'stops', 'A cut tool input is never run.'],
  ['results/empty-input', 'streaming', 'An empty streamed input is the empty object.'],
  ['results/parallel', 'parallel', 'The calls of a turn run at the same time.'],
  ['blocks/verbatim', 'messages', 'Content is sent back exactly as it was received.'],
  ['blocks/unknown', 'messages', 'Unknown blocks are kept and sent back.'],
  [
    'blocks/thinking-back',
    'thinking',
    'Thinking and redacted thinking go back in place for every turn kept.',
  ],
  [
    'blocks/append-only',
    'thinking',
    'The system prompt, the tools and earlier messages never change within a session.',
  ],
  ['blocks/prefix-bytes', 'caching', 'Successive requests share a byte-identical prefix.'],
  ['blocks/no-empty-content', 'messages', 'An empty reply does not become an empty message in the middle.'],
  ['usage/overwrite', 'streaming', 'Usage of message_delta overwrites, it is never added.'],
  ['usage/ttl-split-kept', 'streaming', 'The TTL split of message_start is kept.'],
  ['usage/sum-of-steps', 'pricing', 'The usage of a run is the sum of its replies.'],
  ['usage/whole-prompt', 'caching', 'The size of a prompt is input plus cache writes plus cache reads.'],
  ['usage/lost-reply', 'streaming', 'A reply that never arrived whole is counted as an estimate.'],
  [
    'broken/no-message-stop',
    'streaming',
    'A stream without message_stop is a failure even when the socket closed cleanly.',
  ],
  ['broken/error-event', 'streaming', 'An error event fails the turn by its type.'],
  ['broken/cut', 'streaming', 'A cut stream fails the turn and runs none of its tools.'],
  ['broken/stall', 'sdk', 'A silent stream is given up after a time, pings or not.'],
  ['broken/shape', 'sdk', 'A 200 that is not a message (HTML, empty, other JSON) is an error.'],
  [
    'broken/turn-retry',
    'streaming',
    'A turn is sent again only while none of its tools with an effect has run.',
  ],
  ['retry/before-headers', 'sdk', '429, 500 and 529 before the first byte are retried.'],
  ['retry/capped-wait', 'sdk', 'retry-after is obeyed up to a cap.'],
  ['retry/not-4xx', 'errors', 'Other 4xx are not retried.'],
  ['retry/spend-cap', 'limits', 'A spend cap ends the run at once.'],
  ['threads/full-history', 'threads', 'Without threads the full history is sent every time.'],
  ['caching/fan-out', 'caching', 'Parallel requests with one prefix wait for the first one to begin.'],
]);

/** Every rule of the Messages API that a server or a looping client must keep. */
export const requirements: readonly Requirement[] = [...serverRules, ...clientRules];

/** The id of a rule for servers. */
export type ServerRequirement = (typeof serverRules)[number]['id'];
