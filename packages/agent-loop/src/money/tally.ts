import { type Amount, restoredAmount, type SavedAmount, savedAmount } from './amount.ts';
import type { Message } from '../api.ts';
import type { ChildEndEvent, Entry, ReplyEvent, ReplyLostEvent } from '../journal/events.ts';
import { amountOf, costOf, usdOf } from './ledger.ts';
import { passesOf, plus, type PricedUsage } from './pricing.ts';
import type { Cost, CostPart, Step } from '../loop/result.ts';
import type { Restoring, SavedSteps, Saving } from '../journal/saved-state.ts';
import { StepList } from './step-list.ts';
import { addUsage, copyUsage, emptyUsage, type Usage } from './usage.ts';

/** A tally as a checkpoint has it. */
export interface SavedTally {
  readonly steps: SavedSteps;
  readonly usage: Usage;
  readonly turns: number;
  readonly text: string;
  readonly reply: Message | null;
  readonly amount: SavedAmount;
  readonly lost: SavedAmount;
  readonly startedAt: number;
  readonly reads: readonly string[];
  readonly counted: readonly (readonly [session: string, steps: number, lost: SavedAmount])[];
}

/** Steps, usage, money and text of a run, folded from its entries. */
export class Tally {
  #steps = new StepList();
  readonly #usage: Usage = emptyUsage();
  /** Model calls made: turns whose reply was lost for good count too. */
  turns = 0;
  /** Text of the last reply, whole or not. */
  text = '';
  /** The last whole reply. */
  reply: Message | null = null;
  #amount: Amount | null = 0n;
  #lost: Amount | null = 0n;
  #startedAt = 0;
  /** The tools that the last whole reply called: the next request holds the result of each. */
  #reads: readonly string[] = [];
  /** How much of each child is counted already. */
  #counted: Map<string, { readonly steps: number; readonly lost: Amount | null }> | undefined;

  /** Counts from here on: what this one has counted is not counted again. */
  next(): Tally {
    const next = new Tally();
    next.#reads = this.#reads;
    next.#counted = this.#counted && new Map(this.#counted);
    return next;
  }

