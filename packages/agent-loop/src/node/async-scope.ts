import { AsyncLocalStorage } from 'node:async_hooks';
import type { AsyncScope } from '../async-scope.ts';

/** Knows on whose behalf code runs through every `await`, timer and callback. */
export function asyncScope<T>(): AsyncScope<T> {
  const storage = new AsyncLocalStorage<T>();
  return {
    run: (value, call) => storage.run(value, call),
    current: () => storage.getStore(),
    close: () => storage.disable(),
  };
}
