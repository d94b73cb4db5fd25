import type { Anthropic } from './sdk.ts';

type Known<T> = T extends string ? (string extends T ? never : T) : never;

/** Every name the SDK knows; a missing one does not compile. */
const names: Readonly<Record<Known<Anthropic.Beta.AnthropicBeta>, true>> = {
  'computer-use-2024-10-22': true,
  'computer-use-2025-01-24': true,
  'output-128k-2025-02-19': true,
  'mcp-client-2025-04-04': true,
  'mcp-client-2025-11-20': true,
  'dev-full-thinking-2025-05-14': true,
  'interleaved-thinking-2025-05-14': true,
  'code-execution-2025-05-22': true,
  'context-1m-2025-08-07': true,
  'context-management-2025-06-27': true,
  'model-context-window-exceeded-2025-08-26': true,
  'fast-mode-2026-02-01': true,
  'output-300k-2026-03-24': true,
  'user-profiles-2026-03-24': true,
  'user-profiles-2026-08-18': true,
  'user-profiles-2026-09-04': true,
  'advisor-tool-2026-03-01': true,
  'managed-agents-2026-04-01': true,
  'dreaming-2026-04-21': true,
  'thinking-token-count-2026-05-13': true,
  'server-side-fallback-2026-06-01': true,
  'server-side-fallback-2026-07-01': true,
  'fallback-credit-2026-06-01': true,
  'fallback-credit-2026-07-01': true,
  'agent-memory-2026-07-22': true,
  'mid-conversation-tool-changes-2026-07-01': true,
  'compact-2026-01-12': true,
  'computer-use-2025-11-24': true,
  'mcp-tunnels-2026-06-22': true,
  'structured-outputs-2025-11-13': true,
  'task-budgets-2026-03-13': true,
  'thinking-display-updates-2026-08-18': true,
  'mid-conversation-output-config-2026-07-01': true,
  'thinking-binding-controls-2026-08-01': true,
  'mid-conversation-system-clear-at-2026-08-21': true,
  'compact-2026-09-04': true,
  'inline-tools-2026-09-15': true,
  'mcp-client-2026-09-15': true,
  'ce-plugins-2026-09-01': true,
  'spend-limit-reads-2026-09-26': true,
  'telemetry-destinations-2026-08-11': true,
  'webhooks-2026-10-07': true,
  'admin-user-sign-out-2026-10-08': true,
  'message-threads-2026-08-12': true,
  'analytics-usage-cost-2026-08-24': true,
  'experimental-claude-tag-2026-10-21': true,
  'message-batches-2024-09-24': true,
  'prompt-caching-2024-07-31': true,
  'pdfs-2024-09-25': true,
  'token-counting-2024-11-01': true,
  'token-efficient-tools-2025-02-19': true,
  'files-api-2025-04-14': true,
  'extended-cache-ttl-2025-04-11': true,
  'skills-2025-10-02': true,
  'cache-diagnosis-2026-04-07': true,
  'ce-user-management-2026-07-13': true,
  'ce-claude-code-managed-settings-2026-10-06': true,
  'user-profiles-billing-2026-10-01': true,
};

/** Names whose feature became general: still accepted, without effect. */
const retired = new Set([
  'fine-grained-tool-streaming-2025-05-14',
  'web-fetch-2025-09-10',
  'advanced-tool-use-2025-11-20',
  'effort-2025-11-24',
  'tool-search-tool-2025-10-19',
]);

/** Whether the API takes this value in `anthropic-beta`. */
export function isKnownBeta(name: string): boolean {
  return Object.hasOwn(names, name) || retired.has(name);
}
