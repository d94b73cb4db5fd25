/** Knows on whose behalf code runs. */
export interface AsyncScope<T> {
  /** Calls `call` on behalf of `value`. */
  run<R>(value: T, call: () => R): R;
  /** On whose behalf the code at hand runs; undefined where nobody knows. */
  current(): T | undefined;
  /** Forgets everything. */
  close(): void;
}

/** Knows it up to the first `await`: this stands in where the runtime does not tell more. */
export function asyncScope<T>(): AsyncScope<T> {
  let entered: T | undefined;
  return {
    run(value, call) {
      const before = entered;
      entered = value;
      try {
        return call();
      } finally {
        entered = before;
      }
    },
    current: () => entered,
    close() {},
  };
}
