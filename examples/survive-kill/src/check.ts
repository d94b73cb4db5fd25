import type { MessageParam, Session } from '@pawl/agent-loop';
import type { Bill } from './endpoint.ts';
import type { Ledger } from './ledger.ts';

/** Something that must be true, and whether it is. */
export interface Finding {
  readonly what: string;
  readonly holds: boolean;
}

/** What must be true after the kill and the resume, told from outside: by the ledger and by the server's own bill. */
export function findingsOf(session: Session, ledger: Ledger, bill: Bill | null): Finding[] {
  const effects = ledger.all();
  const of = (tool: string) => effects.filter((effect) => effect.tool === tool);
  const keysOf = (tool: string) => new Set(of(tool).map(({ key }) => key)).size;
  const { usage } = session;
  const input = usage.input_tokens + usage.cache_creation_input_tokens + usage.cache_read_input_tokens;
  const findings: Finding[] = [
    { what: 'look_up_stock had finished: it was not run again', holds: of('look_up_stock').length === 1 },
    {
      what: 'reserve was repeated with the same key: one reservation',
      holds: of('reserve').length === 2 && keysOf('reserve') === 1,
    },
    {
      what: 'send_parcel was asked about and not repeated: one parcel',
      holds: of('send_parcel').length === 1,
    },
    {
      what: 'charge_card was decided on and not repeated: one charge',
      holds: of('charge_card').length === 1,
    },
    { what: 'every call is answered, once and in its place', holds: isValid(session.messages) },
    {
      what: 'the result from before the kill is in the transcript',
      holds: text(session).includes('12 pieces in stock'),
    },
  ];
  if (bill) {
    findings.push({
      what: `the bill is the server's own: ${bill.input} tokens in, ${bill.output} tokens out`,
      holds: input === bill.input && usage.output_tokens === bill.output,
    });
  }
  return findings;
}

function isValid(messages: readonly MessageParam[]): boolean {
  return messages.every((message, index) => {
    const calls = idsOf(message, 'tool_use');
    if (message.role !== 'assistant' || calls.length === 0) return true;
    const next = messages[index + 1];
    return next !== undefined && idsOf(next, 'tool_result').join() === calls.join();
  });
}

function idsOf({ content }: MessageParam, type: 'tool_use' | 'tool_result'): string[] {
  if (typeof content === 'string') return [];
  return content.flatMap((block) => {
    if (block.type === 'tool_use' && type === 'tool_use') return block.id;
    return block.type === 'tool_result' && type === 'tool_result' ? block.tool_use_id : [];
  });
}

function text({ messages }: Session): string {
  return JSON.stringify(messages);
}
