import { dirname, basename } from 'node:path';
import type { FileStat, FileSystem, OpenFile } from '@pawl/stores/file';
import type { Random } from './random.ts';

const SECTOR = 512;

/** What happens to the machine, and when. Operations are counted from 0. */
export interface Faults {
  /** The operation during which the process dies. It may have happened in part, or not at all. */
  readonly crashAt?: number;
  /** How many bytes the disk takes. */
  readonly space?: number;
  /** Syncs that fail with EIO: they leave the cache clean and the disk as it was. */
  readonly failSync?: (sync: number) => boolean;
  /** Writes that fail with EIO before anything is written. */
  readonly failWrite?: (write: number) => boolean;
  /** How likely a write takes only a part. */
  readonly shortWrites?: number;
}

/** Thrown by every operation once the process is dead. */
class Crash extends Error {
  override readonly name = 'Crash';
}

interface Write {
  readonly at: number;
  readonly bytes: Uint8Array;
}
class Inode {
  static #count = 0;
  readonly ino = (Inode.#count += 1);
  cache = Buffer.alloc(0);
  disk = Buffer.alloc(0);
  unsynced: Write[] = [];
}
class Directory {
  cache = new Map<string, Inode | Directory>();
  disk = new Map<string, Inode | Directory>();
}
/** A change of names that is not on the disk yet. */
interface Change {
  readonly touches: readonly Directory[];
  apply(): void;
}

/**
 * A file system with a page cache and a disk. What is not synced survives the death of the process but not a loss of
 * power: then the unsynced writes may be there, up to some byte of one, by sectors, or not at all, and each unsynced name
 * or not.
 */
export class SimulatedFileSystem implements FileSystem {
  readonly #random: Random;
  #root = new Directory();
  #changes: Change[] = [];
  #faults: Faults = {};
  #isDead = false;
  #used = 0;
  #writes = 0;
  #syncs = 0;
  /** How many operations there were since the last `boot`. */
  operations = 0;
  /** Where set, every operation waits until the scheduler lets it happen. */
  scheduler: Scheduler | undefined;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Starts a process anew, with faults to come. */
  boot(faults: Faults = {}): void {
    this.#faults = faults;
    this.#isDead = false;
    this.operations = 0;
    this.#used = 0;
    this.#writes = 0;
    this.#syncs = 0;
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  /** How many syncs there were since the last `boot`. */
  get syncs(): number {
    return this.#syncs;
  }

  /** Power is lost: only the disk remains. */
  losePower(): void {
    for (const change of this.#changes) if (this.#random.chance(0.5)) change.apply();
    this.#changes = [];
    const settle = (directory: Directory): void => {
      directory.cache = new Map(directory.disk);
      for (const node of directory.cache.values()) {
        if (node instanceof Directory) settle(node);
        else this.#settleFile(node);
      }
    };
    settle(this.#root);
  }

  #settleFile(inode: Inode): void {
    const mode = this.#random.below(4);
    const kept = this.#random.below(inode.unsynced.length + 1);
    for (const [index, { at, bytes }] of inode.unsynced.entries()) {
      if (mode === 0) break;
      if (mode === 1) inode.disk = put(inode.disk, at, bytes);
      if (mode === 2 && index < kept) inode.disk = put(inode.disk, at, bytes);
      if (mode === 2 && index === kept)
        inode.disk = put(inode.disk, at, bytes.subarray(0, this.#random.below(bytes.length + 1)));
    }
    if (mode === 3) this.#putSectors(inode);
    inode.unsynced = [];
    inode.cache = Buffer.from(inode.disk);
  }

  /** Disks write whole sectors: each holds what the cache held of it at some moment, after any of the writes to it. */
  #putSectors(inode: Inode): void {
    const bySector = new Map<number, Write[]>();
    for (const { at, bytes } of inode.unsynced)
      for (let from = 0; from < bytes.length;) {
        const sector = Math.floor((at + from) / SECTOR);
        const to = Math.min(bytes.length, (sector + 1) * SECTOR - at);
        const writes = bySector.get(sector) ?? [];
        bySector.set(sector, [...writes, { at: at + from, bytes: bytes.subarray(from, to) }]);
        from = to;
      }
    for (const writes of bySector.values())
      for (const { at, bytes } of writes.slice(0, this.#random.below(writes.length + 1)))
        inode.disk = put(inode.disk, at, bytes);
  }

  open(path: string, how: 'read' | 'create' | 'overwrite') {
    return this.#do(() => {
      const parent = this.#directory(dirname(path));
      const name = basename(path);
      const known = parent.cache.get(name);
      if (known instanceof Directory) throw failure('EISDIR', path);
      if (how !== 'create') {
        if (!known) throw failure('ENOENT', path);
        return this.#handle(known, how);
      }
      if (known) throw failure('EEXIST', path);
      const made = new Inode();
      this.#change([parent], (names) => names(parent).set(name, made));
      return this.#handle(made, how);
    });
  }

  stat(path: string) {
    return this.#do((): FileStat | null => {
      const node = this.#find(path);
      if (!node) return null;
      return node instanceof Directory
        ? { ino: 0, size: 0, createdAt: 1, updatedAt: 1 }
        : { ino: node.ino, size: node.cache.length, createdAt: 1, updatedAt: 1 };
    });
  }

  list(path: string) {
    return this.#do(() => [...this.#directory(path).cache.keys()]);
  }

  makeDirectory(path: string) {
    return this.#do(() => {
      const parent = this.#directory(dirname(path));
      const name = basename(path);
      if (parent.cache.has(name)) throw failure('EEXIST', path);
      const made = new Directory();
      this.#change([parent], (names) => names(parent).set(name, made));
    });
  }

