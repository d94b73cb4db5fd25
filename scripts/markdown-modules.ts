import { readFile } from 'node:fs/promises';

/** A module made of one fenced block and those that continue it, each line where it stands in the page. */
export interface MarkdownModule {
  readonly page: string;
  /** The first line of code of the first block, from 1. */
  readonly line: number;
  readonly code: string;
  readonly run: boolean;
}

/** The TypeScript of one page. */
export interface MarkdownPage {
  readonly page: string;
  readonly modules: MarkdownModule[];
  /** How many blocks opted out with `no-check`. */
  readonly unchecked: number;
  /** Mistakes in the marks themselves, as `page:line message`. */
  readonly mistakes: string[];
}

interface Block {
  readonly line: number;
  readonly language: string;
  readonly marks: ReadonlySet<string>;
  readonly lines: string[];
}

const knownMarks = new Set(['continue', 'run', 'no-check']);

/**
 * Reads the fenced `ts` blocks of a page. Marks after the language: `continue` joins a block to the one before it, `run`
 * has the module run, `no-check` leaves a block out.
 */
export async function readPage(file: string, page: string): Promise<MarkdownPage> {
  const result = { page, modules: [] as MarkdownModule[], unchecked: 0, mistakes: [] as string[] };
  for (const block of fencedBlocks(await readFile(file, 'utf8'))) {
    const complain = (message: string) => result.mistakes.push(`${page}:${block.line - 1} ${message}`);
    if (/^(typescript|js|javascript|mjs|mts)$/.test(block.language))
      complain(`write \`ts\`, not \`${block.language}\``);
    if (block.language !== 'ts') continue;
    for (const mark of block.marks) if (!knownMarks.has(mark)) complain(`unknown mark \`${mark}\``);
    if (block.marks.has('no-check')) result.unchecked += 1;
    else if (!block.marks.has('continue')) result.modules.push(startModule(page, block));
    else {
      const previous = result.modules.pop();
      if (previous === undefined) complain('nothing to continue');
      else result.modules.push(continueModule(previous, block));
    }
  }
  return result;
}

function startModule(page: string, block: Block): MarkdownModule {
  const code = '\n'.repeat(block.line - 1) + block.lines.join('\n');
  return { page, line: block.line, code, run: block.marks.has('run') };
}

function continueModule(module: MarkdownModule, block: Block): MarkdownModule {
  const missing = block.line - module.code.split('\n').length;
  const code = module.code + '\n'.repeat(missing) + block.lines.join('\n');
  return { ...module, code, run: module.run || block.marks.has('run') };
}

/** Fences of three or more backticks or tildes, indented ones (in lists) too; a fence inside a longer one is its text. */
function fencedBlocks(text: string): Block[] {
  const blocks: Block[] = [];
  let open: { fence: string; indent: number; block: Block } | undefined;
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const match = /^(\s*)(`{3,}|~{3,})\s*(.*)$/.exec(line);
    const [, indent = '', fence = '', info = ''] = match ?? [];
    if (open === undefined) {
      if (match === null) continue;
      const [language = '', ...marks] = info.trim().split(/\s+/);
      open = {
        fence,
        indent: indent.length,
        block: { line: index + 2, language, marks: new Set(marks), lines: [] },
      };
    } else if (match !== null && info === '' && fence.startsWith(open.fence)) {
      blocks.push(open.block);
      open = undefined;
    } else {
      const blank = Math.min(open.indent, line.length - line.trimStart().length);
      open.block.lines.push(line.slice(blank));
    }
  }
  return blocks;
}
