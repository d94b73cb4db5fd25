import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { scrub, scrubText } from '../../src/scrub.ts';

const long = 'x8'.repeat(30);

describe('credentials in a text', () => {
  test.each([
    ['an Anthropic key', `key sk-ant-api03-${long}!`, 'key sk-ant-[secret]!'],
    ['a bearer token', 'authorization: Bearer abc.def-123_456', 'authorization: Bearer [secret]'],
    ['basic credentials', 'authorization: Basic dXNlcjpodW50ZXIy', 'authorization: Basic [secret]'],
    ['a GitHub token', `ghp_${'a'.repeat(36)}`, '[secret]'],
    ['a fine-grained GitHub token', `github_pat_${'a'.repeat(30)}`, '[secret]'],
    ['a GitLab token', `glpat-${'a'.repeat(20)}`, '[secret]'],
    ['an npm token', `npm_${'a'.repeat(36)}`, '[secret]'],
    ['a Slack token', 'xoxb-1234567890-abc', '[secret]'],
    ['an AWS key id', 'AKIAIOSFODNN7EXAMPLE', '[secret]'],
    ['an AWS secret', 'AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG', 'AWS_SECRET_ACCESS_KEY=[secret]'],
    ['a Google key', `AIza${'a'.repeat(35)}`, '[secret]'],
    ['a Stripe key', 'sk_live_abcdefghij0123', '[secret]'],
    ['another sk- key', `sk-${'a'.repeat(24)}`, '[secret]'],
    ['a JSON web token', 'eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJl', '[secret]'],
    ['a private key', '-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----', '[secret]'],
    ['a private key that is cut', 'pem: -----BEGIN PRIVATE KEY-----\nMIIE', 'pem: [secret]'],
    ['a password in a URL', 'postgres://me:hunter2@db.local/x', 'postgres://me:[secret]@db.local/x'],
    ['a password in JSON', '{"password": "two words", "n": 1}', '{"password": [secret], "n": 1}'],
    ['a secret in an environment', 'CLIENT_SECRET=abc', 'CLIENT_SECRET=[secret]'],
    ['a token in a query', '/x?token=abc&n=1', '/x?token=[secret]&n=1'],
    ['a key in a header', 'x-api-key: abc', 'x-api-key: [secret]'],
  ])('%s', (_, text, clean) => {
    expect(scrubText(text)).toBe(clean);
  });

  test.each([
    'basic authentication is not enough',
    'Unexpected token: }',
    'max_tokens: 4096',
    'https://docs.local:8080/path@v1',
    'sk-1, task-list, risk-assessment',
    'the secretary said so',
  ])('nothing in: %s', (text) => {
    expect(scrubText(text)).toBe(text);
  });
});

describe('credentials in a value', () => {
  test('go with their key, whatever holds them; numbers and flags stay', () => {
    const value = {
      headers: { Authorization: 'x', cookie: ['a=b'], 'x-api-key': 'y', accept: 'json' },
      apiKey: 'x',
      awsSecretAccessKey: 'x',
      refresh_token: 'x',
      dbPassword: { value: 'x' },
      credentials: ['x'],
      password: null,
      max_token: 5,
      hasPassword: true,
      input_tokens: 7,
      note: 'with Bearer abcdefgh123',
      list: [{ secret: 'x' }, 'sk-ant-123456789'],
    };
    expect(scrub(value)).toEqual({
      headers: { Authorization: '[secret]', cookie: '[secret]', 'x-api-key': '[secret]', accept: 'json' },
      apiKey: '[secret]',
      awsSecretAccessKey: '[secret]',
      refresh_token: '[secret]',
      dbPassword: '[secret]',
      credentials: '[secret]',
      password: null,
      max_token: 5,
      hasPassword: true,
      input_tokens: 7,
      note: 'with Bearer [secret]',
      list: [{ secret: '[secret]' }, 'sk-ant-[secret]'],
    });
  });

  test('of every kind are found, and what is harmless is left as it is', () => {
    const cycle: Record<string, unknown> = { name: 'a' };
    cycle['self'] = cycle;
    const shared = { n: 1 };
    expect(
      scrub({
        map: new Map<string, unknown>([
          ['token', 'x'],
          ['n', 1],
        ]),
        set: new Set(['Bearer abcdefgh123']),
        bytes: new Uint8Array(5),
        date: new Date(0),
        url: new URL('https://me:hunter2@x.local/'),
        big: 7n,
        nothing: undefined,
        cycle,
        twice: [shared, shared],
      }),
    ).toEqual({
      map: { token: '[secret]', n: 1 },
      set: ['Bearer [secret]'],
      bytes: '[5 bytes]',
      date: '1970-01-01T00:00:00.000Z',
      url: 'https://me:[secret]@x.local/',
      big: 7n,
      nothing: undefined,
      cycle: { name: 'a', self: '[circular]' },
      twice: [{ n: 1 }, { n: 1 }],
    });
  });

  test('of errors too: message, stack, cause and fields', () => {
    const cause = new Error('password=hunter2');
    const error = Object.assign(new TypeError('Bearer abcdefgh123', { cause }), { status: 401, token: 'x' });
    const clean = scrub(error) as { stack: string; cause: { stack: string } };
    expect(clean).toEqual({
      name: 'TypeError',
      message: 'Bearer [secret]',
      stack: expect.stringMatching(/^TypeError: Bearer \[secret\]\n +at /) as string,
      cause: {
        name: 'Error',
        message: 'password=[secret]',
        stack: expect.stringMatching(/^Error: password=\[secret\]\n +at /) as string,
      },
      status: 401,
      token: '[secret]',
    });
  });

  test('at any depth, without a stack overflow', () => {
    let deep: unknown = { secret: 'x' };
    for (let level = 0; level < 50_000; level += 1) deep = { deep };
    expect(JSON.stringify(scrub(deep))).toContain('[too deep]');
  });
});

describe('scrubbing', () => {
  const secret = fc.constantFrom(
    `sk-ant-api03-${long}`,
    'Bearer abc.def-123_456',
    'password=hunter2hunter2',
    'https://me:hunter2hunter2@x.local',
    `ghp_${'a'.repeat(36)}`,
  );
  const pieces = fc.array(fc.oneof(fc.string({ unit: 'grapheme', maxLength: 30 }), secret), { maxLength: 6 });

  test('never lets a secret through, never lets one grow, and changes nothing the second time', () => {
    fc.assert(
      fc.property(pieces, (parts) => {
        const clean = scrubText(parts.join(' '));
        expect(clean).not.toMatch(/x8x8x8|def-123_456|hunter2|aaaaaaaaaa/);
        expect(scrubText(clean)).toBe(clean);
      }),
      { numRuns: 1000 },
    );
  });

  test('takes time linear in the text, whatever the text', () => {
    const nasty = [
      'a-',
      'eyJ-',
      'eyJaaaaaaaa.',
      '://',
      '://a:',
      'sk-',
      'Bearer ',
      '-----BEGIN ',
      'key"',
      'token ',
      'a.',
    ];
    for (const unit of nasty) {
      // Of the processor: what else the machine does counts for nothing.
      const before = process.cpuUsage();
      scrubText(unit.repeat(200_000 / unit.length));
      const { user, system } = process.cpuUsage(before);
      expect((user + system) / 1000, unit).toBeLessThan(2000);
    }
  });
});
