/** A table of results; the first column is left-aligned, the others right. */
export interface Table {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** A goal of ours and what was reached; it holds while `reached` is at most `limit`. */
export interface Goal {
  readonly text: string;
  readonly reached: number;
  readonly limit: number;
  /** `x` for ratios; counts have none. */
  readonly unit: 'x' | '';
}

/** What a scenario found. */
export interface Section {
  readonly tables: readonly Table[];
  readonly goals: readonly Goal[];
  readonly notes: readonly string[];
}

function renderTable({ head, rows }: Table): string {
  const widths = head.map((_, column) =>
    Math.max(3, ...[head, ...rows].map((row) => (row[column] ?? '').length)),
  );
  const line = (row: readonly string[]): string => {
    const cells = widths.map((width, column) => {
      const cell = row[column] ?? '';
      return column === 0 ? cell.padEnd(width) : cell.padStart(width);
    });
    return `| ${cells.join(' | ')} |`;
  };
  const rule = widths.map((width, column) =>
    column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`,
  );
  return [line(head), line(rule), ...rows.map(line)].join('\n');
}

function renderGoal({ text, reached, limit, unit }: Goal): string {
  const digits = unit === 'x' ? 2 : 0;
  const goal = `goal at most ${limit.toFixed(digits)}${unit}`;
  if (Number.isNaN(reached)) return `- ${text}: not measured, ${goal}`;
  const verdict = reached <= limit ? 'reached' : 'MISSED';
  return `- ${text}: **${reached.toFixed(digits)}${unit}**, ${goal}: ${verdict}`;
}

/** A section as markdown, without its heading. */
export function renderSection(section: Section): string {
  const goals = section.goals.map(renderGoal).join('\n');
  const parts = [...section.tables.map(renderTable), goals, ...section.notes];
  return parts.filter((part) => part !== '').join('\n\n');
}
