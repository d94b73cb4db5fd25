import type { StreamEvent } from './events.ts';

/** An SSE frame to send, or something to do instead of sending. */
export type Frame =
  | {
      readonly kind: 'event';
      readonly name: string | null;
      readonly data: string;
      readonly outputTokens: number;
    }
  | { readonly kind: 'raw'; readonly text: string }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'cut' }
  | { readonly kind: 'end' };

/** The frame of an event. */
export function toFrame({ name, data, outputTokens }: StreamEvent): Frame {
  return { kind: 'event', name, data: JSON.stringify(data), outputTokens };
}

/** The text of a frame as it goes over the wire. */
export function frameText(frame: Extract<Frame, { kind: 'event' | 'raw' }>, eol: string): string {
  if (frame.kind === 'raw') return frame.text;
  const name = frame.name === null ? '' : `event: ${frame.name}${eol}`;
  return `${name}data: ${frame.data}${eol}${eol}`;
}
