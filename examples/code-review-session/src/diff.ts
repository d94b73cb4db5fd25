/** A line that a change adds, where it stands after the change. */
export interface AddedLine {
  readonly path: string;
  readonly line: number;
  readonly text: string;
}

/** What a unified diff says. */
export interface Change {
  readonly paths: readonly string[];
  readonly added: readonly AddedLine[];
  /** Exported names that the change takes away. */
  readonly removedExports: readonly string[];
}

const EXPORT = /^.export (?:async )?(?:function|const|class|interface|type) (\w+)/;

/** Reads a unified diff. */
export function readDiff(diff: string): Change {
  const paths: string[] = [];
  const added: AddedLine[] = [];
  const [before, after] = [new Set<string>(), new Set<string>()];
  let line = 0;
  for (const text of diff.split('\n')) {
    const name = EXPORT.exec(text)?.[1];
    if (text.startsWith('+++ b/')) paths.push(text.slice('+++ b/'.length));
    else if (text.startsWith('@@')) line = Number(/\+(\d+)/.exec(text)?.[1]);
    else if (text.startsWith('+')) {
      added.push({ path: paths.at(-1) ?? '', line, text: text.slice(1) });
      if (name) after.add(name);
      line += 1;
    } else if (text.startsWith('-') && !text.startsWith('---')) {
      if (name) before.add(name);
    } else if (text.startsWith(' ')) line += 1;
  }
  return { paths, added, removedExports: [...before].filter((name) => !after.has(name)) };
}
