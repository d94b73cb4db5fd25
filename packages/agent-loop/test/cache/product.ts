import type { AgentOptions } from '../../src/index.ts';

export { createAgent, defineTool, openSession } from '../../src/index.ts';
export { memoryStore } from '../../src/store.ts';
export type CreateOptions = AgentOptions;
