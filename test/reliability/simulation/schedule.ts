import type { Random } from '../../../packages/stores/test/support/random.ts';
import { never } from './life.ts';
import type { Life } from './life.ts';

interface Waiting {
  readonly life: Life;
  readonly go: () => void;
}

/** How many rounds without anything to do before time passes. */
const PATIENCE = 50;
/** How long nothing may happen at all, in milliseconds. Hashing takes that long where a busy machine gives this process nothing. */
const STUCK_MS = 60_000;

/** Lets what runs at the same time go on in an order drawn from the seed, one step at a time. */
export class Schedule {
  readonly #random: Random;
  #waiting: Waiting[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  /** Resolves when it is this step's turn. Never, once the process is dead. */
  turn(life: Life): Promise<void> {
    if (life.dead) return never();
    return new Promise((resolve) => this.#waiting.push({ life, go: resolve }));
  }

  /** Goes on until `work` is done. Rejects where nothing goes on any more. */
  async drive<T>(lives: readonly Life[], work: Promise<T>, onStep?: (step: number) => void): Promise<T> {
    let isDone = false;
    const done = work.finally(() => (isDone = true));
    done.catch(() => {});
    let [steps, idle, idleSince] = [0, 0, 0];
    for (;;) {
      // All that follows by itself has happened once this comes back.
      await new Promise((resolve) => setImmediate(resolve));
      if (isDone) return done;
      this.#waiting = this.#waiting.filter(({ life }) => !life.dead);
      // Hashing is under way where somebody is opening and waits for no turn: until it ends, nobody else gets one.
      const opening = lives.find(
        (life) => life.opening && !life.dead && !this.#waiting.some((waiting) => waiting.life === life),
      );
      const ready = opening ? [] : this.#waiting;
      // How often nothing is ready depends on the machine: then nothing may be drawn.
      const next = ready.length > 0 ? ready[this.#random.below(ready.length)] : undefined;
      if (next) {
        idle = 0;
        this.#waiting.splice(this.#waiting.indexOf(next), 1);
        next.go();
        onStep?.((steps += 1));
        continue;
      }
      if (idle === 0) idleSince = performance.now();
      idle += 1;
      if (idle < PATIENCE) continue;
      if (!opening && lives.some((life) => !life.dead && life.passTime())) idle = 0;
      else if (performance.now() - idleSince > STUCK_MS) throw new Error('Stuck: nothing goes on any more.');
    }
  }
}
