import { relative } from 'node:path';
import { styleText } from 'node:util';
import type { AgentEvent, RunResult } from '@pawl/agent-loop';

type Write = (text: string) => void;

/** Prints a run as it happens: the answer as it streams, a line for each tool call as it starts and ends. */
export class Display {
  readonly #write: Write;
  readonly #dir: string;
  readonly #sources = new Set<string>();
  readonly #called = new Map<string, string>();
  #midLine = false;

  constructor(write: Write, dir: string) {
    this.#write = write;
    this.#dir = dir;
  }

  /** Shows one event. */
  show(event: AgentEvent): void {
    switch (event.type) {
      case 'text-delta':
        this.#write(event.text);
        this.#midLine = !event.text.endsWith('\n');
        break;
      case 'tool-start': {
        const what = describe(event.input, this.#dir);
        this.#called.set(event.callId, what);
        this.#line('cyan', `→ ${event.tool} ${what}`);
        break;
      }
      case 'tool-end': {
        const what = this.#called.get(event.callId) ?? '';
        const ok = event.outcome === 'ok';
        if (ok && event.tool === 'read') this.#sources.add(what);
        this.#line(ok ? 'green' : 'yellow', `${ok ? '✓' : '✗'} ${event.tool} ${what} ${measure(event)}`);
        break;
      }
      case 'retry':
        this.#line('yellow', `… trying again: ${event.reason}`);
        break;
      case 'wait':
        this.#line('yellow', `… waiting ${Math.round(event.delayMs)} ms (${event.reason})`);
        break;
      default:
    }
  }

  /** Ends with sources, turns and tokens. */
  summary(result: Pick<RunResult, 'turns' | 'usage'>, label: string): void {
    const { usage } = result;
    const prompt = usage.input_tokens + usage.cache_creation_input_tokens + usage.cache_read_input_tokens;
    const sources = [...this.#sources].toSorted();
    this.#line('dim', '');
    this.#line('dim', `Sources: ${sources.length > 0 ? sources.join(', ') : 'none'}`);
    this.#line(
      'dim',
      `${result.turns} turns · ${prompt} tokens in (${usage.cache_read_input_tokens} cached) · ${usage.output_tokens} tokens out · ${label}`,
    );
  }

  #line(style: 'cyan' | 'green' | 'yellow' | 'dim', text: string): void {
    if (this.#midLine) this.#write('\n');
    this.#midLine = false;
    this.#write(`${styleText(style, text)}\n`);
  }
}

function describe(input: unknown, dir: string): string {
  const { pattern, file_path: file, path } = input as { pattern?: string; file_path?: string; path?: string };
  if (file !== undefined) return relative(dir, `${file.startsWith('/') ? '' : `${dir}/`}${file}`) || file;
  return path === undefined ? JSON.stringify(pattern) : `${JSON.stringify(pattern)} in ${path}`;
}

function measure(event: Extract<AgentEvent, { type: 'tool-end' }>): string {
  const lines = typeof event.content === 'string' ? event.content.split('\n').length : event.content.length;
  const note = event.outcome === 'ok' ? `${lines} lines` : event.outcome;
  return `(${note}, ${Math.round(event.durationMs)} ms)`;
}
