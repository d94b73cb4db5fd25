import type { AgentEvent } from '@pawl/agent-loop';

type Given = Partial<AgentEvent> & { readonly type: AgentEvent['type'] };

/** Builds events of one run, as a recording of it would hold them. `at` is in seconds. */
export function recorder(runId: string, agent: string, parentRunId?: string) {
  let seq = 0;
  return (at: number, event: Given): AgentEvent => {
    const stamp = { runId, agent, at: at * 1000, ...(parentRunId !== undefined && { parentRunId }) };
    return { ...stamp, seq: (seq += 1) - 1, ...event } as AgentEvent;
  };
}

/** A reply with these token counts at this price. */
export function replyOf(input: number, output: number, usd: number | null, cached = 0): Given {
  const usage = { input_tokens: input, output_tokens: output, cache_read_input_tokens: cached };
  return { type: 'reply', message: { usage } as never, usd };
}

/** A lead that works with two subagents and is held up by a rate limit. */
export function recording(): AgentEvent[] {
  const lead = recorder('run_1', 'lead');
  const logs = recorder('run_2', 'logs', 'run_1');
  const database = recorder('run_3', 'database', 'run_1');
  return [
    lead(0, { type: 'run-start', model: 'claude-opus-5-5' }),
    lead(0, { type: 'input', source: 'user', content: 'What broke?' }),
    lead(0, { type: 'request', turn: 1, attempt: 1 }),
    lead(2, replyOf(1200, 90, 0.0066, 800)),
    lead(2, { type: 'tool-start', callId: 'a', tool: 'logs', input: { task: 'Read the errors.' } }),
    lead(2, { type: 'child-start', callId: 'a', childRunId: 'run_2', child: 'logs' }),
    logs(2, { type: 'run-start', model: 'claude-haiku-5-5' }),
    logs(2, { type: 'request', turn: 1, attempt: 1 }),
    lead(3, { type: 'tool-start', callId: 'b', tool: 'database', input: { task: 'Look at locks.' } }),
    lead(3, { type: 'child-start', callId: 'b', childRunId: 'run_3', child: 'database' }),
    database(3, { type: 'run-start', model: 'claude-haiku-5-5' }),
    logs(4, replyOf(5000, 300, 0.00065)),
    logs(4, {
      type: 'tool-start',
      callId: 'c',
      tool: 'grep',
      input: { limit: 20, pattern: 'ERROR \u001b[31mfatal\u001b[0m\nline' },
    }),
    logs(4, { type: 'tool-start', callId: 'd', tool: 'read', input: { file: 'app.log' } }),
    logs(5, { type: 'tool-progress', callId: 'd', tool: 'read', message: 'half of it' }),
    database(5, { type: 'wait', reason: 'rate-limit', delayMs: 12_000 }),
    logs(6, { type: 'tool-end', callId: 'c', tool: 'grep', outcome: 'ok' }),
    logs(7, { type: 'tool-end', callId: 'd', tool: 'read', outcome: 'timeout' }),
    logs(7, { type: 'request', turn: 2, attempt: 1 }),
    logs(9, replyOf(9000, 120, 0.00096)),
    logs(9, { type: 'warning', cause: 'window', turn: 2, message: 'The prompt is long.' }),
    logs(9, { type: 'run-end', outcome: 'completed', turns: 2, reason: null }),
    lead(9, { type: 'child-end', callId: 'a', childRunId: 'run_2', child: 'logs', outcome: 'completed' }),
    lead(9, { type: 'tool-end', callId: 'a', tool: 'logs', outcome: 'ok' }),
    database(17, { type: 'request', turn: 1, attempt: 1 }),
    database(18, { type: 'reply-lost', code: 'stream-broken', message: 'The stream broke: gone' }),
    database(18, { type: 'run-end', outcome: 'failed', turns: 1, reason: 'The stream broke: gone' }),
    lead(18, { type: 'child-end', callId: 'b', childRunId: 'run_3', child: 'database', outcome: 'failed' }),
    lead(18, { type: 'tool-end', callId: 'b', tool: 'database', outcome: 'error' }),
    lead(18, { type: 'request', turn: 2, attempt: 1 }),
    lead(20, replyOf(500, 210, 0.007, 2100)),
    lead(20, { type: 'run-end', outcome: 'completed', turns: 2, reason: null }),
  ];
}
