import { writer } from './agents.ts';
import type { Pattern } from './pattern.ts';

const CODE = `app.get('/orders', async (req, res) => {
  const rows = await db.query("SELECT * FROM orders WHERE customer = '" + req.query.id + "'");
  for (const row of rows) row.items = await db.query('SELECT * FROM items WHERE "order" = ?', [row.id]);
  res.send(rows);
});`;

const security = writer(
  'security-reviewer',
  'Review the code for security alone. One finding, in one sentence.',
);
const speed = writer('speed-reviewer', 'Review the code for speed alone. One finding, in one sentence.');
const style = writer(
  'style-reviewer',
  'Review the code for readability alone. One finding, in one sentence.',
);
const editor = writer('editor', 'Merge the findings into a list, the most urgent first. Leave none out.');

/** Different agents look at the same thing at the same time, each for one matter; one brings it together. */
export const parallelSections: Pattern = {
  name: 'parallel-sections',
  about: 'one piece of work with separate concerns',
  async run(team) {
    const findings = await team.all('review', [
      (inner) => inner.run('security', security, CODE),
      (inner) => inner.run('speed', speed, CODE),
      (inner) => inner.run('style', style, CODE),
    ]);
    const merged = await team.run('merge', editor, findings.map(({ text }) => text).join('\n\n'));
    return {
      result: merged.text,
      checks: {
        'three reviewers found something': findings.every(
          ({ outcome, text }) => outcome === 'completed' && text !== '',
        ),
        'the injection is in the list': /inject|parameter|concat/i.test(merged.text),
      },
    };
  },
};
