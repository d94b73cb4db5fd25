import { ConfigError } from './errors.ts';

/** Reading and writing files needs Node: this stands in for it elsewhere. */
export function readText(file: string): Promise<string> {
  return refuse(file);
}

/** Reading and writing files needs Node: this stands in for it elsewhere. */
export function writeText(file: string, _text: string): Promise<void> {
  return refuse(file);
}

/** Checksums are only needed for files. */
export function crc32(_text: string): number {
  throw new ConfigError('file', 'this runtime has no file system that pawl knows.');
}

function refuse(file: string): Promise<never> {
  return Promise.reject(
    new ConfigError('file', `${file} cannot be reached: this runtime has no file system that pawl knows.`),
  );
}
