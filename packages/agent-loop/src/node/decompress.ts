import type { IncomingMessage } from 'node:http';
import { pipeline, Transform, type Readable } from 'node:stream';
import zlib from 'node:zlib';

// Flushing on every write lets an event of a compressed stream through as soon as it has arrived.
const zlibOptions = { flush: zlib.constants.Z_SYNC_FLUSH, finishFlush: zlib.constants.Z_SYNC_FLUSH };
const brotliOptions = {
  flush: zlib.constants.BROTLI_OPERATION_FLUSH,
  finishFlush: zlib.constants.BROTLI_OPERATION_FLUSH,
};

/** "deflate" means the zlib format, but some servers send it raw; the first byte tells which. */
function inflater(): Transform {
  let inner: zlib.Inflate | zlib.InflateRaw | undefined;
  return new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      if (!inner) {
        inner =
          ((chunk[0] ?? 0) & 0x0f) === 8
            ? zlib.createInflate(zlibOptions)
            : zlib.createInflateRaw(zlibOptions);
        inner.on('data', (piece) => this.push(piece)).on('error', (error) => this.destroy(error));
      }
      inner.write(chunk, () => done());
    },
    flush(done) {
      if (inner) inner.once('end', () => done()).end();
      else done();
    },
    destroy(error, done) {
      inner?.destroy();
      done(error);
    },
  });
}

function decoderOf(coding: string): Transform | undefined {
  switch (coding) {
    case 'gzip':
    case 'x-gzip':
      return zlib.createGunzip(zlibOptions);
    case 'deflate':
      return inflater();
    case 'br':
      return zlib.createBrotliDecompress(brotliOptions);
    case 'zstd':
      // Absent before Node 22.15; never announced, so only a server that ignores the request sends it.
      return typeof zlib.createZstdDecompress === 'function' ? zlib.createZstdDecompress() : undefined;
    default:
      return undefined;
  }
}

/** `message` with its content codings undone; as it is when it has none or one that is not known, as the global fetch does. */
export function decompressed(message: IncomingMessage): Readable {
  const header = message.headers['content-encoding'];
  if (!header) return message;
  const codings = header
    .toLowerCase()
    .split(',')
    .map((coding) => coding.trim())
    .reverse();
  const decoders = codings.map(decoderOf);
  if (!decoders.every((decoder) => decoder !== undefined)) return message;
  const last = decoders.at(-1);
  if (!last) return message;
  // The error reaches the reader through the last decoder, which pipeline destroys with it.
  pipeline([message, ...decoders], () => {});
  return last;
}
