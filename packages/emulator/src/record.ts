import {
  headerLine,
  recordedBody,
  safeRequestHeaders,
  safeResponseHeaders,
  withoutSecrets,
} from './recording.ts';
import type { RecordedExchange } from './recording.ts';
import { readFetchCall } from './fetch-call.ts';
import { isFunction, isOptions, isText } from './option-checks.ts';
import type { Emulator } from './types.ts';

/** Options of `record`. */
export interface RecordOptions {
  /** The fetch that really sends. Default: the global one. */
  readonly fetch?: Emulator['fetch'] | undefined;
  /** Written anew: an existing file is replaced. */
  readonly file: string;
}

const checkRecordOptions = isOptions<RecordOptions>({ fetch: isFunction, file: isText }, ['file']);

/** A recording in progress. */
export interface Recorder {
  /** Sends through and writes down. */
  readonly fetch: Emulator['fetch'];
  /** Waits until everything that has ended is on disk. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

type ResponseRecord = NonNullable<RecordedExchange['response']>;

/** Records every exchange of a fetch in a file of JSON lines, without credentials. Needs `node:fs`. */
export function record(options: RecordOptions): Recorder {
  checkRecordOptions(options, 'record options');
  const { fetch: send = globalThis.fetch, file } = options;
  const write = lineWriter(file);
  let count = 0;
  const pending = new Set<Promise<void>>();
  const track = (work: Promise<void>): void => {
    pending.add(work);
    const forget = (): boolean => pending.delete(work);
    work.then(forget, forget);
  };
  const recordingFetch: Emulator['fetch'] = async (input, init) => {
    const number = ++count;
    const request = await describe(input, init);
    const keep = (response: ResponseRecord | null, error: string | null): void =>
      track(write(JSON.stringify({ number, request, response, error })));
    try {
      return capture(await send(input, init), (response) => keep(response, null));
    } catch (error) {
      keep(null, withoutSecrets(String(error)));
      throw error;
    }
  };
  const close = async (): Promise<void> => {
    await Promise.all(pending);
    await write.flush();
  };
  return { fetch: recordingFetch, close, [Symbol.asyncDispose]: close };
}

async function describe(
  input: string | URL | Request,
  init: RequestInit | undefined,
): Promise<RecordedExchange['request']> {
  const { method, target, headers, bodyText } = await readFetchCall(input, init);
  return { method, path: target, headers: safeRequestHeaders(headers), body: recordedBody(bodyText) };
}

/** The same response, whose body is written down as it is read. */
function capture(response: Response, keep: (response: ResponseRecord) => void): Response {
  const chunks: string[] = [];
  const decoder = new TextDecoder();
  const end = (ended: ResponseRecord['ended']): void => {
    chunks.push(decoder.decode());
    keep({
      status: response.status,
      headers: safeResponseHeaders(response.headers),
      chunks: chunks.filter((chunk) => chunk !== '').map(withoutSecrets),
      ended,
    });
  };
  if (!response.body) {
    end('complete');
    return response;
  }
  const reader = response.body.getReader();
  const body = new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        try {
          const { value, done } = await reader.read();
          if (done) {
            end('complete');
            return controller.close();
          }
          chunks.push(decoder.decode(value, { stream: true }));
          controller.enqueue(value);
        } catch (error) {
          end('broken');
          controller.error(error);
        }
      },
      cancel: async (reason) => {
        end('cancelled');
        await reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
  return new Response(body, {
    status: response.status,
    statusText: response.statusText,
    headers: response.headers,
  });
}

interface LineWriter {
  (line: string): Promise<void>;
  flush(): Promise<void>;
}

/** Appends lines one after the other; the first one starts the file. */
function lineWriter(file: string): LineWriter {
  let last = (async () => {
    const { writeFile } = await import('node:fs/promises');
    await writeFile(file, `${headerLine}\n`);
  })();
  const append = async (before: Promise<void>, line: string): Promise<void> => {
    await before;
    const { appendFile } = await import('node:fs/promises');
    await appendFile(file, `${line}\n`);
  };
  const write = (line: string): Promise<void> => {
    last = append(last, line);
    return last;
  };
  return Object.assign(write, { flush: () => last });
}
