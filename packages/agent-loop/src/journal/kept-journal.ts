import { tellsCache } from '../cache/cache-log.ts';
import { EntryDecoder } from './entry-decoder.ts';
import type { Entry } from './events.ts';
import { JournalError } from './journal.ts';
import { sliceText } from './kept-message.ts';
import { type KeptTexts, PLACES } from './kept-texts.ts';
import { PlainFold, type Stretch } from './plain-fold.ts';
import { LATEST_STEPS, SessionState } from './session-state.ts';

const [PLAIN, FAILED, SPACE, FORGET] = [112, 101, 32, 120];

/** Entries that stand for themselves: their texts lean on none before them. */
interface Group extends Stretch {
  /** Whether the next request can be put together without parsing any of them. */
  readonly plain: boolean;
}

/**
 * Folds a journal of which the texts are in memory, and parses as little of it as the next request needs: the latest
 * entries, and those that are not plain. What messages hold, and what they cost, is parsed when it is asked for.
 *
 * Throws what parsing throws: then the journal is to be read entry by entry, which tells what is wrong where.
 */
export function foldKept(segments: readonly KeptTexts[]): SessionState {
  const groups = segments.flatMap(groupsOf);
  const state = new SessionState();
  const { from, entries } = latest(groups);
  const fold = new PlainFold(state);
  for (const group of groups.slice(0, from)) {
    if (group.plain && fold.canTake()) fold.take(group);
    else {
      fold.release();
      for (const entry of decoded(group)) state.apply(entry);
    }
  }
  fold.release();
  for (const entry of entries) state.apply(entry);
  if (from > 0) state.defer(() => everything(groups));
  return state;
}

function* everything(groups: readonly Group[]): Generator<Entry> {
  for (const group of groups) yield* decoded(group);
}

function groupsOf(of: KeptTexts): Group[] {
  const { buffers, places } = of;
  const groups: Group[] = [];
  const count = places.length / PLACES;
  let from = 0;
  let plain = true;
  for (let index = 0; index < count; index += 1) {
    const bytes = buffers[places[index * PLACES] ?? 0];
    const at = places[index * PLACES + 1] ?? 0;
    const isPlain = (bytes?.[at] === PLAIN || bytes?.[at] === FAILED) && bytes[at + 1] === SPACE;
    const hintAt = isPlain ? at + 2 : at;
    if (index > from && bytes?.[hintAt] === FORGET && bytes[hintAt + 1] === SPACE) {
      groups.push({ of, from, to: index, plain: plain && isBeginning(of, from) });
      from = index;
      plain = true;
    }
    plain &&= isPlain;
  }
  if (count > from) groups.push({ of, from, to: count, plain: plain && isBeginning(of, from) });
  return groups;
}

/** Whether nothing is under way before this entry: a request or a run begins. */
function isBeginning(of: KeptTexts, index: number): boolean {
  return /^[^{]*\{"type":"(request|run-start)"/.test(textAt(of, index));
}

function textAt({ buffers, places }: KeptTexts, index: number): string {
  const [buffer = 0, from = 0, to = 0] = places.slice(index * PLACES, index * PLACES + 3);
  return sliceText({ bytes: buffers[buffer] ?? new Uint8Array(0), from, to });
}

/** The latest groups: as few as tell how the session stands, and what its next request is like. */
function latest(groups: readonly Group[]): { readonly from: number; readonly entries: readonly Entry[] } {
  const found: (readonly Entry[])[] = [];
  const told = { replies: 0, cache: false, run: false };
  let from = groups.length;
  for (const group of groups.toReversed()) {
    const entries = decoded(group);
    found.unshift(entries);
    from -= 1;
    for (const entry of entries) note(entry, told);
    const isWhole = told.replies >= LATEST_STEPS && told.cache && told.run;
    if (isWhole && begins(entries[0])) break;
  }
  return { from, entries: found.flat() };
}

/** Notes of what nothing before an entry matters any more: the steps, what is cached, and the run. */
function note(entry: Entry, told: { replies: number; cache: boolean; run: boolean }): void {
  if (entry.type === 'reply') {
    told.replies += 1;
    told.cache ||= tellsCache(entry.message);
  } else if (entry.type === 'run-start') told.run ||= !entry.resumed;
  else if (entry.type === 'run-end') told.run ||= entry.outcome !== 'awaiting-approval';
}

function begins(entry: Entry | undefined): boolean {
  return entry?.type === 'request' || (entry?.type === 'run-start' && !entry.resumed);
}

function decoded({ of, from, to }: Group): Entry[] {
  const decoder = new EntryDecoder({ seq: of.seq + from });
  const entries: Entry[] = [];
  for (let index = from; index < to; index += 1) {
    const apart = of.contents.get(index);
    const content = apart && sliceText({ bytes: apart, from: 0, to: apart.length });
    try {
      entries.push(decoder.decodeParts(textAt(of, index), content));
    } catch (cause) {
      throw new JournalError('corrupt', `A record of ${of.where} is whole, but no entry.`, { cause });
    }
  }
  return entries;
}
