import type { JsonObject } from '../json.ts';
import { asObject, asString, canonicalJson } from '../json.ts';
import { text, toolUse } from '../blocks.ts';
import { isCount, isDuration, isOptions } from '../option-checks.ts';
import { reply } from '../reply.ts';
import type { BlockSpec, ChunkOptions, Responder } from '../types.ts';
import { composeAnswer, composeNothing } from './compose.ts';
import { inquiryOf } from './history.ts';
import type { Finding, Inquiry } from './history.ts';
import { bestQuotes, opening } from './quotes.ts';
import type { Source } from './quotes.ts';
import { commonFolder, hitsOf, pathsOf, rankFiles, rarity } from './rank.ts';
import { broaden, patternOf, termsOf } from './terms.ts';
import type { Term } from './terms.ts';
import { toolboxOf } from './tools.ts';
import type { PlannedCall, Toolbox } from './tools.ts';

/** Options of the librarian. */
export interface LibrarianOptions {
  /** Pause between the events of its stream, in milliseconds. Default 6. */
  readonly delayMs?: number;
  /** Files it reads at most for one question. Default 4. */
  readonly reads?: number;
  /** Terms it looks for at most. Default 5. */
  readonly terms?: number;
}

const checkLibrarianOptions = isOptions<LibrarianOptions>({
  delayMs: isDuration,
  reads: isCount,
  terms: isCount,
});

/** What it does next: calls to make, or the answer. */
type Move = { readonly say: string; readonly calls: readonly PlannedCall[] } | { readonly answer: string };

/**
 * A stand-in model, not a model: with tools that grep, list and read files it looks up the terms of the last question,
 * reads the files that match best and answers with quotes and their sources. A pure function of the conversation.
 */
export function librarian(options: LibrarianOptions = {}): Responder {
  checkLibrarianOptions(options, 'librarian options');
  const { delayMs = 6, reads = 4, terms = 5 } = options;
  const chunk: ChunkOptions = { size: 12, delayMs };
  return ({ body }) => {
    const tools = body.tool_choice?.type === 'none' ? [] : body.tools;
    const inquiry = inquiryOf(body.messages);
    const move = nextMove(inquiry, toolboxOf(tools), { reads, terms });
    if ('answer' in move) return reply(text(move.answer), { chunk });
    const oneByOne = asObject(body.tool_choice)['disable_parallel_tool_use'] === true;
    const calls = oneByOne ? move.calls.slice(0, 1) : move.calls;
    const content: BlockSpec[] = [text(move.say), ...calls.map(({ name, input }) => toolUse(name, input))];
    return reply(inquiry.findings.length > 0 && oneByOne ? content.slice(1) : content, { chunk });
  };
}

interface Limits {
  readonly reads: number;
  readonly terms: number;
}

function nextMove(inquiry: Inquiry, toolbox: Toolbox, limits: Limits): Move {
  const { findings, question } = inquiry;
  if (question === '') return { answer: composeNothing([], 'There is no question to look up.', 0) };
  if (!toolbox.grep && !toolbox.glob) {
    return {
      answer: composeNothing(
        [],
        'Without tools to search files (such as grep, glob and read) there is nothing to look the answer up in.',
        0,
      ),
    };
  }
  const terms = termsOf(question, limits.terms);
  const first = outstanding(searches(terms, toolbox, true), findings);
  if (first.length > 0) return { say: `Looking for ${names(terms)}.`, calls: first };
  const ranked = rankFiles(terms, findings);
  const paths = findings
    .filter(({ name }) => isKind(name, toolbox.glob))
    .flatMap(({ output }) => pathsOf(output));
  if (toolbox.glob && paths.length === 0 && ranked.length === 0 && failures(findings) === 0) {
    return { answer: composeNothing(terms, 'The folder is empty: there is no file to look in.', 0) };
  }
  const wider = ranked.length === 0 ? broaden(terms) : [];
  const second = outstanding(searches(wider, toolbox, false), findings);
  if (second.length > 0) return { say: `Nothing yet. Trying wider: ${names(wider)}.`, calls: second };
  return read({
    terms: ranked.length === 0 ? [...terms, ...wider] : terms,
    paths,
    findings,
    toolbox,
    limits,
  });
}

