import { execFile } from 'node:child_process';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Bench } from '../bench.ts';
import type { Scenario } from '../scenario.ts';
import { figures, median, ratioOf, short, spread, times } from '../stats.ts';
import type { Sample } from '../stats.ts';

const root = dirname(dirname(import.meta.dirname));
const agentLoop = join(root, 'packages/agent-loop');
const work = join(root, 'bench/.work/types');
const tools = 100;

/** How a tool begins and ends; between stand its schema and a body that uses every field. */
interface Style {
  readonly imports: string;
  open(index: number): string;
  readonly schemaKey: string;
  readonly run: string;
}

const styles = {
  'zod schemas alone': {
    imports: '',
    open: (index) => `export const tool${index} = plain({`,
    schemaKey: 'input',
    run: 'run',
  },
  'SDK betaZodTool': {
    imports: `import { betaZodTool } from '@anthropic-ai/sdk/helpers/beta/zod';`,
    open: (index) => `export const tool${index} = betaZodTool({ name: 'tool_${index}', description: 'Tool.',`,
    schemaKey: 'inputSchema',
    run: 'run',
  },
  'pawl defineTool': {
    imports: `import { defineTool } from '@pawl/agent-loop';`,
    open: (index) =>
      `export const tool${index} = defineTool({ name: 'tool_${index}', description: 'Tool.', effect: 'read',`,
    schemaKey: 'input',
    run: 'run',
  },
} as const satisfies Record<string, Style>;

type StyleName = keyof typeof styles;

/** What "zod schemas alone" calls: inference of the input and nothing more. */
const plain = `function plain<S extends z.ZodType>(tool: { input: S; run: (input: z.output<S>) => Promise<string> }) { return tool; }`;

function toolText(style: Style, index: number): string {
  return `${style.open(index)}
  ${style.schemaKey}: z.object({
    path${index}: z.string().min(1).describe('Where.'),
    limit: z.number().int().min(1).max(${100 + index}).optional(),
    mode: z.enum(['fast', 'exact', 'mode${index}']).default('fast'),
    tags: z.array(z.string()).max(8),
    range: z.object({ from: z.number(), to: z.number(), unit${index}: z.enum(['line', 'byte']) }).optional(),
    filter: z.union([z.string(), z.object({ pattern: z.string(), flags: z.string().optional() })]).optional(),
  }),
  async ${style.run}({ path${index}, limit, mode, tags, range, filter }) {
    const unit: 'line' | 'byte' | undefined = range?.unit${index};
    const chosen: 'fast' | 'exact' | 'mode${index}' = mode;
    const pattern = typeof filter === 'string' ? filter : filter?.pattern;
    return [path${index}.trim(), String(limit ?? 0), chosen, tags.join(), unit ?? '', pattern ?? ''].join(' ');
  },
});`;
}

async function writeProject(name: StyleName): Promise<string> {
  const style: Style = styles[name];
  const folder = join(work, name.replaceAll(' ', '-'));
  const modules = join(folder, 'node_modules');
  await mkdir(join(modules, '@anthropic-ai'), { recursive: true });
  await mkdir(join(modules, '@pawl'), { recursive: true });
  // One SDK and one zod for all, those of our loop: a second copy would be checked as well.
  await symlink(join(agentLoop, 'node_modules/@anthropic-ai/sdk'), join(modules, '@anthropic-ai/sdk'));
  await symlink(join(agentLoop, 'node_modules/zod'), join(modules, 'zod'));
  await symlink(agentLoop, join(modules, '@pawl/agent-loop'));
  const texts = Array.from({ length: tools }, (_, index) => toolText(style, index));
  const source = [`import { z } from 'zod';`, style.imports, style.imports === '' ? plain : '', ...texts];
  await writeFile(join(folder, 'tools.ts'), `${source.join('\n')}\n`);
  await writeFile(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n');
  return folder;
}

async function writeConfig(folder: string, source: boolean): Promise<void> {
  const compilerOptions = {
    module: 'nodenext',
    target: 'es2023',
    lib: ['es2023', 'esnext.disposable', 'dom'],
    types: [],
    strict: true,
    exactOptionalPropertyTypes: true,
    noEmit: true,
    skipLibCheck: true,
    ...(source ? { customConditions: ['@pawl/source'], allowImportingTsExtensions: true } : {}),
  };
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['tools.ts'] }));
}

/** `Check time:   0.123s`, `Instantiations: 12345`, `Memory used: 12345K` as numbers. */
function diagnostic(output: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+([\\d.]+)`, 'm').exec(output)?.[1] ?? Number.NaN);
}

async function compile(folder: string): Promise<Sample> {
  const tsc = join(root, 'node_modules/.bin/tsc');
  const began = performance.now();
  const { stdout } = await promisify(execFile)(tsc, ['-p', folder, '--extendedDiagnostics']);
  return {
    wallMs: performance.now() - began,
    checkMs: diagnostic(stdout, 'Check time') * 1_000,
    instantiations: diagnostic(stdout, 'Instantiations'),
    memoryMb: diagnostic(stdout, 'Memory used') / 1_024,
  };
}

async function compileAll(bench: Bench): Promise<Record<StyleName, Sample[]>> {
  const names = Object.keys(styles) as StyleName[];
  const samples = Object.fromEntries(names.map((name) => [name, [] as Sample[]])) as Record<
    StyleName,
    Sample[]
  >;
  await rm(work, { recursive: true, force: true });
  const folders = new Map<StyleName, string>();
  for (const name of names) {
    const folder = await writeProject(name);
    await writeConfig(folder, bench.source);
    await compile(folder);
    folders.set(name, folder);
  }
  for (let round = 0; round < bench.rounds(9); round += 1) {
    for (const [name, folder] of folders) samples[name].push(await compile(folder));
  }
  return samples;
}

/** What the compiler takes for many tools. */
export const scenario: Scenario = {
  name: 'types',
  title: 'Type check of 100 zod tools',
  method:
    `tsc --noEmit over one file of ${tools} tools of six fields each, whose bodies use the inferred inputs, in a project ` +
    'of its own for each library; one unmeasured run first.',
  async run(bench) {
    const samples = await compileAll(bench);
    const base = samples['SDK betaZodTool'];
    return {
      tables: [
        {
          head: [
            `${tools} tools`,
            'tsc wall ms',
            'to betaZodTool',
            'check ms',
            'to betaZodTool',
            'instantiations',
            'MB',
          ],
          rows: Object.entries(samples).map(([name, own]) => [
            name,
            spread(own, 'wallMs'),
            times(ratioOf(own, base, 'wallMs')),
            spread(own, 'checkMs'),
            times(ratioOf(own, base, 'checkMs')),
            String(median(figures(own, 'instantiations'))),
            short(median(figures(own, 'memoryMb'))),
          ]),
        },
      ],
      goals: [
        {
          text: "type-check time to the SDK's betaZodTool",
          reached: ratioOf(samples['pawl defineTool'], base, 'wallMs'),
          limit: 1,
          unit: 'x',
        },
      ],
      notes: [],
    };
  },
};
