import { readdir, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/** What the program was asked to do. */
export interface Arguments {
  readonly question: string;
  /** The folder to answer from, as an absolute path. */
  readonly dir: string;
  readonly model: string;
}

/** A mistake in the arguments; the message says how to mend it. */
export class UsageError extends Error {}

const QUESTION = 'What happens to the transcript when a run is aborted?';

export const USAGE = `Usage: pnpm demo [question] [--dir folder] [--model id]

Answers a question from the files of a folder, with quotes and their sources.

  question       default: ${JSON.stringify(QUESTION)}
  --dir folder   the folder to read, default: this project's docs
  --model id     default: claude-sonnet-5-5
  --help         this text

Without ANTHROPIC_API_KEY (or ANTHROPIC_BASE_URL) it runs offline: a rule-based stand-in answers, not a model.`;

const DOCS = fileURLToPath(new URL('../../../docs', import.meta.url));
const SKIPPED: ReadonlySet<string> = new Set(['.git', 'node_modules']);

/** Reads and checks the command line. Null where only help was asked for. Throws a UsageError for anything wrong. */
export async function readArguments(argv: readonly string[]): Promise<Arguments | null> {
  const { values, positionals } = parse(argv);
  if (values.help) return null;
  if (positionals.length > 1) {
    throw new UsageError(
      `Expected one question, got ${positionals.length} arguments. Put the question in quotes.`,
    );
  }
  const question = positionals[0] ?? QUESTION;
  if (question.trim() === '') throw new UsageError('The question is empty.');
  // Package scripts run in the project's folder; a relative path is meant from where the command was typed.
  const dir = resolve(process.env['INIT_CWD'] ?? '.', values.dir ?? DOCS);
  await checkFolder(dir);
  return { question, dir, model: values.model ?? 'claude-sonnet-5-5' };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: argv.filter((arg, index) => !(arg === '--' && index === 0)),
      allowPositionals: true,
      options: { dir: { type: 'string' }, model: { type: 'string' }, help: { type: 'boolean' } },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

async function checkFolder(dir: string): Promise<void> {
  const found = await stat(dir).catch(() => null);
  if (!found) throw new UsageError(`There is no folder ${dir}.`);
  if (!found.isDirectory()) throw new UsageError(`${dir} is not a folder.`);
  if (!(await holdsAFile(dir)))
    throw new UsageError(`The folder ${dir} holds no files: there is nothing to answer from.`);
}

async function holdsAFile(dir: string): Promise<boolean> {
  const entries = await readdir(dir, { withFileTypes: true });
  if (entries.some((entry) => entry.isFile())) return true;
  for (const entry of entries) {
    if (entry.isDirectory() && !SKIPPED.has(entry.name) && (await holdsAFile(resolve(dir, entry.name))))
      return true;
  }
  return false;
}
