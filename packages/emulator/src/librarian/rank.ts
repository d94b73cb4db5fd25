import type { Finding } from './history.ts';
import type { Term } from './terms.ts';

/** A line that grep found. */
export interface Hit {
  readonly file: string;
  readonly line: number;
  readonly text: string;
}

/** A file with the terms found in it. */
export interface RankedFile {
  readonly file: string;
  readonly score: number;
  readonly terms: ReadonlySet<string>;
  readonly hits: readonly Hit[];
}

/** The hits in grep output of the form `path:line:text`; other lines are notes of the tool. */
export function hitsOf(output: string): readonly Hit[] {
  const hits: Hit[] = [];
  for (const row of output.split('\n')) {
    const found = /^((?:[A-Za-z]:)?[^:]+):(\d+):(.*)$/.exec(row);
    if (found?.[1] !== undefined) hits.push({ file: found[1], line: Number(found[2]), text: found[3] ?? '' });
  }
  return hits;
}

/** Paths in glob output, one a line. */
export function pathsOf(output: string): readonly string[] {
  return output
    .split('\n')
    .map((row) => row.trim())
    .filter((row) => row !== '' && !/^no (?:matches|files)/i.test(row) && !row.startsWith('['));
}

/** How rare each term is: the fewer files have it, the more it tells. */
export function rarity(terms: readonly Term[], hits: readonly Hit[]): ReadonlyMap<string, number> {
  const files = new Set(hits.map(({ file }) => file)).size;
  return new Map(
    terms.map((term) => {
      const having = new Set(hits.filter(({ text }) => contains(text, term)).map(({ file }) => file)).size;
      return [term.stem, having === 0 ? 0 : Math.log(1 + (files + 1) / having)];
    }),
  );
}

/** Whether a text has a term at the beginning of a word, or a phrase anywhere. */
export function contains(text: string, { stem, isPhrase }: Term): boolean {
  const low = text.toLowerCase();
  if (isPhrase) return low.replaceAll(/\s+/g, ' ').includes(stem);
  return low.includes(stem);
}

const generated =
  /(?:^|\/)(?:pnpm-lock\.yaml|package-lock\.json|yarn\.lock|LICENSE|CHANGELOG\.md)$|\.(?:map|min\.js|lock|snap)$/;

/** The files that answer best: many different terms, rare ones, in headings and names. Lock files and the like count only alone. */
export function rankFiles(terms: readonly Term[], findings: readonly Finding[]): readonly RankedFile[] {
  const hits = uniqueHits(findings.flatMap(({ output }) => hitsOf(output)));
  const weights = rarity(terms, hits);
  const byFile = new Map<string, Hit[]>();
  for (const hit of hits) byFile.set(hit.file, [...(byFile.get(hit.file) ?? []), hit]);
  const files = [...byFile]
    .map(([file, own]) => scoreFile(file, own, terms, weights))
    .filter(({ score }) => score > 0);
  const written = files.filter(({ file }) => !generated.test(file));
  return (written.length > 0 ? written : files).toSorted(
    (left, right) => right.score - left.score || left.file.localeCompare(right.file),
  );
}

function uniqueHits(hits: readonly Hit[]): readonly Hit[] {
  return [...new Map(hits.map((hit) => [`${hit.file}:${hit.line}`, hit])).values()];
}

function scoreFile(
  file: string,
  hits: readonly Hit[],
  terms: readonly Term[],
  weights: ReadonlyMap<string, number>,
): RankedFile {
  const found = new Set<string>();
  let score = 0;
  for (const term of terms) {
    const own = hits.filter(({ text }) => contains(text, term));
    if (own.length === 0) continue;
    found.add(term.stem);
    const headings = own.filter(({ text }) => /^\s*#/.test(text)).length;
    const named = contains(file.split('/').at(-1) ?? '', term) ? 1 : 0;
    score +=
      (weights.get(term.stem) ?? 0) * (1 + Math.log2(own.length) / 4 + Math.min(headings, 2) / 2 + named);
  }
  return { file, score: score * found.size, terms: found, hits };
}

/** The folder that all paths share, with its final slash; empty when they share none. */
export function commonFolder(paths: readonly string[]): string {
  const [first, ...rest] = paths;
  if (first === undefined) return '';
  let folder = first.slice(0, first.lastIndexOf('/') + 1);
  for (const path of rest) {
    while (!path.startsWith(folder)) folder = folder.slice(0, folder.lastIndexOf('/', folder.length - 2) + 1);
  }
  return folder;
}
