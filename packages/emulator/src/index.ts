export { createEmulator } from './emulator.ts';
export { startEmulator } from './server.ts';
export type { EmulatorServer, ServerOptions } from './server.ts';
export { match, route, script } from './script.ts';
export type { MatchStep, Step, StepFunction } from './script.ts';
export { echo } from './echo.ts';
export { apiError, reply, spendCapError } from './reply.ts';
export type { ApiErrorOptions, ReplyOptions } from './reply.ts';
export { compaction, redactedThinking, serverToolUse, text, thinking, toolUse, whole } from './blocks.ts';
export type { CallOptions } from './blocks.ts';
export type { ReplyContent } from './content.ts';
export { fault, faultTable } from './faults.ts';
export type { Fault, FaultId, FaultRow, Place } from './faults.ts';
export { catalogue } from './models.ts';
export { cacheLayout, simulateCache } from './prompt-simulation.ts';
export type { CacheLayout, CacheState } from './prompt-simulation.ts';
export type { Marker, Ttl } from './prompt.ts';
export type { Effort, ModelSpec, Prices, ThinkingForm } from './model-spec.ts';
export type {
  Answer,
  Bill,
  BillLine,
  BlockSpec,
  CallSpec,
  ChunkOptions,
  CompactionSpec,
  EmulatedRequest,
  Emulator,
  EmulatorOptions,
  Ending,
  ErrorSpec,
  PreservedThinking,
  RateLimits,
  RecordedRequest,
  RefusedRequest,
  ReplySpec,
  RequestBody,
  Responder,
  ResponderContext,
  StopReason,
  TextSpec,
  ThinkingSpec,
  UsageOverride,
  WholeSpec,
} from './types.ts';
export { librarian } from './librarian/librarian.ts';
export type { LibrarianOptions } from './librarian/librarian.ts';
export { record } from './record.ts';
export type { Recorder, RecordOptions } from './record.ts';
export { replay } from './replay.ts';
export type { Replayer, ReplayOptions } from './replay.ts';
