import fs from 'node:fs';
import { promisify } from 'node:util';
import type { FileStat, FileSystem, OpenFile } from './file-system.ts';
import { codeOf } from './file-system.ts';

const sync = promisify(fs.fsync);
const dataSync = promisify(fs.fdatasync);
const read = promisify(fs.read);
const write = promisify(fs.write);

/** Larger writes go through the thread pool; for smaller ones the detour costs more than the copy into the cache. */
const MAX_WRITE_AT_ONCE = 1 << 16;
const { O_RDWR, O_APPEND, O_CREAT, O_EXCL } = fs.constants;

/** The file system of this machine. What only looks something up or fills the cache answers at once. */
export const nodeFileSystem: FileSystem = {
  open(path, how) {
    if (how === 'read') return openFile(fs.openSync(path, 'r'));
    if (how === 'overwrite') return openFile(fs.openSync(path, 'r+'));
    return openFile(fs.openSync(path, O_RDWR | O_APPEND | O_CREAT | O_EXCL, 0o600));
  },
  stat(path) {
    const stat = fs.statSync(path, { throwIfNoEntry: false });
    return stat ? toStat(stat) : null;
  },
  list: (path) => fs.readdirSync(path),
  makeDirectory: (path) => fs.mkdirSync(path, { mode: 0o700 }),
  rename: (from, to) => fs.renameSync(from, to),
  unlink: (path) => fs.unlinkSync(path),
  removeDirectory: (path) => fs.rmdirSync(path),
  async syncDirectory(path) {
    let fd: number;
    try {
      fd = fs.openSync(path, 'r');
    } catch (error) {
      if (hasNoDirectorySync(error)) return;
      throw error;
    }
    try {
      await sync(fd);
    } catch (error) {
      if (!hasNoDirectorySync(error)) throw error;
    } finally {
      fs.closeSync(fd);
    }
  },
};

function openFile(fd: number): OpenFile {
  return {
    async read(into, position) {
      const { bytesRead } = await read(fd, into, 0, into.byteLength, position);
      return bytesRead;
    },
    write(bytes, position = -1) {
      const at = position < 0 ? null : position;
      if (bytes.byteLength <= MAX_WRITE_AT_ONCE) return fs.writeSync(fd, bytes, 0, bytes.byteLength, at);
      return write(fd, bytes, 0, bytes.byteLength, at).then(({ bytesWritten }) => bytesWritten);
    },
    sync: () => dataSync(fd),
    stat: () => toStat(fs.fstatSync(fd)),
    close: () => fs.closeSync(fd),
  };
}

function toStat({ ino, size, birthtimeMs, mtimeMs }: fs.Stats): FileStat {
  // Where the file system keeps no time of birth, Node gives 0 or the time of the last change.
  return {
    ino,
    size,
    createdAt: Math.floor(birthtimeMs > 0 ? Math.min(birthtimeMs, mtimeMs) : mtimeMs),
    updatedAt: Math.floor(mtimeMs),
  };
}

/** Windows has no way to sync a folder, and needs none. */
function hasNoDirectorySync(error: unknown): boolean {
  return process.platform === 'win32' && ['EPERM', 'EISDIR', 'EACCES'].includes(String(codeOf(error)));
}
