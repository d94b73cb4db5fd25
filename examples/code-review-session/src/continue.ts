/** Another process: knows nothing but a file, loads the session from it, and asks for the review. */
import { loadSession } from '@pawl/agent-loop';
import { fileStore } from '@pawl/stores/file';
import { ask } from './ask.ts';
import { createReviewer, QUESTIONS } from './reviewer.ts';

const [folder = '', file = '', model = ''] = process.argv.slice(2);
const session = await loadSession({
  agent: createReviewer(model),
  store: fileStore(folder),
  file,
  id: 'review-continued',
});
try {
  console.log(`\nProcess ${process.pid} has loaded ${session.messages.length} messages.`);
  if (!(await ask(session, QUESTIONS.review))) process.exitCode = 1;
} finally {
  await session.close();
}