  /** The tally that a checkpoint has. */
  static restore(saved: SavedTally, from: Restoring): Tally {
    const tally = new Tally();
    tally.#steps = new StepList(from.steps(saved.steps));
    addUsage(tally.#usage, saved.usage);
    tally.turns = saved.turns;
    tally.text = saved.text;
    tally.reply = saved.reply;
    tally.#amount = restoredAmount(saved.amount);
    tally.#lost = restoredAmount(saved.lost);
    tally.#startedAt = saved.startedAt;
    tally.#reads = saved.reads;
    for (const [session, steps, lost] of saved.counted)
      (tally.#counted ??= new Map()).set(session, { steps, lost: restoredAmount(lost) });
    return tally;
  }

  /** For a checkpoint. */
  save(saving: Saving): SavedTally {
    const { usage, turns, text, reply } = this;
    const counted = [...(this.#counted ?? [])].map(
      ([session, { steps, lost }]) => [session, steps, savedAmount(lost)] as const,
    );
    return {
      steps: saving.steps(this.#steps),
      usage,
      turns,
      text,
      reply,
      amount: savedAmount(this.#amount),
      lost: savedAmount(this.#lost),
      startedAt: this.#startedAt,
      reads: this.#reads,
      counted,
    };
  }

  /** All steps, the latest last. */
  get steps(): readonly Step[] {
    return this.#steps.all;
  }

  /** The latest of them: some 30, or fewer. */
  get latestSteps(): readonly Step[] {
    return this.#steps.latest;
  }

  /** Tokens so far: a copy, which stays as it is. */
  get usage(): Usage {
    return copyUsage(this.#usage);
  }

  /** What the whole replies cost so far, in USD, or null where a price is not known. */
  get usd(): number | null {
    return usdOf(this.#amount);
  }

  /** Estimate in USD of what lost replies were billed, or null where a price is not known. */
  get lostUsd(): number | null {
    return usdOf(this.#lost);
  }

  /** What was spent, and on what. */
  get cost(): Cost {
    return costOf(this.steps, this.lostUsd);
  }

  /**
   * Folds one entry. `made` is the step that another tally of the same requests has made of it. Returns the step, so that
   * a session and its run share it.
   */
  apply(entry: Entry, made?: Step): Step | undefined {
    switch (entry.type) {
      case 'request':
        this.turns = entry.turn;
        this.#startedAt = entry.at;
        break;
      case 'reply':
        this.reply = entry.message;
        this.text = textOf(entry.message);
        return this.#addReply(entry, made ?? this.#stepOf(entry));
      case 'reply-lost':
        if (entry.text !== '') this.text = entry.text;
        return this.#addLost(entry, made);
      case 'child-end':
        this.#addChild(entry);
        break;
      default:
    }
    return undefined;
  }

  #add(step: Step): Step {
    this.#steps.push(step);
    addUsage(this.#usage, step.usage);
    this.#amount = plus(this.#amount, amountOf(step.usd));
    return step;
  }

  #addReply({ message }: ReplyEvent, step: Step): Step {
    // A refused turn leaves the transcript, with its calls.
    this.#reads = message.stop_reason === 'refusal' ? [] : step.tools.toSorted();
    return this.#add(step);
  }

  #stepOf(entry: ReplyEvent): Step {
    const { message, usd = null, savedUsd = null, cacheMiss } = entry;
    const usage = emptyUsage();
    const parts = hasPasses(message) ? partsOf(entry) : undefined;
    if (parts) for (const part of Object.values(parts)) addUsage(usage, part.usage);
    else addUsage(usage, message.usage);
    const isMixed = parts && Object.keys(parts).some((model) => model !== message.model);
    return {
      ...this.#head(entry),
      model: message.model,
      tools: message.content.filter((block) => block.type === 'tool_use').map(({ name }) => name),
      usage,
      usd,
      ...(isMixed && { byModel: parts }),
      savedUsd,
      ...(cacheMiss !== undefined && { cacheMiss }),
      lost: false,
    };
  }

  /** A lost reply of which the server told nothing is no step. */
  #addLost(entry: ReplyLostEvent, made: Step | undefined): Step | undefined {
    const { model, usage: reported, worst, lostUsd = reported || worst ? null : 0 } = entry;
    this.#lost = plus(this.#lost, amountOf(lostUsd));
    if (!reported) return undefined;
    if (made) return this.#add(made);
    const usage = emptyUsage();
    addUsage(usage, reported);
    const head = this.#head(entry);
    return this.#add({ ...head, model, tools: [], usage, usd: 0, savedUsd: 0, lost: true, lostUsd });
  }

  /** It lists all its steps; where it has ended before, some are counted. */
  #addChild({ session, steps, lostUsd = 0 }: ChildEndEvent): void {
    const counted = this.#counted?.get(session) ?? { steps: 0, lost: 0n };
    for (const step of steps.slice(counted.steps)) this.#add(step);
    const lost = amountOf(lostUsd);
    this.#lost = lost === null || counted.lost === null ? null : plus(this.#lost, lost - counted.lost);
    (this.#counted ??= new Map()).set(session, { steps: steps.length, lost });
  }

  #head({ runId, turn, agent, durationMs }: ReplyEvent | ReplyLostEvent) {
    return { runId, turn, agent, reads: this.#reads, startedAt: this.#startedAt, durationMs };
  }
}

/** The text blocks of a message, joined. */
export function textOf(message: Pick<Message, 'content'>): string {
  let text = '';
  for (const block of message.content) if (block.type === 'text') text += block.text;
  return text;
}

/** Whether the API lists the passes of a reply. */
function hasPasses({ usage }: Message): boolean {
  const { iterations }: PricedUsage = usage;
  return Array.isArray(iterations) && iterations.length > 0;
}

/** Tokens and money of a reply by the model of each pass. What is of the reply as a whole is of its own model. */
function partsOf({ message, usd = null, usdByModel }: ReplyEvent): Record<string, CostPart> {
  const parts: Record<string, CostPart> = {};
  const add = (model: string, usage: PricedUsage): void => {
    parts[model] ??= { usage: emptyUsage(), usd: usdByModel ? (usdByModel[model] ?? null) : usd };
    addUsage(parts[model].usage, usage);
  };
  for (const { model, usage } of passesOf(message.model, message.usage)) add(model, usage);
  const { output_tokens_details, server_tool_use } = message.usage;
  add(message.model, { output_tokens_details, server_tool_use });
  return parts;
}
