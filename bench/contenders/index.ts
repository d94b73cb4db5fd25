import type { Entry } from '../contender.ts';

/** Every way to run an agent that is measured, by id. */
export const contenders = {
  raw: { label: 'raw SDK loop', load: async () => (await import('./raw.ts')).raw },
  'raw-stream': { label: 'raw SDK loop, streamed', load: async () => (await import('./raw.ts')).rawStream },
  'raw-serial': {
    label: 'raw SDK loop, streamed, tools one by one',
    load: async () => (await import('./raw.ts')).rawSerial,
  },
  'raw-jsonl': {
    label: 'raw SDK loop that appends JSONL',
    load: async () => (await import('./raw.ts')).rawJsonl,
  },
  'sdk-helper': {
    label: 'SDK stream helper (messages.stream)',
    load: async () => (await import('./sdk-helper.ts')).sdkHelper,
  },
  'sdk-runner': { label: 'SDK tool runner', load: async () => (await import('./sdk-runner.ts')).sdkRunner },
  'sdk-runner-eager': {
    label: 'SDK tool runner, streamed, runToolsEagerly',
    load: async () => (await import('./sdk-runner.ts')).sdkRunnerEager,
  },
  'ai-sdk': { label: 'AI SDK generateText', load: async () => (await import('./ai-sdk.ts')).aiSdk },
  'ai-sdk-stream': {
    label: 'AI SDK streamText',
    load: async () => (await import('./ai-sdk.ts')).aiSdkStream,
  },
  'openai-agents': {
    label: 'OpenAI Agents JS',
    load: async () => (await import('./openai-agents.ts')).openaiAgents,
  },
  'openai-agents-stream': {
    label: 'OpenAI Agents JS, streamed',
    load: async () => (await import('./openai-agents.ts')).openaiAgentsStream,
  },
  pawl: { label: 'pawl', load: async () => (await import('./pawl.ts')).pawl },
  'pawl-stream': { label: 'pawl, events read', load: async () => (await import('./pawl.ts')).pawlStream },
  'pawl-governor': {
    label: 'pawl, governor',
    load: async () => (await import('./pawl.ts')).pawlGovernor,
  },
  'pawl-session': {
    label: 'pawl session in files',
    load: async () => (await import('./pawl.ts')).pawlSession,
  },
  'pawl-unpriced': {
    label: 'pawl without prices',
    load: async () => (await import('./pawl.ts')).pawlUnpriced,
  },
  'pawl-limit': {
    label: 'pawl with a limit of money',
    load: async () => (await import('./pawl.ts')).pawlLimit,
  },
  'pawl-budget': {
    label: 'pawl with a limit of money and a shared budget',
    load: async () => (await import('./pawl.ts')).pawlBudget,
  },
  'pawl-global-fetch': {
    label: 'pawl, given client with the global fetch',
    load: async () => (await import('./pawl.ts')).pawlGlobalFetch,
  },
} satisfies Record<string, Entry>;

/** The id of a contender. */
export type ContenderId = keyof typeof contenders;
