import type { BlockFacts, MessageFacts } from './message-facts.ts';
import type { ModelSpec } from './model-spec.ts';

/** A block with its place in the request. */
export interface PlacedBlock {
  readonly facts: BlockFacts;
  readonly message: number;
  readonly position: number;
}

/** The place of a block as error messages name it. */
export function pathOf({ message, position }: PlacedBlock): string {
  return `messages.${message}.content.${position}`;
}

/** Consecutive messages of one role, which count as one. */
export interface Turn {
  readonly role: string;
  /** Index of its first message. */
  readonly from: number;
  readonly blocks: readonly PlacedBlock[];
}

/** Merges consecutive messages of one role into turns. */
export function turnsOf(messages: readonly MessageFacts[]): readonly Turn[] {
  const turns: { role: string; from: number; blocks: PlacedBlock[] }[] = [];
  for (const [message, { role, blocks }] of messages.entries()) {
    const last = turns.at(-1);
    const turn = last?.role === role ? last : { role, from: message, blocks: [] };
    if (turn !== last) turns.push(turn);
    for (let position = 0; position < blocks.length; position++) {
      const facts = blocks[position];
      if (facts) turn.blocks.push({ facts, message, position });
    }
  }
  return turns;
}

/** Rules of a conversation that span its messages; the first one broken, or undefined. */
export function checkConversation(
  messages: readonly MessageFacts[],
  turns: readonly Turn[],
  model: ModelSpec,
): string | undefined {
  return (
    checkMessages(messages) ??
    checkFirst(turns) ??
    checkEmptiness(messages) ??
    checkSystemTurns(turns, model) ??
    checkToolTurns(turns) ??
    checkPrefill(turns, model)
  );
}

function checkMessages(messages: readonly MessageFacts[]): string | undefined {
  if (messages.length === 0) return 'messages: at least one message is required';
  for (const [index, { problem }] of messages.entries()) {
    if (problem !== undefined) return `messages.${index}${problem}`;
  }
  return undefined;
}

function checkFirst(turns: readonly Turn[]): string | undefined {
  const first = turns[0];
  // A summary made on demand is put first, and what it summarises is dropped.
  if (first?.role === 'user' || first?.blocks[0]?.facts.type === 'compaction') return undefined;
  return 'messages: first message must use the "user" role';
}

function checkEmptiness(messages: readonly MessageFacts[]): string | undefined {
  for (const [index, { role, blocks, totals }] of messages.entries()) {
    const isFinalAssistant = role === 'assistant' && index === messages.length - 1;
    if (blocks.length === 0 && !isFinalAssistant) {
      return `messages.${index}: all messages must have non-empty content except for the optional final assistant message`;
    }
    if (totals.hasEmptyText) return 'messages: text content blocks must be non-empty';
  }
  return undefined;
}

function checkSystemTurns(turns: readonly Turn[], model: ModelSpec): string | undefined {
  for (const [index, turn] of turns.entries()) {
    if (turn.role !== 'system') continue;
    const path = `messages.${turn.from}`;
    if (!model.midConversationSystem) return `${path}: role 'system' is not supported on this model`;
    const before = turns[index - 1];
    if (!before) return `${path}: a system message must not be the first message`;
    if (before.role === 'assistant' && !endsInServerTool(before)) {
      return `${path}: a system message must follow a user message or an assistant message that ends in a server tool use`;
    }
    const after = turns[index + 1];
    if (after && after.role !== 'assistant')
      return `${path}: a system message must be followed by an assistant message or be the last message`;
  }
  return undefined;
}

/** Whether the model may go on from this turn: the server's own tool loop was paused, or a summary was made. */
function endsInServerTool(turn: Turn): boolean {
  const last = turn.blocks.at(-1)?.facts.type ?? '';
  return (
    last === 'server_tool_use' ||
    last === 'mcp_tool_use' ||
    last === 'compaction' ||
    last.endsWith('_tool_result')
  );
}

