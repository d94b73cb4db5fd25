import type { Logger, LoggerOptions } from 'pino';
import { ConfigError, messageOf } from '../errors.ts';
import { shown } from '../option-checks.ts';
import { scrub } from '../scrub.ts';

/** The part of a pino logger that the loop and tools use. */
export type RunLogger = Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>;

const METHODS = ['child', 'isLevelEnabled', 'debug', 'info', 'warn', 'error'] as const;

/** Throws unless `logger` is undefined, a pino logger, or an object without its methods, which are options of one. */
export function checkLogger(logger: unknown): void {
  if (logger === undefined) return;
  const expected = "expected a pino logger, or options for one such as { level: 'info' }";
  if (typeof logger !== 'object' || logger === null || Array.isArray(logger))
    throw new ConfigError('logger', `${expected}, got ${shown(logger)}. Leave it out to log nothing.`);
  const given = logger as Readonly<Record<string, unknown>>;
  const missing = METHODS.filter((name) => typeof given[name] !== 'function');
  if (missing.length === 0 || missing.length === METHODS.length) return;
  throw new ConfigError('logger', `${expected}, got a logger without ${missing.join(', ')}.`);
}

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
