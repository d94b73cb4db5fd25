import type { Message } from './api.ts';
import type { Entry } from './events.ts';
import type { Cost, CostPart, Step } from './result.ts';
import { addUsage, emptyUsage, type Usage } from './usage.ts';

/** Steps, usage and text of a run, folded from its entries. */
export class Tally {
  readonly steps: Step[] = [];
  readonly usage: Usage = emptyUsage();
  /** Model calls made: turns whose reply was lost for good count too. */
  turns = 0;
  /** Text of the last reply, whole or not. */
  text = '';
  /** The last whole reply. */
  reply: Message | null = null;
  #startedAt = 0;
  /** How many steps of each child are counted already. */
  readonly #counted = new Map<string, number>();

  /** Folds one entry. */
  apply(entry: Entry): void {
    switch (entry.type) {
      case 'request':
        this.turns = entry.turn;
        this.#startedAt = entry.at;
        break;
      case 'reply': {
        const { message } = entry;
        this.reply = message;
        this.text = textOf(message);
        const tools = message.content.flatMap((block) => (block.type === 'tool_use' ? [block.name] : []));
        this.#addStep(entry, { model: message.model, tools, lost: false }, message.usage);
        break;
      }
      case 'reply-lost':
        if (entry.text !== '') this.text = entry.text;
        if (entry.usage) this.#addStep(entry, { model: entry.model, tools: [], lost: true }, entry.usage);
        break;
      case 'child-end':
        // It lists all its steps; where it has ended before, some are counted.
        for (const step of entry.steps.slice(this.#counted.get(entry.session) ?? 0)) {
          addUsage(this.usage, step.usage);
          this.steps.push(step);
        }
        this.#counted.set(entry.session, entry.steps.length);
        break;
      default:
    }
  }

  #addStep(
    entry: { runId: string; turn: number; agent: string; durationMs: number },
    part: Pick<Step, 'model' | 'tools' | 'lost'>,
    usage: Parameters<typeof addUsage>[1],
  ): void {
    addUsage(this.usage, usage);
    const own = emptyUsage();
    addUsage(own, usage);
    const { runId, turn, agent, durationMs } = entry;
    this.steps.push({
      runId,
      turn,
      agent,
      ...part,
      usage: own,
      usd: null,
      startedAt: this.#startedAt,
      durationMs,
    });
  }
}

/** The text blocks of a message, joined. */
export function textOf(message: Pick<Message, 'content'>): string {
  let text = '';
  for (const block of message.content) if (block.type === 'text') text += block.text;
  return text;
}

/**
 * What the steps cost. This version knows no prices: tokens are counted, every model is listed under `unpriced` and
 * all money is null.
 */
export function costOf(steps: readonly Step[]): Cost {
  const byModel: Record<string, CostPart> = {};
  const byAgent: Record<string, CostPart> = {};
  const byTool: Record<string, CostPart> = {};
  const readTools = new Map<string, readonly string[]>();
  for (const step of steps) {
    addPart(byModel, step.model, step.usage);
    addPart(byAgent, step.agent, step.usage);
    for (const tool of new Set(readTools.get(step.runId))) addPart(byTool, tool, step.usage);
    if (!step.lost) readTools.set(step.runId, step.tools);
  }
  return { usd: null, lostUsd: null, unpriced: Object.keys(byModel), byModel, byAgent, byTool };
}

function addPart(parts: Record<string, CostPart>, key: string, usage: Usage): void {
  const part = (parts[key] ??= { usage: emptyUsage(), usd: null });
  addUsage(part.usage, usage);
}
