/**
 * Sessions in files that survive kills, power loss, full disks and second owners.
 *
 * @module
 */
export { fileStore } from './file-store.ts';
export type { FileStoreOptions } from './file-store.ts';
export type { Awaitable, FileStat, FileSystem, OpenFile } from './file-system.ts';
export type { Mend } from './salvage.ts';
export { repairSession } from './repair-session.ts';
export type { RepairOptions, RepairReport } from './repair-session.ts';
export { verifySession } from './verify-session.ts';
export type { Finding, SessionReport, VerifyOptions } from './verify-session.ts';
