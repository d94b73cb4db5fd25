import type { z } from './zod.ts';

/** A schema violation in the API's manner: the path with dots, then what should be there. */
export function issueText(issue: z.core.$ZodIssue, prefix: string): string {
  const path = [prefix, ...issue.path.map(String)].filter((part) => part !== '').join('.');
  if (issue.code === 'unrecognized_keys')
    return `${path ? `${path}.` : ''}${issue.keys[0] ?? ''}: Extra inputs are not permitted`;
  return `${path}: ${expectation(issue)}`;
}

const expected: Readonly<Record<string, string>> = {
  string: 'Input should be a valid string',
  number: 'Input should be a valid number',
  int: 'Input should be a valid integer',
  boolean: 'Input should be a valid boolean',
  array: 'Input should be a valid list',
  object: 'Input should be a valid dictionary',
  record: 'Input should be a valid dictionary',
};

function expectation(issue: z.core.$ZodIssue): string {
  if ('input' in issue && issue.input === undefined && issue.code !== 'custom') return 'Field required';
  switch (issue.code) {
    case 'invalid_type':
      return expected[issue.expected] ?? issue.message;
    case 'invalid_value':
      return `Input should be ${issue.values.map((value) => `'${String(value)}'`).join(' or ')}`;
    case 'too_small':
      return `Input should be greater than or equal to ${issue.minimum}`;
    case 'too_big':
      return `Input should be less than or equal to ${issue.maximum}`;
    default:
      return issue.message;
  }
}
