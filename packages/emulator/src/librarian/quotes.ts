import { contains } from './rank.ts';
import type { Term } from './terms.ts';

/** A verbatim piece of a file. */
export interface Quote {
  readonly file: string;
  /** Of the first line, from 1. */
  readonly line: number;
  readonly text: string;
  readonly score: number;
}

/** A file that was read. */
export interface Source {
  readonly file: string;
  readonly content: string;
}

const maxLines = 5;
const maxCharacters = 360;

/** The passages that hold the most, and the rarest, of the terms; best first, at most `perFile` of one file. */
export function bestQuotes(
  sources: readonly Source[],
  terms: readonly Term[],
  weights: ReadonlyMap<string, number>,
  limits: { readonly count: number; readonly perFile: number },
): readonly Quote[] {
  const all = sources.flatMap((source) => passages(source, terms, weights).slice(0, limits.perFile));
  return all.toSorted((left, right) => right.score - left.score).slice(0, limits.count);
}

function passages(
  { file, content }: Source,
  terms: readonly Term[],
  weights: ReadonlyMap<string, number>,
): readonly Quote[] {
  const lines = plainLines(content);
  const weigh = (text: string): number =>
    terms.reduce((sum, term) => sum + (contains(text, term) ? (weights.get(term.stem) ?? 0) : 0), 0);
  const scores = lines.map(weigh);
  const windows = lines.map((_line, index) => windowAt(lines, index)).filter(({ start, end }) => end > start);
  const quotes = windows
    .map(({ start, end }) => {
      const text = lines.slice(start, end).join('\n');
      // Near misses count a little, so that of two equal passages the denser one wins.
      const density = scores.slice(start, end).reduce((sum, score) => sum + score, 0) / (end - start);
      return { file, line: start + 1, text: clip(text, terms), score: weigh(text) + density / 4, start, end };
    })
    .filter(({ score, start }) => score > 0 && (scores[start] ?? 0) > 0)
    .toSorted((left, right) => right.score - left.score || left.line - right.line);
  return withoutOverlaps(quotes);
}

interface Placed extends Quote {
  readonly start: number;
  readonly end: number;
}

function withoutOverlaps(quotes: readonly Placed[]): readonly Quote[] {
  const kept: Placed[] = [];
  for (const quote of quotes) {
    if (!kept.some((other) => quote.start < other.end && other.start < quote.end)) kept.push(quote);
  }
  return kept;
}

/** From a line to the end of its paragraph, a few lines at most. A heading takes the paragraph below it along. */
function windowAt(lines: readonly string[], start: number): { readonly start: number; readonly end: number } {
  if ((lines[start] ?? '').trim() === '') return { start, end: start };
  let end = start + 1;
  if (/^\s*#/.test(lines[start] ?? '') && (lines[end] ?? '').trim() === '') end++;
  while (end < lines.length && end - start < maxLines && (lines[end] ?? '').trim() !== '') end++;
  while (end > start && (lines[end - 1] ?? '').trim() === '') end--;
  return { start, end };
}

/** A long passage is cut around its first term; what is left is still verbatim. */
function clip(text: string, terms: readonly Term[]): string {
  if (text.length <= maxCharacters) return text;
  const low = text.toLowerCase();
  const at = Math.min(
    ...terms.map(({ stem }) => low.indexOf(stem)).filter((index) => index >= 0),
    text.length,
  );
  const from = at > maxCharacters / 2 ? text.lastIndexOf(' ', at - maxCharacters / 3) + 1 : 0;
  const cut = text.slice(from, from + maxCharacters);
  const end = from + maxCharacters < text.length ? cut.lastIndexOf(' ') : cut.length;
  return `${from > 0 ? '… ' : ''}${cut.slice(0, end > 0 ? end : cut.length)}${from + maxCharacters < text.length ? ' …' : ''}`;
}

/** The lines of a file, without the numbers that some read tools put in front. */
function plainLines(content: string): readonly string[] {
  const lines = content.split(/\r?\n/);
  const numbered = /^\s*\d+(?:\t|→|\s*\| )/;
  const isNumbered = lines
    .slice(0, 20)
    .filter((line) => line !== '')
    .every((line) => numbered.test(line));
  return isNumbered ? lines.map((line) => line.replace(numbered, '')) : lines;
}

/** The first paragraph that is prose, for an overview of a file. */
export function opening({ file, content }: Source): Quote | undefined {
  const lines = plainLines(content);
  const start = lines.findIndex((line) => /^[\p{L}*_`>"“]/u.test(line.trim()) && line.trim().length > 30);
  if (start < 0) return undefined;
  const { end } = windowAt(lines, start);
  return { file, line: start + 1, text: clip(lines.slice(start, end).join('\n'), []), score: 1 };
}
