import type { Logger, LoggerOptions } from 'pino';
import { messageOf } from '../errors.ts';
import { scrub } from '../scrub.ts';

/** The part of a pino logger that the loop and tools use. */
export type RunLogger = Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>;

const silent: RunLogger = { debug() {}, info() {}, warn() {}, error() {} };

/**
 * A logger per run. `logger` is a pino logger, or options to make one of; pino itself is loaded only then.
 * Everything that is logged goes through the secret scrubber.
 */
export async function runLogger(
  logger: Logger | LoggerOptions | undefined,
  bindings: Record<string, string>,
): Promise<RunLogger> {
  if (!logger) return silent;
  const parent = isLogger(logger) ? logger : (await import('pino')).pino(logger);
  return scrubbing(parent.child(bindings));
}

function isLogger(logger: Logger | LoggerOptions): logger is Logger {
  return 'child' in logger && typeof logger.child === 'function';
}

function scrubbing(logger: Logger): RunLogger {
  const at =
    (level: 'debug' | 'info' | 'warn' | 'error') =>
    (...args: unknown[]): void => {
      // Scrubbing costs more than a line that is not written.
      if (!logger.isLevelEnabled(level)) return;
      const [first, ...rest] = args;
      if (first instanceof Error) {
        // pino knows an error at this place by its class, which a scrubbed copy has not: it goes where pino would put it.
        logger[level](
          { err: scrub(first) },
          ...((rest.length > 0 ? rest.map(scrub) : [scrub(messageOf(first))]) as []),
        );
        return;
      }
      logger[level](scrub(first) as object, ...(rest.map(scrub) as []));
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
