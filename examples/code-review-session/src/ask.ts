import { styleText } from 'node:util';
import type { Session } from '@pawl/agent-loop';

/** Asks the reviewer in a session, prints each tool call and the answer, and says whether the run came to its end. */
export async function ask(session: Session, question: string): Promise<boolean> {
  console.log(`\n${styleText('bold', question)}`);
  const stream = session.stream(question);
  for await (const event of stream) {
    if (event.type === 'tool-start')
      console.log(styleText('cyan', `→ ${event.tool} ${JSON.stringify(event.input)}`));
  }
  const { text, outcome } = await stream.result;
  console.log(text);
  if (outcome !== 'completed') console.error(`The run ended as ${outcome}.`);
  return outcome === 'completed';
}