  rename(from: string, to: string) {
    return this.#do(() => {
      const [source, target] = [this.#directory(dirname(from)), this.#directory(dirname(to))];
      const node = source.cache.get(basename(from));
      if (!node) throw failure('ENOENT', from);
      const there = target.cache.get(basename(to));
      if (there instanceof Directory && there.cache.size > 0) throw failure('ENOTEMPTY', to);
      this.#change([source, target], (names) => {
        names(source).delete(basename(from));
        names(target).set(basename(to), node);
      });
    });
  }

  unlink(path: string) {
    return this.#do(() => this.#remove(path));
  }

  removeDirectory(path: string) {
    return this.#do(() => this.#remove(path));
  }

  syncDirectory(path: string) {
    return this.#do(() => {
      const directory = this.#directory(path);
      this.#countSync();
      const [now, later] = [
        this.#changes.filter(({ touches }) => touches.includes(directory)),
        this.#changes.filter(({ touches }) => !touches.includes(directory)),
      ];
      for (const change of now) change.apply();
      this.#changes = later;
    });
  }

  /** The bytes of a file as a process reads them, to look at or to change. */
  bytesOf(path: string): Buffer {
    const node = this.#find(path);
    if (!(node instanceof Inode)) throw failure('ENOENT', path);
    return node.cache;
  }

  #handle(inode: Inode, how: 'read' | 'create' | 'overwrite'): OpenFile {
    return {
      read: (into, position) =>
        this.#do(() => inode.cache.copy(into, 0, position, position + into.byteLength)),
      write: (bytes, position) =>
        this.#do(
          () => this.#write(inode, bytes, how === 'create' ? inode.cache.length : (position ?? 0)),
          () => {
            const part = bytes.subarray(0, this.#random.below(bytes.length + 1));
            this.#write(inode, part, how === 'create' ? inode.cache.length : (position ?? 0));
          },
        ),
      sync: () =>
        this.#do(() => {
          const fails = this.#countSync();
          if (!fails) for (const { at, bytes } of inode.unsynced) inode.disk = put(inode.disk, at, bytes);
          inode.unsynced = [];
          if (fails) throw failure('EIO', 'sync');
        }),
      stat: () => this.#do(() => ({ ino: inode.ino, size: inode.cache.length, createdAt: 1, updatedAt: 1 })),
      close: () => {},
    };
  }

  #write(inode: Inode, bytes: Uint8Array, at: number): number {
    const { space = Number.POSITIVE_INFINITY, shortWrites = 0, failWrite } = this.#faults;
    this.#writes += 1;
    if (failWrite?.(this.#writes - 1)) throw failure('EIO', 'write');
    let length = Math.min(bytes.length, space - this.#used);
    if (length <= 0 && bytes.length > 0) throw failure('ENOSPC', 'write');
    if (shortWrites > 0 && this.#random.chance(shortWrites)) length = 1 + this.#random.below(length);
    const taken = Uint8Array.prototype.slice.call(bytes, 0, length);
    inode.cache = put(inode.cache, at, taken);
    inode.unsynced.push({ at, bytes: taken });
    this.#used += length;
    return length;
  }

  /** Counts a sync and says whether it fails. */
  #countSync(): boolean {
    this.#syncs += 1;
    return this.#faults.failSync?.(this.#syncs - 1) ?? false;
  }

  #remove(path: string): void {
    const parent = this.#directory(dirname(path));
    if (!parent.cache.has(basename(path))) throw failure('ENOENT', path);
    this.#change([parent], (names) => names(parent).delete(basename(path)));
  }

  #change(
    touches: readonly Directory[],
    action: (names: (directory: Directory) => Map<string, Inode | Directory>) => void,
  ): void {
    action(({ cache }) => cache);
    this.#changes.push({ touches, apply: () => action(({ disk }) => disk) });
  }

  #find(path: string): Inode | Directory | undefined {
    let node: Inode | Directory | undefined = this.#root;
    for (const name of path.split('/')) {
      if (name === '') continue;
      if (!(node instanceof Directory)) return undefined;
      node = node.cache.get(name);
    }
    return node;
  }

  #directory(path: string): Directory {
    const node = this.#find(path);
    if (!node) throw failure('ENOENT', path);
    if (node instanceof Directory) return node;
    throw failure('ENOTDIR', path);
  }

  /** An operation happens whole, not at all, or, where the process dies in it, in part. */
  #do<T>(action: () => T, inPart?: () => void): T | Promise<T> {
    const perform = (): T => {
      if (this.#isDead) throw new Crash();
      this.operations += 1;
      if (this.#faults.crashAt !== this.operations - 1) return action();
      const how = this.#random.below(3);
      try {
        if (how === 1) action();
        if (how === 2) inPart?.();
      } catch {
        // It would have failed anyway.
      }
      this.#isDead = true;
      throw new Crash();
    };
    return this.scheduler ? this.scheduler.schedule(perform) : perform();
  }
}

/** Lets the operations of several processes happen one by one, in an order drawn from the seed. */
export class Scheduler {
  readonly #random: Random;
  readonly #waiting: (() => void)[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  schedule<T>(action: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.push(() => {
        try {
          resolve(action());
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  /** Goes on until the work is done. */
  async drive<T>(work: Promise<T>): Promise<T> {
    let isDone = false;
    const done = work.finally(() => (isDone = true));
    done.catch(() => {});
    while (!isDone) {
      for (let turn = 0; turn < 20 && !isDone; turn += 1) await Promise.resolve();
      const [next] = this.#waiting.splice(this.#random.below(this.#waiting.length), 1);
      if (next) next();
      else await new Promise((resolve) => setImmediate(resolve));
    }
    return done;
  }
}

function put(file: Buffer<ArrayBuffer>, at: number, bytes: Uint8Array): Buffer<ArrayBuffer> {
  const grown = Buffer.alloc(Math.max(file.length, at + bytes.length));
  file.copy(grown);
  grown.set(bytes, at);
  return grown;
}

function failure(code: string, what: string): Error {
  return Object.assign(new Error(`${code}: ${what}`), { code });
}
