import { type EmulatedRequest, reply, text, toolUse } from '@pawl/emulator';
import { type Change, readDiff } from './diff.ts';

/** What the stand-in knows about bad lines, the worst first. */
const RULES: readonly (readonly [sign: RegExp, problem: string])[] = [
  [/\.forEach\(async/, 'forEach does not wait: errors are lost, and the caller goes on too early'],
  [/\bparseInt\(/, 'parseInt drops what follows the whole number: 12.50 becomes 12'],
  [/\bconsole\.log\(/, 'a line for debugging was left in'],
];
const BROKEN = 'is used here and no longer exists';

interface Block {
  readonly type: string;
  readonly id?: string;
  readonly tool_use_id?: string;
  readonly name?: string;
  readonly input?: { readonly file_path?: string; readonly pattern?: string };
  readonly text?: string;
  readonly content?: unknown;
}

/** A call and what came back. */
interface Finding {
  readonly name: string;
  readonly about: string;
  readonly output: string;
  /** Whether it was made since the last question. */
  readonly isNew: boolean;
}

interface Memory {
  readonly question: string;
  readonly findings: readonly Finding[];
  /** All that it has said. */
  readonly said: string;
}

/**
 * A stand-in reviewer, not a model: decides by rule what to read and to search, and judges what the tools really
 * return. It remembers nothing but the conversation, so a third run can only be right if the first two are in it.
 */
export function reviewer({ body }: EmulatedRequest) {
  const memory = recall(body.messages);
  if (memory.question.startsWith('Write the review')) return reply(text(conclude(memory)));
  const change = readDiff(memory.findings.find(({ about }) => about === 'change.diff')?.output ?? '');
  return memory.question.includes('break code') ? searchCallers(memory, change) : readChange(memory, change);
}

function readChange({ findings }: Memory, change: Change) {
  if (change.paths.length === 0) return reply(toolUse('read', { file_path: 'change.diff' }));
  const missing = change.paths.filter((path) => !findings.some(({ about }) => about === path));
  if (missing.length > 0) return reply(missing.map((path) => toolUse('read', { file_path: path })));
  const problems = change.added.flatMap(({ path, line, text: added }) => {
    // The diff could be older than the files: only what really stands there counts.
    const file = findings.find(({ about }) => about === path)?.output.split('\n') ?? [];
    if (file[line - 1] !== added) return [];
    return RULES.flatMap(([sign, problem]) => (sign.test(added) ? `- ${path}:${line}: ${problem}` : []));
  });
  return reply(text(problems.join('\n') || 'Nothing is wrong in the lines it adds.'));
}

function searchCallers({ findings }: Memory, { removedExports }: Change) {
  const searches = findings.filter(({ name, isNew }) => name === 'grep' && isNew);
  if (searches.length === 0 && removedExports.length > 0) {
    return reply(removedExports.map((name) => toolUse('grep', { pattern: `\\b${name}\\b`, path: 'src' })));
  }
  const uses = searches.flatMap(({ about, output }) =>
    [...output.matchAll(/^.*?\/(src\/[^:]+):(\d+):/gm)].map(
      ([, path, line]) => `- ${path}:${line}: ${about.replaceAll('\\b', '')} ${BROKEN}`,
    ),
  );
  return reply(text(uses.join('\n') || 'Nothing else uses what it removes.'));
}

/** Only from what was said before: there is nothing to look up any more. */
function conclude({ said }: Memory): string {
  const problems = [...new Set(said.split('\n').filter((line) => line.startsWith('- ')))];
  const order = [BROKEN, ...RULES.map(([, problem]) => problem)];
  const weight = (line: string): number => order.findIndex((problem) => line.includes(problem));
  const sorted = problems.toSorted((a, b) => weight(a) - weight(b));
  const verdict = sorted.length > 0 ? `Changes requested: ${sorted.length} findings.` : 'Approved.';
  return [verdict, ...sorted].join('\n');
}

function recall(messages: EmulatedRequest['body']['messages']): Memory {
  const from = messages.findLastIndex(({ content }) => typeof content === 'string');
  const asked = messages[from]?.content;
  const calls = new Map<string, Block>();
  const findings: Finding[] = [];
  let said = '';
  for (const [index, { role, content }] of messages.entries()) {
    for (const block of typeof content === 'string' ? [] : (content as readonly Block[])) {
      if (block.type === 'tool_use') calls.set(block.id ?? '', block);
      if (block.type === 'text' && role === 'assistant') said += `${block.text}\n`;
      const call = block.type === 'tool_result' ? calls.get(block.tool_use_id ?? '') : undefined;
      if (!call) continue;
      const about = call.input?.file_path ?? call.input?.pattern ?? '';
      findings.push({ name: call.name ?? '', about, output: textOf(block.content), isNew: index > from });
    }
  }
  return { question: typeof asked === 'string' ? asked : '', findings, said };
}

function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  return Array.isArray(content) ? content.map((block: Block) => block.text ?? '').join('\n') : '';
}
