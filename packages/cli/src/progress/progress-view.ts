import { styleText } from 'node:util';
import type { AgentEvent } from '@pawl/agent-loop';
import cliTruncate from 'cli-truncate';
import { createLogUpdate } from 'log-update';
import { logLine } from './log-line.ts';
import { RunTree } from './run-tree.ts';
import { type ScreenLine, screenOf } from './screen.ts';

/** Options of a progress view. */
export interface ProgressOptions {
  /** Where it is drawn. Default `process.stderr`, so that a program's own output stays clean. */
  readonly out?: NodeJS.WriteStream;
  /** True redraws in place, false prints lines. Default: redraws on a terminal, unless `NO_COLOR`, `CI` or `TERM=dumb` is set. */
  readonly live?: boolean;
}

/** Shows what agents do as it goes. */
export interface ProgressView {
  /** Shows one event, of any run. A function without `this`: it can be handed over as `onEvent`. */
  readonly show: (event: AgentEvent) => void;
  /** Draws a last time and leaves what was drawn. Later events are not shown. */
  close(): void;
}

/** How often a screen is drawn at most, and at least while something runs: times and waits go on. */
const FRAME_MS = 100;
const TICK_MS = 1000;
const DEFAULT_ROWS = 24;
const DEFAULT_COLUMNS = 80;

/** Opens a view for events that come one by one, such as the `onEvent` of `orchestrate`, or of several streams at once. */
export function openProgress({
  out = process.stderr,
  live = isLive(out),
}: ProgressOptions = {}): ProgressView {
  return live ? screenView(out) : lineView(out);
}

/** See https://no-color.org and the variables that build services set. */
function isLive(out: NodeJS.WriteStream): boolean {
  const { NO_COLOR, CI, TERM } = process.env;
  return out.isTTY && !NO_COLOR && (CI === undefined || CI === '' || CI === 'false') && TERM !== 'dumb';
}

function lineView(out: NodeJS.WriteStream): ProgressView {
  const tree = new RunTree();
  let closed = false;
  return {
    show(event) {
      if (closed) return;
      const line = logLine(event, tree.apply(event));
      if (line !== null) out.write(`${line}\n`);
    },
    close() {
      closed = true;
    },
  };
}

function screenView(out: NodeJS.WriteStream): ProgressView {
  const tree = new RunTree();
  const update = createLogUpdate(out, { showCursor: true });
  let timer: NodeJS.Timeout | undefined;
  let drawnAt = -Infinity;
  let closed = false;
  const draw = (): void => {
    clearTimeout(timer);
    drawnAt = performance.now();
    // The last row is the cursor's.
    const lines = screenOf(tree, Date.now(), (out.rows || DEFAULT_ROWS) - 1);
    update(lines.map((line) => styled(line, out.columns || DEFAULT_COLUMNS)).join('\n'));
    arm(TICK_MS);
  };
  // A view that nobody closes does not keep the program alive.
  const arm = (ms: number): void => {
    timer = setTimeout(draw, ms);
    timer.unref();
  };
  return {
    show(event) {
      if (closed) return;
      tree.apply(event);
      clearTimeout(timer);
      arm(Math.max(0, drawnAt + FRAME_MS - performance.now()));
    },
    close() {
      if (closed) return;
      closed = true;
      draw();
      clearTimeout(timer);
      update.done();
    },
  };
}

const COLOURS = { '●': 'cyan', '✓': 'green', '✗': 'red', '!': 'yellow', '': 'reset' } as const;

/** A line in colours, as long as the terminal is wide. */
function styled({ branch, sign, text, note }: ScreenLine, columns: number): string {
  const style = (format: Parameters<typeof styleText>[0], part: string): string =>
    styleText(format, part, { validateStream: false });
  const parts = [
    branch === '' ? '' : style('dim', branch),
    sign === '' ? '' : `${style(COLOURS[sign], sign)} `,
    text,
    note === '' ? '' : style('dim', `  ${note}`),
  ];
  return cliTruncate(parts.join(''), columns);
}
