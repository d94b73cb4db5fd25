import type { AgentEvent } from './events.ts';

interface Cell {
  event: AgentEvent;
}

/** From this many unread events on, deltas are merged with their unread predecessors. */
const HIGH_WATER = 256;

/**
 * Events on their way to one reader. A slow or absent reader loses nothing that is kept; unread deltas of the same
 * block are merged into one, so that memory is bounded by the transcript and not by the number of deltas.
 */
export class EventQueue {
  #cells: Cell[] = [];
  #head = 0;
  readonly #progress = new Map<string, Cell>();
  #wake: (() => void) | undefined;
  #closed = false;

  push(event: AgentEvent): void {
    if (this.#closed) return;
    if (!(this.#cells.length - this.#head > HIGH_WATER && this.#merge(event))) {
      const cell = { event };
      this.#cells.push(cell);
      if (event.type === 'tool-progress') this.#progress.set(event.callId, cell);
    }
    this.#wake?.();
  }

  /** No more events will come. */
  close(): void {
    this.#closed = true;
    this.#wake?.();
  }

  /** The next event, or undefined when there will be none. */
  async next(): Promise<AgentEvent | undefined> {
    while (this.#head >= this.#cells.length) {
      if (this.#closed) return undefined;
      await new Promise<void>((resolve) => (this.#wake = resolve));
      this.#wake = undefined;
    }
    const cell = this.#cells[this.#head] as Cell;
    this.#head += 1;
    if (this.#head === this.#cells.length) {
      this.#cells = [];
      this.#head = 0;
    } else if (this.#head >= 1024) {
      this.#cells = this.#cells.slice(this.#head);
      this.#head = 0;
    }
    if (cell.event.type === 'tool-progress') this.#progress.delete(cell.event.callId);
    return cell.event;
  }

  #merge(event: AgentEvent): boolean {
    const last = this.#cells.at(-1);
    switch (event.type) {
      case 'text-delta':
      case 'thinking-delta':
        if (!last || last.event.type !== event.type) return false;
        last.event = { ...event, text: last.event.text + event.text };
        return true;
      case 'tool-input-delta':
        if (last?.event.type !== 'tool-input-delta' || last.event.callId !== event.callId) return false;
        last.event = { ...event, partialJson: last.event.partialJson + event.partialJson };
        return true;
      case 'tool-progress': {
        const unread = this.#progress.get(event.callId);
        if (unread) unread.event = event;
        return unread !== undefined;
      }
      default:
        return false;
    }
  }
}
