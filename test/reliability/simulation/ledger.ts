import type { ToolName } from './model.ts';

/** Something that a tool did outside. No crash undoes it. */
export interface Effect {
  readonly tool: ToolName;
  readonly callId: string;
  readonly key: string;
  readonly attempt: number;
  /** As JSON. */
  readonly input: string;
}

/** What happened outside, in order. */
export class Ledger {
  readonly effects: Effect[] = [];
  readonly #byCall = new Map<string, Effect[]>();

  add(effect: Effect): void {
    this.effects.push(effect);
    const known = this.#byCall.get(effect.callId);
    if (known) known.push(effect);
    else this.#byCall.set(effect.callId, [effect]);
  }

  of(callId: string): readonly Effect[] {
    return this.#byCall.get(callId) ?? [];
  }
}
