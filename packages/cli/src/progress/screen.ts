import type { RunNode, RunTree } from './run-tree.ts';
import { totalOf } from './run-tree.ts';
import { durationText, endingText, safe, toolText, totalText, waitText } from './words.ts';

/** One line of a screen: how deep it is in the tree, and what it tells. */
export interface ScreenLine {
  /** What stands before the text: the branches of the tree. */
  readonly branch: string;
  /** A sign of how things are, or nothing. */
  readonly sign: '●' | '✓' | '✗' | '!' | '';
  readonly text: string;
  /** Told quietly: figures. */
  readonly note: string;
}

/** A screen of the tree as it is at `now` (epoch milliseconds), at most `rows` lines: what has ended goes first where it is too long. */
export function screenOf(tree: RunTree, now: number, rows = Infinity): ScreenLine[] {
  for (const ended of ['full', 'line', 'count'] as const) {
    const lines = tree.roots.flatMap((root) => linesOf(root, now, ended));
    if (lines.length <= rows) return lines;
    if (ended !== 'count') continue;
    const shown = lines.slice(0, Math.max(0, rows - 1));
    return [...shown, plain(`… ${lines.length - shown.length} more lines`)];
  }
  return [];
}

/** How runs that have ended are shown: with all that they started, as a line, or as a number. */
type Ended = 'full' | 'line' | 'count';

function linesOf(run: RunNode, now: number, ended: Ended): ScreenLine[] {
  const over = run.outcome !== null;
  const below: ScreenLine[][] = [];
  if (!over)
    for (const tool of run.tools.values()) below.push([toolLine(toolText(tool), now - tool.startedAt)]);
  for (const tool of run.approvals.values()) below.push([approvalLine(tool)]);
  if (!over || ended === 'full') below.push(...childrenOf(run, now, ended));
  return [runLine(run, now), ...branched(below)];
}

function childrenOf(run: RunNode, now: number, ended: Ended): ScreenLine[][] {
  const shown = ended === 'count' ? run.children.filter(({ outcome }) => outcome === null) : run.children;
  const hidden = run.children.length - shown.length;
  const lines = shown.map((child) => linesOf(child, now, ended));
  if (hidden > 0) lines.unshift([plain(`${hidden} subagent${hidden === 1 ? '' : 's'} done`)]);
  return lines;
}

/** Puts branches before groups of lines. */
function branched(groups: readonly ScreenLine[][]): ScreenLine[] {
  return groups.flatMap((lines, group) => {
    const last = group === groups.length - 1;
    return lines.map((line, index) => {
      const branch = index === 0 ? (last ? '└ ' : '├ ') : last ? '  ' : '│ ';
      return { ...line, branch: branch + line.branch };
    });
  });
}

function runLine(run: RunNode, now: number): ScreenLine {
  const { outcome, endedAt, startedAt, turn } = run;
  const turns = `${turn} turn${turn === 1 ? '' : 's'}`;
  const status = outcome === null ? statusOf(run, now) : `${endingText(outcome, run.reason)}, ${turns}`;
  const sign = outcome === null ? '●' : (SIGNS[outcome] ?? '!');
  const note = `${totalText(totalOf(run))}, ${durationText((endedAt ?? now) - startedAt)}`;
  return { branch: '', sign, text: `${safe(run.agent)}: ${status}`, note };
}

const SIGNS: Readonly<Partial<Record<string, ScreenLine['sign']>>> = { completed: '✓', failed: '✗' };

function statusOf(run: RunNode, now: number): string {
  const turn = run.turn === 0 ? 'begins' : `turn ${run.turn}`;
  if (run.wait) return `${turn}, ${waitText(run.wait, now)}`;
  if (run.approvals.size > 0) return `${turn}, waits for a decision`;
  const working = run.children.filter(({ outcome }) => outcome === null).length;
  if (working > 0) return `${turn}, ${working} subagent${working === 1 ? '' : 's'} at work`;
  return run.tools.size > 0 || run.turn === 0 ? turn : `${turn}, the model answers`;
}

function toolLine(text: string, ms: number): ScreenLine {
  return { branch: '', sign: '', text, note: durationText(ms) };
}

function approvalLine(tool: string): ScreenLine {
  return { branch: '', sign: '!', text: `${safe(tool)} needs a decision`, note: '' };
}

function plain(text: string): ScreenLine {
  return { branch: '', sign: '', text, note: '' };
}