function checkPrefill(turns: readonly Turn[], model: ModelSpec): string | undefined {
  const last = turns.at(-1);
  if (last?.role !== 'assistant' || model.prefill || endsInServerTool(last)) return undefined;
  // A paused turn may have ended in text after its server tools.
  if (last.blocks.some(({ facts: { type } }) => type === 'server_tool_use' || type === 'mcp_tool_use'))
    return undefined;
  return 'This model does not support assistant message prefill. The conversation must end with a user message.';
}

function checkToolTurns(turns: readonly Turn[]): string | undefined {
  const seen = new Set<string | undefined>();
  let calls: readonly PlacedBlock[] = [];
  for (const [index, turn] of turns.entries()) {
    const stray = turn.role === 'user' ? checkStrayResults(turn, calls) : undefined;
    if (stray !== undefined) return stray;
    calls = turn.role === 'assistant' ? turn.blocks.filter(({ facts }) => facts.type === 'tool_use') : [];
    for (const call of calls) {
      if (seen.has(call.facts.id)) return `${pathOf(call)}: \`tool_use\` ids must be unique`;
      seen.add(call.facts.id);
    }
    const problem = checkResults(calls, turn, turns[index + 1]);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function checkResults(calls: readonly PlacedBlock[], turn: Turn, next: Turn | undefined): string | undefined {
  if (calls.length === 0) return undefined;
  const answered = next?.role === 'user' ? leadingResults(next) : new Set();
  const missing = calls.filter(({ facts }) => !answered.has(facts.id)).map(({ facts }) => facts.id);
  if (missing.length > 0) {
    return `messages.${turn.from}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${missing.join(', ')}. Each \`tool_use\` block must have a corresponding \`tool_result\` block in the next message.`;
  }
  return next && checkOnlyResults(calls, turn, next);
}

/** Ids of the results that come before anything else. */
function leadingResults(turn: Turn): ReadonlySet<string | undefined> {
  const ids = new Set<string | undefined>();
  for (const { facts } of turn.blocks) {
    if (facts.type !== 'tool_result') break;
    ids.add(facts.id);
  }
  return ids;
}

/** While a server tool is open, or after calls from code execution, the answer may hold nothing but results. */
function checkOnlyResults(calls: readonly PlacedBlock[], turn: Turn, next: Turn): string | undefined {
  const other = next.blocks.find(({ facts }) => facts.type !== 'tool_result');
  if (other && hasOpenServerTool(turn)) {
    return `${pathOf(other)}: only \`tool_result\` blocks are allowed while a server tool use is pending`;
  }
  const programmatic = new Set(calls.filter(({ facts }) => facts.programmatic).map(({ facts }) => facts.id));
  if (programmatic.size === 0) return undefined;
  if (other) {
    return `${pathOf(other)}: only \`tool_result\` blocks are allowed in the answer to programmatic tool calls`;
  }
  const rich = next.blocks.find(({ facts }) => programmatic.has(facts.id) && !facts.textOnly);
  return rich && `${pathOf(rich)}: the result of a programmatic tool call must be text`;
}

function hasOpenServerTool(turn: Turn): boolean {
  const open = new Set<string | undefined>();
  for (const { facts } of turn.blocks) {
    if (facts.type === 'server_tool_use') open.add(facts.id);
    if (facts.type.endsWith('_tool_result')) open.delete(facts.id);
  }
  return open.size > 0;
}

function checkStrayResults(turn: Turn, calls: readonly PlacedBlock[]): string | undefined {
  const expected = new Set(calls.map(({ facts }) => facts.id));
  const seen = new Set<string | undefined>();
  for (const block of turn.blocks) {
    const { type, id } = block.facts;
    if (type !== 'tool_result') continue;
    if (!expected.has(id)) {
      return `${pathOf(block)}: unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${id}. Each \`tool_result\` block must have a corresponding \`tool_use\` block in the previous message.`;
    }
    if (seen.has(id)) {
      return `${pathOf(block)}: each \`tool_use\` must have a single result. Found multiple \`tool_result\` blocks with id: ${id}`;
    }
    seen.add(id);
  }
  return undefined;
}
