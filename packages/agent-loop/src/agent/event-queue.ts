import type { AgentEvent } from '../journal/events.ts';

/** From this many unread events on, deltas are merged with their unread predecessors. */
const HIGH_WATER = 256;
/** How many read events are kept before their room is given back. */
const READ_ROOM = 1024;

/**
 * Events on their way to one reader. A slow or absent reader loses nothing that is kept; unread deltas of the same
 * block are merged into one, so that memory is bounded by the transcript and not by the number of deltas.
 */
export class EventQueue {
  #events: AgentEvent[] = [];
  #head = 0;
  /** Where a call's unread progress stands, counted from the first event ever. */
  readonly #progress = new Map<string, number>();
  /** How many events have left `#events`. */
  #gone = 0;
  #waiting: ((event: AgentEvent | undefined) => void)[] = [];
  #closed = false;

  /** Adds an event. */
  push(event: AgentEvent): void {
    if (this.#closed) return;
    const waiting = this.#waiting.shift();
    if (waiting) return waiting(event);
    if (this.#events.length - this.#head > HIGH_WATER && this.#merge(event)) return;
    if (event.type === 'tool-progress') this.#progress.set(event.callId, this.#gone + this.#events.length);
    this.#events.push(event);
  }

  /** No more events will come. */
  close(): void {
    this.#closed = true;
    for (const waiting of this.#waiting.splice(0)) waiting(undefined);
  }

  /** The next event where one is there. */
  take(): AgentEvent | undefined {
    const event = this.#events[this.#head];
    if (!event) return undefined;
    this.#head += 1;
    if (this.#head === this.#events.length || this.#head >= READ_ROOM) {
      this.#gone += this.#head;
      this.#events = this.#events.slice(this.#head);
      this.#head = 0;
    }
    return event;
  }

  /** The next event, or undefined when there will be none. */
  next(): Promise<AgentEvent | undefined> {
    const event = this.take();
    if (event || this.#closed) return Promise.resolve(event);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #merge(event: AgentEvent): boolean {
    const at = this.#events.length - 1;
    const last = this.#events[at];
    switch (event.type) {
      case 'text-delta':
      case 'thinking-delta':
        if (last?.type !== event.type || last.runId !== event.runId) return false;
        this.#events[at] = { ...event, text: last.text + event.text };
        return true;
      case 'tool-input-delta':
        if (last?.type !== 'tool-input-delta' || last.callId !== event.callId) return false;
        this.#events[at] = { ...event, partialJson: last.partialJson + event.partialJson };
        return true;
      case 'tool-progress': {
        const unread = (this.#progress.get(event.callId) ?? -1) - this.#gone;
        if (unread < this.#head) return false;
        this.#events[unread] = event;
        return true;
      }
      default:
        return false;
    }
  }
}
