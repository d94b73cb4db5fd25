import { ConfigError } from '@pawl/agent-loop/store';

/** Throws unless `path` can be that of a folder. `what` says which one is asked for. */
export function checkFolder(option: string, what: string, path: unknown): asserts path is string {
  if (typeof path === 'string' && path !== '') return;
  throw new ConfigError(option, `needs the path of ${what}, got ${JSON.stringify(path)}.`);
}
