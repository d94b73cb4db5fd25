import type { Quote } from './quotes.ts';
import type { Term } from './terms.ts';

/** The line that every answer of the librarian begins with. */
const label =
  '[Answered by the librarian, a rule-based stand-in of the pawl emulator. It is not a model: it searches and quotes.]';

/** What an answer is made of. */
export interface Material {
  readonly quotes: readonly Quote[];
  readonly terms: readonly Term[];
  /** Terms that occur nowhere. */
  readonly missing: readonly Term[];
  /** Left out of paths. */
  readonly folder: string;
  readonly filesRead: number;
  readonly failures: number;
}

/** The answer: quotes in order of merit, each with its source. */
export function composeAnswer({ quotes, terms, missing, folder, filesRead, failures }: Material): string {
  const found = terms.filter((term) => !missing.includes(term));
  const about = found.length > 0 ? `What the files say about ${listed(found)}:` : 'What the files are about:';
  const parts = quotes.map(
    (quote, index) => `${index + 1}. ${sourceOf(quote, folder)}\n${quoted(quote.text)}`,
  );
  const notes = [
    missing.length > 0 ? `Found nowhere: ${listed(missing)}.` : '',
    failures > 0 ? `${failures} look-up${failures === 1 ? '' : 's'} failed.` : '',
    `Sources (${filesRead} file${filesRead === 1 ? '' : 's'} read): ${[...new Set(quotes.map((quote) => sourceOf(quote, folder)))].join(', ')}`,
  ];
  return [label, about, ...parts, ...notes.filter((note) => note !== '')].join('\n\n');
}

/** The honest answer when there is nothing to quote. */
export function composeNothing(terms: readonly Term[], reason: string, failures: number): string {
  const looked = terms.length > 0 ? ` Looked for: ${listed(terms)}.` : '';
  const failed = failures > 0 ? ` ${failures} look-up${failures === 1 ? '' : 's'} failed.` : '';
  return `${label}\n\n${reason}${looked}${failed}`;
}

function sourceOf({ file, line }: Quote, folder: string): string {
  return `${file.startsWith(folder) ? file.slice(folder.length) : file}:${line}`;
}

function quoted(text: string): string {
  return text
    .split('\n')
    .map((line) => `   > ${line}`)
    .join('\n');
}

function listed(terms: readonly Term[]): string {
  return terms.map(({ text }) => `“${text}”`).join(', ');
}
