import Anthropic from '@anthropic-ai/sdk';
import { createEmulator, script } from '../src/index.ts';
import type { Emulator, EmulatorOptions, Step } from '../src/index.ts';

/** A JSON body as loosely typed as the wire is. */
export type Body = Record<string, unknown>;

/** What came back for a raw request. */
export interface Raw {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly json: Body;
  readonly error: { readonly type: string; readonly message: string; readonly details?: Body };
}

/** A request every check lets pass. */
export const plain: Body = {
  model: 'claude-sonnet-5-5',
  max_tokens: 1024,
  messages: [{ role: 'user', content: 'Hello' }],
};

/** Headers every check lets pass. */
export const credentials = {
  authorization: 'Bearer key-1',
  'anthropic-version': '2026-10-21',
  'content-type': 'application/json',
};

/** Sends a raw request; `headers` replace the usual ones by name, undefined takes one away. */
export async function post(
  emulator: Emulator,
  body: Body | string,
  headers: Record<string, string | undefined> = {},
  path = '/v1/messages',
): Promise<Raw> {
  const sent = Object.entries({ ...credentials, ...headers }).filter(([, value]) => value !== undefined);
  const response = await emulator.fetch(`https://api.example${path}`, {
    method: 'POST',
    headers: Object.fromEntries(sent) as Record<string, string>,
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return read(response);
}

/** Reads a response whole. */
export async function read(response: Response): Promise<Raw> {
  const text = await response.text();
  const json = (response.headers.get('content-type') ?? '').includes('json')
    ? (JSON.parse(text) as Body)
    : {};
  return {
    status: response.status,
    headers: response.headers,
    text,
    json,
    error: json['error'] as Raw['error'],
  };
}

/** An emulator with a script, and an SDK client on it that does not retry. */
export function scripted(
  steps: readonly Step[],
  options: EmulatorOptions = {},
): { readonly emulator: Emulator; readonly client: Anthropic } {
  const emulator = createEmulator({ respond: script(steps), ...options });
  return { emulator, client: clientOf(emulator) };
}

/** An SDK client on an emulator; `maxRetries` 0. */
export function clientOf(emulator: Emulator): Anthropic {
  return new Anthropic({ apiKey: 'key-1', fetch: emulator.fetch, maxRetries: 0 });
}

/** The parsed events of an SSE text. */
export function eventsOf(
  text: string,
): readonly { readonly event: string | undefined; readonly data: Body }[] {
  return text
    .split(/\r\n\r\n|\n\n|\r\r/)
    .filter((frame) => frame.trim() !== '')
    .map((frame) => {
      const lines = frame.split(/\r\n|\n|\r/);
      const event = lines.find((line) => line.startsWith('event: '))?.slice(7);
      const data = lines.find((line) => line.startsWith('data: '))?.slice(6) ?? '{}';
      return { event, data: JSON.parse(data) as Body };
    });
}

/** A custom tool with a schema. */
export function tool(name: string, properties: Body = {}, extra: Body = {}): Body {
  return { name, description: `The ${name} tool.`, input_schema: { type: 'object', properties }, ...extra };
}

/** A text long enough for about so many tokens. */
export function words(tokens: number): string {
  return 'word '.repeat(Math.ceil((tokens * 4) / 1.3 / 5));
}