interface Search extends Pick<Inquiry, 'findings'> {
  readonly terms: readonly Term[];
  readonly paths: readonly string[];
  readonly toolbox: Toolbox;
  readonly limits: Limits;
}

function read({ terms, paths, findings, toolbox, limits }: Search): Move {
  const ranked = rankFiles(terms, findings);
  const named = paths.filter((path) =>
    terms.some(({ stem }) => (path.split('/').at(-1) ?? '').toLowerCase().includes(stem)),
  );
  const overview =
    terms.length === 0
      ? paths.filter((path) => /readme|index|overview|\.md$/i.test(path)).toSorted(byDepth)
      : [];
  const wanted = [...new Set([...ranked.map(({ file }) => file), ...named, ...overview])].slice(
    0,
    limits.reads,
  );
  const readFile = toolbox.read;
  const calls = readFile
    ? outstanding(
        wanted.map((path) => readFile(path)),
        findings,
      )
    : [];
  if (calls.length > 0)
    return {
      say: `Reading ${calls.length === 1 ? 'the best match' : `the ${calls.length} best matches`}.`,
      calls,
    };
  return { answer: answer({ terms, paths, findings, toolbox, limits }, wanted) };
}

function byDepth(left: string, right: string): number {
  return left.split('/').length - right.split('/').length || left.localeCompare(right);
}

function answer({ terms, paths, findings, toolbox }: Search, wanted: readonly string[]): string {
  const hits = findings
    .filter(({ name }) => isKind(name, toolbox.grep))
    .flatMap(({ output }) => hitsOf(output));
  const weights = rarity(terms, hits);
  const sources = wanted.flatMap((file) => sourceOf(file, findings, toolbox));
  const isOverview = terms.length === 0;
  const passages = isOverview
    ? sources.flatMap((source) => opening(source) ?? [])
    : bestQuotes(sources, terms, weights, { count: 5, perFile: 2 });
  // Files that could not be read still have the lines that grep showed.
  const unread = wanted.filter((file) => !sources.some((source) => source.file === file));
  const lines = hits
    .filter(({ file }) => unread.includes(file))
    .slice(0, 3)
    .map(({ file, line, text: found }) => ({ file, line, text: found.slice(0, 300), score: 0 }));
  const quotes = [...passages, ...lines];
  if (quotes.length === 0) return composeNothing(terms, 'Nothing found in the files.', failures(findings));
  const missing = terms.filter((term) => (weights.get(term.stem) ?? 0) === 0);
  const folder = commonFolder([...paths, ...hits.map(({ file }) => file)]);
  return composeAnswer({
    quotes,
    terms,
    missing,
    folder,
    filesRead: sources.length,
    failures: failures(findings),
  });
}

function sourceOf(
  file: string,
  findings: readonly Finding[],
  { read: readFile }: Toolbox,
): readonly Source[] {
  const key = readFile && keyOf(readFile(file));
  const found = findings.find((finding) => !finding.failed && keyOf(finding) === key);
  return found ? [{ file, content: found.output }] : [];
}

/** The first look: a grep for each term, and the list of files; a lone term is also looked for in headings. */
function searches(terms: readonly Term[], { grep, glob }: Toolbox, first: boolean): readonly PlannedCall[] {
  const patterns = terms.map(patternOf);
  if (first && patterns.length === 1) patterns.push(`^#.*${patterns[0]}`);
  if (first && patterns.length === 0) patterns.push('^#');
  return [
    ...(grep ? patterns.map((pattern) => grep(pattern)) : []),
    ...(first && glob ? [glob('**/*')] : []),
  ];
}

function outstanding(calls: readonly PlannedCall[], findings: readonly Finding[]): readonly PlannedCall[] {
  const made = new Set(findings.map(keyOf));
  return calls.filter((call) => !made.has(keyOf(call)));
}

function keyOf({ name, input }: { readonly name: string; readonly input: JsonObject }): string {
  return `${name} ${canonicalJson(input)}`;
}

function isKind(name: string, make: ((value: string) => PlannedCall) | undefined): boolean {
  return make !== undefined && asString(make('').name) === name;
}

function failures(findings: readonly Finding[]): number {
  return findings.filter(({ failed }) => failed).length;
}

function names(terms: readonly Term[]): string {
  return terms.length > 0
    ? terms.map(({ text: word }) => `“${word}”`).join(', ')
    : 'an overview of the files';
}
