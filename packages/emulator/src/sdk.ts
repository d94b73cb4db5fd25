import type Anthropic from '@anthropic-ai/sdk';

export type { Anthropic };
