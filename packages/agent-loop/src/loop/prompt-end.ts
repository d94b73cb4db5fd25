import type { Halt } from './halt.ts';
import type { Seams } from '../seams.ts';

/** How long what was stopped may take to end, in milliseconds: a part of the 100 that a stop may take. */
const PROMPT_MS = 80;
/** In a process that was busy for so long, answers may be there that nobody has looked at. */
const LAST_LOOK_MS = 5;

/** Said of an end that the journal has not taken. */
export const UNKEPT =
  'its store has not answered: what was not acknowledged by then may be kept or not, and is no part of this';

/** Work that ends promptly once it is stopped. */
export interface PromptWork<T> {
  readonly result: Promise<T>;
  /** What is still being done of it once `result` has settled: undefined for the most part. */
  readonly left: () => Promise<void> | undefined;
}

/**
 * Follows work that ends by itself once `halt` has tripped, as far as it does so in time. Where it waits for a store that
 * does not answer, `instead` tells the result in its place; the work goes on, and what it has to keep is kept when the
 * store can.
 */
export function endPromptly<T>(
  halt: Halt,
  seams: Pick<Seams, 'timer'>,
  work: Promise<T>,
  instead: () => T,
): PromptWork<T> {
  let left: Promise<void> | undefined;
  const result = new Promise<T>((resolve, reject) => {
    let cancel = (): void => {};
    const giveUp = (): void => {
      left = work.then(
        () => {},
        () => {},
      );
      try {
        resolve(instead());
      } catch (error) {
        reject(error);
      }
    };
    const detach = halt.on(() => {
      cancel = seams.timer(PROMPT_MS, () => {
        cancel = seams.timer(LAST_LOOK_MS, giveUp);
      });
    });
    const settled = (): void => {
      detach();
      cancel();
    };
    work.then(
      (value) => {
        settled();
        resolve(value);
      },
      (error: unknown) => {
        settled();
        reject(error);
      },
    );
  });
  return { result, left: () => left };
}
