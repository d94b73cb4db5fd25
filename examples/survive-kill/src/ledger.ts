import { appendFileSync, existsSync, readFileSync } from 'node:fs';

/** Something that happened in the world outside: in the shop, at the bank, at the carrier. */
export interface Effect {
  readonly tool: string;
  /** The same for every try of one call. */
  readonly key: string;
  /** The process that did it. */
  readonly pid: number;
}

/** Stands for the world outside: a file that no crash of the agent undoes. */
export class Ledger {
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  /** Writes down that something was asked for. */
  add(tool: string, key: string): void {
    appendFileSync(this.#file, `${JSON.stringify({ tool, key, pid: process.pid })}\n`);
  }

  /** All that was asked for, in order. */
  all(): readonly Effect[] {
    if (!existsSync(this.#file)) return [];
    return readFileSync(this.#file, 'utf8')
      .split('\n')
      .flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Effect]));
  }

  /** Whether something was asked for under this key. */
  has(key: string): boolean {
    return this.all().some((effect) => effect.key === key);
  }
}
