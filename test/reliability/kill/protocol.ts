import type { StoreName } from './stores.ts';

/** The moments at which a process is killed. `anytime`: whenever the killer's clock says. */
export const BARRIERS = [
  'mid-reply',
  'before-intent',
  'after-intent',
  'mid-effect',
  'after-effect',
  'after-result',
  'anytime',
] as const;
/** Name of a moment. */
export type Barrier = (typeof BARRIERS)[number];

/** Broken on purpose: a campaign with one of these has to fail. */
export const CONTROLS = ['wrong-effect', 'drops-appends'] as const;
/** Name of a control. */
export type Control = (typeof CONTROLS)[number];

/** The tools, and what their calls do outside. `sure` can be reconciled, `send` can not. */
export const TOOLS = ['look', 'put', 'send', 'sure'] as const;
/** Name of a tool. */
export type ToolName = (typeof TOOLS)[number];

/** What a child is told. */
export interface Orders {
  readonly url: string;
  readonly store: StoreName;
  /** The folder of the sessions, the id of this one, and the file of what happens outside. */
  readonly sessions: string;
  readonly id: string;
  readonly ledger: string;
  /** Where it stops and waits for its death. Null: nowhere. */
  readonly barrier: { readonly name: Barrier; readonly callId: string } | null;
  readonly control: Control | null;
}

/** A line of the ledger, written when it happens, by whichever process does it. */
export type LedgerLine =
  /** An effect has begun. Before this line nothing has happened, after it nobody can take it back. */
  | {
      readonly what: 'effect';
      readonly tool: ToolName;
      readonly callId: string;
      readonly key: string;
      readonly input: string;
    }
  /** The session says that so many entries are kept. */
  | { readonly what: 'kept'; readonly entries: number };

/** What a child says when it is done. */
export interface Done {
  readonly usage: { readonly input: number; readonly output: number };
}
