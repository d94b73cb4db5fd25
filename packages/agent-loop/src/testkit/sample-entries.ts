import type { Entry } from '../journal/events.ts';

interface SampleOptions {
  /** Position of the first entry. Default 0. */
  readonly from?: number;
  /** Characters of each tool result. Default 200. */
  readonly resultSize?: number;
  /** Told apart in every text, so that two sessions' entries are never equal. Default `sample`. */
  readonly label?: string;
}

const PER_TURN = 6;

/**
 * The first `count` entries of a long, believable run: inputs, requests, replies with thinking and two tool calls, their
 * starts and ends. The same arguments give equal entries.
 */
export function sampleEntries(count: number, options: SampleOptions = {}): Entry[] {
  const { from = 0, resultSize = 200, label = 'sample' } = options;
  return Array.from({ length: count }, (_, index) => sampleEntry(from + index, label, resultSize));
}

function sampleEntry(seq: number, label: string, resultSize: number): Entry {
  const base = { seq, runId: `run_${label}`, agent: 'tester', at: 1_790_000_000_000 + seq * 137 };
  if (seq === 0) return { ...base, type: 'run-start', model: 'claude-sonnet-5-5' };
  if (seq === 1)
    return { ...base, type: 'input', source: 'user', content: `Question of ${label}: ¿dónde? 天気 🧥` };
  const turn = Math.floor((seq - 2) / PER_TURN) + 1;
  const step = (seq - 2) % PER_TURN;
  const [callId, tool] =
    step % 2 === 0 ? [`toolu_${label}_${turn}_a`, 'grep'] : [`toolu_${label}_${turn}_b`, 'read'];
  switch (step) {
    case 0: {
      const sizes = { maxTokens: 32_000, bytes: 5000 + turn * 900 };
      return { ...base, type: 'request', turn, attempt: 1, model: 'claude-sonnet-5-5', ...sizes };
    }
    case 1:
      return { ...base, ...sampleReply(turn, label) };
    case 2:
    case 3: {
      const effect = step === 2 ? 'read' : 'once';
      const input = inputOf(step, turn, label);
      const idempotencyKey = `${base.runId}:${callId}`;
      return { ...base, type: 'tool-start', turn, callId, tool, input, effect, attempt: 1, idempotencyKey };
    }
    default: {
      const content = [{ type: 'text' as const, text: filler(resultSize, `${label} ${seq}`) }];
      const outcome = turn % 7 === 0 ? ('error' as const) : ('ok' as const);
      return { ...base, type: 'tool-end', turn, callId, tool, outcome, content, durationMs: 12.375 };
    }
  }
}

function inputOf(step: number, turn: number, label: string): unknown {
  return step % 2 === 0
    ? { pattern: `${label}.*${turn}`, path: 'src' }
    : { path: `src/file-${turn}.ts`, lines: [1, 80] };
}

function sampleReply(turn: number, label: string) {
  const call = (suffix: string, name: string, step: number) => ({
    type: 'tool_use' as const,
    id: `toolu_${label}_${turn}_${suffix}`,
    name,
    input: inputOf(step, turn, label),
    caller: { type: 'direct' as const },
  });
  return {
    type: 'reply' as const,
    turn,
    message: {
      id: `msg_${label}_${turn}`,
      type: 'message' as const,
      role: 'assistant' as const,
      model: 'claude-sonnet-5-5',
      container: null,
      content: [
        { type: 'thinking' as const, thinking: filler(160, `thought ${turn}`), signature: `sig${turn}==` },
        {
          type: 'text' as const,
          text: `Looking at step ${turn} – “quoted”, \u2028 and \\n.`,
          citations: null,
        },
        call('a', 'grep', 2),
        call('b', 'read', 3),
      ],
      stop_reason: 'tool_use' as const,
      stop_sequence: null,
      stop_details: null,
      usage: {
        input_tokens: 12,
        output_tokens: 240,
        cache_creation_input_tokens: 300 + turn,
        cache_read_input_tokens: 1000 * turn,
        cache_creation: { ephemeral_5m_input_tokens: 300 + turn, ephemeral_1h_input_tokens: 0 },
        service_tier: 'standard' as const,
      },
    } as never,
    brokenCalls: [],
    requestId: `req_${label}_${turn}`,
    firstTokenMs: 640.25,
    durationMs: 2210.5,
  };
}

function filler(size: number, seed: string): string {
  const phrase = `${seed}: the quick brown fox jumps over the lazy dog. `;
  return phrase.repeat(Math.ceil(size / phrase.length)).slice(0, size);
}

/** The content of an entry, as a store may keep it apart; undefined for one without. */
export function contentOf(entry: Entry): unknown {
  if (entry.type === 'reply') return entry.message.content;
  return 'content' in entry ? entry.content : undefined;
}
