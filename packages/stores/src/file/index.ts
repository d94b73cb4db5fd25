/**
 * Sessions in files that survive kills, power loss, full disks and second owners.
 *
 * @module
 */
export { fileStore } from './file-store.ts';
export type { FileStoreOptions } from './file-store.ts';
export type { Awaitable, FileStat, FileSystem, OpenFile } from './file-system.ts';
