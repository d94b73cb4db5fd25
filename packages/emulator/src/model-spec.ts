/** Levels of `output_config.effort`. */
export type Effort = 'low' | 'medium' | 'high' | 'xhigh' | 'max';

/** Forms of the `thinking` setting a model takes. */
export type ThinkingForm = 'adaptive' | 'enabled' | 'disabled' | 'between_tools';

/** USD per million tokens. */
export interface Prices {
  readonly input: number;
  readonly output: number;
  readonly write5m: number;
  readonly write1h: number;
  readonly read: number;
}

/** What the emulator knows of a model. */
export interface ModelSpec {
  readonly id: string;
  readonly aliases?: readonly string[] | undefined;
  readonly displayName: string;
  readonly line: 'haiku' | 'sonnet' | 'opus' | 'fable' | 'mythos' | null;
  /** RFC 3339. */
  readonly createdAt: string;
  readonly lifecycle: 'active' | 'deprecated';
  /** RFC 3339, or null when no date is announced. */
  readonly retiresAt: string | null;
  /** Context window in tokens. */
  readonly maxInputTokens: number;
  /** Largest `max_tokens`. */
  readonly maxTokens: number;
  /** Shortest prefix that is cached, in tokens. */
  readonly minCacheTokens: number;
  /** Absent for a model without known prices: it is billed in tokens only. */
  readonly prices?: Prices | undefined;
  /** With `speed: "fast"`; absent where fast mode does not exist. */
  readonly fastPrices?: Prices | undefined;
  /** The beta that fast mode needs, if any. */
  readonly fastBeta?: string | undefined;
  /** Rates of a request whose prompt exceeds `longFrom` tokens. */
  readonly longPrices?: Prices | undefined;
  readonly longFrom?: number | undefined;
  /** Empty where the effort parameter does not exist. */
  readonly efforts: readonly Effort[];
  readonly defaultEffort: Effort;
  readonly thinking: readonly ThinkingForm[];
  /** Whether the model thinks when the request says nothing about it. */
  readonly thinkingWhenOmitted: boolean;
  /** Whether thinking text is sent when the request does not set `display`. */
  readonly thinkingDisplay: 'omitted' | 'summarized';
  /** `disabled` is taken only at an effort of at most high. */
  readonly disabledUpToHigh: boolean;
  /** Whether `tool_choice` any and tool are taken. */
  readonly forcedToolChoice: boolean | 'not-while-thinking';
  /** Whose thinking blocks are bound to the conversation before them. */
  readonly binding: 'everyone' | 'new' | 'never';
  readonly midConversationSystem: boolean;
  /** Whether `inference_geo` is taken. */
  readonly regions: boolean;
  /** Whether the last message may be the beginning of the answer. */
  readonly prefill: boolean;
  /** Tokens per four characters of text. */
  readonly tokenFactor: number;
  /** Prompt tokens added when there are tools, by tool choice. */
  readonly toolTokens: { readonly auto: number; readonly forced: number };
  /** Models of one group share their rate limits. */
  readonly rateGroup: string;
}
