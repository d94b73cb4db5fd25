/**
 * What agents do, shown to people as it goes.
 *
 * @module
 */
export { renderProgress } from './render-progress.ts';
export { openProgress } from './progress-view.ts';
export type { ProgressOptions, ProgressView } from './progress-view.ts';
