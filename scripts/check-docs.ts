/**
 * Type-checks every fenced `ts` block of README.md, the guides in docs/ and the packages' READMEs, against the sources,
 * and with `--run` runs those marked `run`. Errors name the line of the page. Run as `pnpm docs:check`.
 */
import { glob, mkdir, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { readPage } from './markdown-modules.ts';
import type { MarkdownModule } from './markdown-modules.ts';
import { root, run, tool } from './repository.ts';

/** Inside the repository, so that imports resolve as they do for the root package. Ignored by git. */
const folder = join(root, '.docs-check');
const pages = ['*.md', 'docs/**/*.md', 'packages/*/README.md', 'examples/*/README.md'];
const runTimeoutMs = 60_000;

/** Where a module is written. Its name tells the page, its line numbers are the page's. */
function fileOf(module: MarkdownModule): string {
  return `${module.page.replaceAll('/', '__')}.${module.line}.ts`;
}

async function writeModules(modules: readonly MarkdownModule[]): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder);
  // Each page's blocks are modules of their own, also those without an import.
  const compilerOptions = { moduleDetection: 'force' };
  const tsconfig = { extends: '../tsconfig.json', compilerOptions, include: ['*.ts'] };
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(tsconfig));
  await Promise.all(modules.map((module) => writeFile(join(folder, fileOf(module)), module.code)));
}

/** Turns `.docs-check/README.md.12.ts` back into `README.md`, in messages and stack traces. */
function toPages(text: string, modules: readonly MarkdownModule[]): string {
  let mapped = text;
  for (const module of modules) {
    const file = join(folder, fileOf(module));
    mapped = mapped.replaceAll(`file://${file}`, module.page).replaceAll(file, module.page);
    mapped = mapped.replaceAll(`${basename(folder)}/${fileOf(module)}`, module.page);
  }
  return mapped.replaceAll(/^(\S+\.md)\((\d+),(\d+)\)/gm, '$1:$2:$3');
}

async function typeCheck(modules: readonly MarkdownModule[]): Promise<string[]> {
  const { code, stdout, stderr } = await run(tool('tsc'), ['-p', folder, '--pretty', 'false']);
  return code === 0 ? [] : [toPages(stdout + stderr, modules)];
}

async function runModules(modules: readonly MarkdownModule[]): Promise<string[]> {
  const problems: string[] = [];
  for (const module of modules) {
    const args = ['--conditions=@pawl/source', join(folder, fileOf(module))];
    const { code, stdout, stderr } = await run(process.execPath, args, { timeoutMs: runTimeoutMs });
    if (code === 0) continue;
    const ending = code === null ? `did not end well in ${runTimeoutMs} ms` : `ended with ${code}`;
    problems.push(`${module.page}:${module.line} ${ending}\n${toPages(stdout + stderr, modules)}`);
  }
  return problems;
}

const files: string[] = [];
for await (const file of glob(pages, { cwd: root, exclude: ['**/node_modules', '**/CHANGELOG.md'] }))
  files.push(file);
const read = await Promise.all(files.toSorted().map((file) => readPage(join(root, file), file)));
const modules = read.flatMap((page) => page.modules);
const toRun = process.argv.includes('--run') ? modules.filter((module) => module.run) : [];

await writeModules(modules);
const problems = read.flatMap((page) => page.mistakes);
if (modules.length > 0) problems.push(...(await typeCheck(modules)));
const checked = problems.length === 0;
if (checked) problems.push(...(await runModules(toRun)));

for (const problem of problems) console.error(problem.trimEnd());
const unchecked = read.reduce((sum, page) => sum + page.unchecked, 0);
console.log(
  `${read.length} pages: ${modules.length} modules checked, ${checked ? toRun.length : 0} run, ${unchecked} blocks opted out`,
);
if (problems.length > 0) process.exitCode = 1;
else await rm(folder, { recursive: true });
