/** One place where what was sent is not what was recorded. `undefined` stands for what is not there. */
export interface Difference {
  /** Where, such as `messages[3].content[0].text` or `tools[get_weather].description`. */
  readonly path: string;
  readonly recorded: unknown;
  readonly sent: unknown;
}

/** The places where two JSON values differ, in their order. The order of fields and of tools counts. */
export function differences(recorded: unknown, sent: unknown, path = ''): Difference[] {
  if (Object.is(recorded, sent)) return [];
  if (Array.isArray(recorded) && Array.isArray(sent)) {
    const names = [namesOf(recorded), namesOf(sent)] as const;
    if (names[0] && names[1]) return inFields(byName(recorded, names[0]), byName(sent, names[1]), path, true);
    const length = Math.max(recorded.length, sent.length);
    return Array.from({ length }, (_, index) =>
      differences(recorded[index], sent[index], `${path}[${index}]`),
    ).flat();
  }
  if (isObject(recorded) && isObject(sent)) return inFields(recorded, sent, path, false);
  return [{ path, recorded, sent }];
}

type Fields = Readonly<Record<string, unknown>>;

function inFields(recorded: Fields, sent: Fields, path: string, named: boolean): Difference[] {
  const keys = [...new Set([...present(recorded), ...present(sent)])];
  const found = keys.flatMap((key) => {
    const at = named ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`;
    return differences(recorded[key], sent[key], at);
  });
  if (found.length > 0) return found;
  const order = [present(recorded).join(', '), present(sent).join(', ')];
  return order[0] === order[1] ? [] : [{ path: `${path} (order)`, recorded: order[0], sent: order[1] }];
}

function present(fields: Fields): string[] {
  return Object.keys(fields).filter((key) => fields[key] !== undefined);
}

/** The names of a list of tools, or undefined where it is none. */
function namesOf(items: readonly unknown[]): string[] | undefined {
  const names = items.map((item) => (isObject(item) ? item['name'] : undefined));
  const isText = names.every((name): name is string => typeof name === 'string');
  return isText && items.length > 0 && new Set(names).size === names.length ? names : undefined;
}

function byName(items: readonly unknown[], names: readonly string[]): Fields {
  return Object.fromEntries(items.map((item, index) => [names[index] ?? '', item]));
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The words that a JSON parser has for what is wrong: each version of each engine has others. */
const PARSER = /is not valid JSON \([^]*?\)\. Nothing was run\./;

/** The differences between messages. How a broken input was described is none. */
export function differencesOfMessages(recorded: unknown, sent: unknown, path: string): Difference[] {
  const blank = (value: unknown): unknown => (typeof value === 'string' ? value.replace(PARSER, '') : value);
  return differences(recorded, sent, path).filter((found) => blank(found.recorded) !== blank(found.sent));
}

const MAX_DIFFERENCES = 8;
const MAX_LINES = 12;
const MAX_WIDTH = 200;

/** The differences as text: for each its path, then lines that begin with `-` (recorded) and `+` (sent). */
export function formatDifferences(found: readonly Difference[]): string {
  const shown = found.slice(0, MAX_DIFFERENCES).map(formatDifference);
  const left = found.length - MAX_DIFFERENCES;
  if (left > 0) shown.push(`  … and ${left} more`);
  return shown.join('\n');
}

function formatDifference({ path, recorded, sent }: Difference): string {
  const [before, after] = withoutCommonLines(linesOf(recorded), linesOf(sent));
  return [
    `  ${path === '' ? '(all of it)' : path}`,
    ...clipped(before.lines, '-'),
    ...clipped(after.lines, '+'),
    ...(before.skipped > 0 ? [`    (beginning at line ${before.skipped + 1})`] : []),
  ].join('\n');
}

function linesOf(value: unknown): string[] {
  if (value === undefined) return ['(not there)'];
  return (typeof value === 'string' ? value : JSON.stringify(value, null, 2)).split('\n');
}

interface Part {
  readonly lines: readonly string[];
  /** How many equal lines stand before. */
  readonly skipped: number;
}

/** Without the lines that are equal at the beginning and at the end. */
function withoutCommonLines(a: readonly string[], b: readonly string[]): readonly [Part, Part] {
  let head = 0;
  while (head < Math.min(a.length, b.length) && a[head] === b[head]) head += 1;
  let tail = 0;
  while (tail < Math.min(a.length, b.length) - head && a.at(-1 - tail) === b.at(-1 - tail)) tail += 1;
  return [
    { lines: a.slice(head, a.length - tail), skipped: head },
    { lines: b.slice(head, b.length - tail), skipped: head },
  ];
}

function clipped(lines: readonly string[], sign: string): string[] {
  const shown = lines.slice(0, MAX_LINES).map((line) => `  ${sign} ${clip(line)}`);
  const left = lines.length - MAX_LINES;
  return left > 0 ? [...shown, `  ${sign} … ${left} more lines`] : shown;
}

function clip(line: string): string {
  return line.length > MAX_WIDTH ? `${line.slice(0, MAX_WIDTH).toWellFormed()}…` : line;
}
