import type { JournalDamage } from '@pawl/agent-loop/store';
import type { Chain } from './chain.ts';
import type { FileSystem } from './file-system.ts';
import { readLine } from './line.ts';
import { readRange } from './segment.ts';
import type { Segment } from './segment.ts';

/** A byte as it was before one of its bits turned over. */
export interface Mend {
  readonly path: string;
  readonly position: number;
  readonly byte: number;
}

/** Longer damage would take too long to try, and is hardly ever a single bit. */
const MAX_TRIED_BYTES = 1 << 14;

/**
 * Finds the single bit that turned over, if that explains the damage: the checksum of a line, and the line after it,
 * which is summed up over it, leave no doubt. Undefined where it does not.
 */
export async function salvage(
  fs: FileSystem,
  directory: string,
  chain: Chain,
  damage: JournalDamage,
): Promise<Mend | undefined> {
  if (!damage.where.startsWith(directory) || !damage.where.endsWith('.jsonl')) return undefined;
  const segment = chain.segments.find(({ path }) => path === damage.where);
  const start = segment && damage.from === segment.bytes ? segment : headerStart(damage);
  if (!start) return undefined;
  if (!(await fs.stat(damage.where))) return undefined;
  const file = await fs.open(damage.where, 'read');
  try {
    const length = Math.min(damage.to - damage.from, MAX_TRIED_BYTES);
    const bytes = await readRange(file, damage.from, damage.from + length * 2 + MAX_TRIED_BYTES);
    const found = tryBits(bytes, length, start.crc);
    return found && { path: damage.where, position: damage.from + found.at, byte: found.byte };
  } finally {
    await file.close();
  }
}

/** Damage at the beginning of a segment is in its header, whose checksum starts from 0. */
function headerStart({ from }: JournalDamage): Pick<Segment, 'crc'> | undefined {
  return from === 0 ? { crc: 0 } : undefined;
}

function tryBits(bytes: Buffer, length: number, seed: number): { at: number; byte: number } | undefined {
  for (let at = 0; at < Math.min(length, bytes.length); at += 1) {
    const original = bytes[at] ?? 0;
    for (let bit = 0; bit < 8; bit += 1) {
      const byte = original ^ (1 << bit);
      bytes[at] = byte;
      const line = readLine(bytes, 0, seed);
      if (!('problem' in line) && fitsNext(bytes, line.end, line.crc)) return { at, byte };
    }
    bytes[at] = original;
  }
  return undefined;
}

/** The line that follows must go on from this one, unless the file ends here. */
function fitsNext(bytes: Buffer, at: number, crc: number): boolean {
  if (at >= bytes.length) return true;
  const next = readLine(bytes, at, crc);
  return !('problem' in next) || next.problem === 'cut';
}
