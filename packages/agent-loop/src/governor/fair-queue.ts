/** A place in the queue. */
export interface Place<T> {
  readonly item: T;
  readonly flow: object;
}

interface Tagged<T> extends Place<T> {
  readonly weight: number;
  readonly order: number;
  /** When its turn comes, in the queue's own time. */
  turn: number;
  /** How far it takes its flow, in the queue's own time. */
  span: number;
}

interface Active {
  readonly weight: number;
  waiting: number;
}

/** How much the latest cost weighs in what counts as usual. */
const LEARNING = 0.125;

/**
 * Weighted fair queueing: each flow (an agent) gets service in proportion to its weight, counted in costs, whatever the
 * others ask for; one that was idle neither gains nor loses by it. First come, first served within a flow. The queue's own
 * time passes with what is served, the slower the more flows wait. What costs more than usual is not let wait for that, but
 * its flow is charged for it. Nobody starves: a place, once taken, only moves forward.
 */
export class FairQueue<T> {
  /** By turn, then by order. */
  #places: Tagged<T>[] = [];
  readonly #active = new Map<object, Active>();
  /** Weight of all flows that wait. */
  #weight = 0;
  /** Until when each flow is served, in the queue's own time. */
  #served = new WeakMap<object, number>();
  #now = 0;
  #usual: number | undefined;
  #order = 0;

  get length(): number {
    return this.#places.length;
  }

  get first(): T | undefined {
    return this.#places[0]?.item;
  }

  /** Takes a place behind what its flow was promised so far. `cost` and `weight` are above 0. */
  add(item: T, flow: object, cost: number, weight: number): Place<T> {
    const place = { item, flow, weight, order: (this.#order += 1), turn: 0, span: 0 };
    this.#tag(place, cost);
    return this.#insert(place);
  }

  /** Takes a place before all that wait, at no cost: for what has had its turn and was sent back. */
  addFirst(item: T, flow: object): Place<T> {
    const order = (this.#order += 1);
    return this.#insert({ item, flow, weight: 0, order, turn: -1, span: 0 });
  }

  /** The first leaves the queue and is served. */
  take(): T | undefined {
    const place = this.#places.shift();
    if (!place) return undefined;
    if (this.#weight > 0) this.#now += (place.span * place.weight) / this.#weight;
    this.#leave(place);
    return place.item;
  }

  /** Leaves without being served, which its flow is not charged for. */
  remove(place: Place<T>): boolean {
    const at = this.#places.findIndex((other) => other === place);
    const [removed] = at < 0 ? [] : this.#places.splice(at, 1);
    if (!removed) return false;
    this.#served.set(removed.flow, (this.#served.get(removed.flow) ?? 0) - removed.span);
    this.#leave(removed);
    return true;
  }

  /** Counts by another measure from here on: what was served is forgotten, and all that wait are tagged anew. */
  reweigh(costOf: (item: T) => number): void {
    const waiting = this.#places.toSorted((a, b) => a.order - b.order);
    this.#served = new WeakMap();
    this.#now = 0;
    this.#usual = undefined;
    this.#places = [];
    this.#active.clear();
    this.#weight = 0;
    for (const place of waiting) {
      if (place.weight > 0) this.#tag(place, costOf(place.item));
      this.#insert(place);
    }
  }

  /** Everything that waits, in order, as it stands now. */
  items(): T[] {
    return this.#places.map(({ item }) => item);
  }

  #tag(place: Tagged<T>, cost: number): void {
    const { flow, weight } = place;
    this.#usual = this.#usual === undefined ? cost : this.#usual + LEARNING * (cost - this.#usual);
    const start = Math.max(this.#now, this.#served.get(flow) ?? 0);
    place.span = cost / weight;
    place.turn = start + Math.min(cost, this.#usual) / weight;
    this.#served.set(flow, start + place.span);
  }

  #insert(place: Tagged<T>): Place<T> {
    const active = this.#active.get(place.flow);
    if (active) active.waiting += 1;
    else this.#active.set(place.flow, { weight: place.weight, waiting: 1 });
    if (!active) this.#weight += place.weight;
    let [low, high] = [0, this.#places.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = this.#places[middle];
      const before =
        other && (other.turn < place.turn || (other.turn === place.turn && other.order < place.order));
      if (before) low = middle + 1;
      else high = middle;
    }
    this.#places.splice(low, 0, place);
    return place;
  }

  #leave({ flow }: Tagged<T>): void {
    const active = this.#active.get(flow);
    if (!active) return;
    active.waiting -= 1;
    if (active.waiting > 0) return;
    this.#active.delete(flow);
    this.#weight = this.#active.size === 0 ? 0 : this.#weight - active.weight;
  }
}
