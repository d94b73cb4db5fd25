import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import type { Scenario } from './scenario.ts';

const file = join(import.meta.dirname, 'RESULTS.md');

/** The machine and the versions the figures belong to, on one line. */
export async function machineLine(): Promise<string> {
  const model = cpus()[0]?.model ?? 'unknown processor';
  const memory = `${Math.round(totalmem() / 2 ** 30)} GB`;
  const machine = `${availableParallelism()} x ${model}, ${memory}, ${process.platform} ${process.arch}`;
  return `${machine}, Node ${process.version}; ${(await versions()).join(', ')}`;
}

async function versions(): Promise<string[]> {
  const names = ['@anthropic-ai/sdk', 'ai', '@ai-sdk/anthropic', '@openai/agents', 'zod'];
  return Promise.all(
    names.map(async (name) => {
      const text = await readFile(join(import.meta.dirname, 'node_modules', name, 'package.json'), 'utf8');
      return `${name} ${(JSON.parse(text) as { version: string }).version}`;
    }),
  );
}

/** A section of the file: what was found, how, and when. */
export interface Kept {
  readonly scenario: Scenario;
  readonly body: string;
  /** Command, date and load of the run. */
  readonly when: string;
}

function sectionText({ scenario, body, when }: Kept): string {
  return `<!-- ${scenario.name} -->\n\n## ${scenario.title}\n\n${scenario.method}\n\n${body}\n\n_${when}_\n`;
}

/** The sections of an earlier file by name, as they stand. */
async function earlier(): Promise<Map<string, string>> {
  if (!existsSync(file)) return new Map();
  const parts = (await readFile(file, 'utf8')).split(/^(?=<!-- [\w-]+ -->$)/m).slice(1);
  return new Map(parts.map((part) => [/^<!-- ([\w-]+) -->/.exec(part)?.[1] ?? '', part]));
}

/** Rewrites RESULTS.md: the sections in `kept` are new, the others stay as they were. */
export async function writeResults(all: readonly Scenario[], kept: readonly Kept[]): Promise<void> {
  const texts = await earlier();
  for (const section of kept) texts.set(section.scenario.name, sectionText(section));
  const head = [
    '# Results',
    '',
    'Written by `pnpm bench`; what is measured and how to read it: [docs/benchmarks.md](../docs/benchmarks.md).',
    'Figures are medians of interleaved rounds (least-most in brackets), each in a fresh process; ratios are medians of',
    'the ratios within each round. Below 1.00x is cheaper than what is compared with.',
    '',
    `Machine: ${await machineLine()}.`,
    '',
  ];
  const sections = all.map(({ name }) => texts.get(name)).filter((text) => text !== undefined);
  await writeFile(file, `${[head.join('\n'), ...sections.map((text) => text.trim())].join('\n\n').trim()}\n`);
}
