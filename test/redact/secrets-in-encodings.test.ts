import t from 'tap';
import { randomFrom } from '../support/gate/faults.js';

type Redact = Pick<typeof import('../../src/redact/redact.js'), 'registerSecret' | 'redact'>;
type Encoding = (text: string) => string;

/** How many random secrets are tried: `VHDUP_SECRETS`; `VHDUP_SECRETS_SEED` repeats those of a seed. */
const SECRETS = Number(process.env['VHDUP_SECRETS'] ?? 4);
const seed = Number(process.env['VHDUP_SECRETS_SEED'] ?? Date.now() % 2 ** 32);
t.comment(`seed ${seed}`);
t.setTimeout(60_000 + SECRETS * 10_000);
const random = randomFrom(seed);

const BEFORE = '<<~ ';
const BEHIND = ' ~>>';

const each =
  (which: RegExp, how: (char: string, code: number) => string): Encoding =>
  (text) =>
    [...text].map((char) => (which.test(char) ? how(char, char.codePointAt(0) ?? 0) : char)).join('');
const hex = (code: number, digits = 2) => code.toString(16).padStart(digits, '0');
const anyCase = (text: string) =>
  [...text].map((char) => (random() < 0.5 ? char.toLowerCase() : char.toUpperCase())).join('');
const percent = (char: string) => [...Buffer.from(char)].map((byte) => `%${hex(byte)}`).join('');
const units = (char: string, how: (code: number) => string) =>
  char
    .split('')
    .map((unit) => how(unit.charCodeAt(0)))
    .join('');

const SPECIAL = /[^A-Za-z0-9]/;
const ALL = /./su;

/** What servers, proxies and logs make of a text. Each is written out here, and shares no code with the patterns. */
const ENCODINGS: Readonly<Record<string, Encoding>> = {
  'as it is': (text) => text,
  percent: encodeURIComponent,
  'percent, lower case': each(SPECIAL, percent),
  'percent, any case': each(SPECIAL, (char) => percent(char).replace(/%../g, (code) => `%${anyCase(code.slice(1))}`)),
  'percent, letters too': each(ALL, percent),
  'percent, some': each(ALL, (char) => (random() < 0.3 ? percent(char) : char)),
  'a form': (text) => new URLSearchParams({ k: text }).toString().slice(2),
  JSON: (text) => JSON.stringify(text).slice(1, -1),
  'JSON with slashes escaped': (text) => JSON.stringify(text).slice(1, -1).replaceAll('/', '\\/'),
  'JSON of .NET': each(SPECIAL, (char) => units(char, (code) => `\\u${hex(code, 4).toUpperCase()}`)),
  'JSON, lower case': each(SPECIAL, (char) => units(char, (code) => `\\u${hex(code, 4)}`)),
  JavaScript: each(/[^A-Za-z0-9\u0100-\u{10ffff}]/u, (_, code) => `\\x${hex(code)}`),
  'HTML, decimal': each(SPECIAL, (_, code) => `&#${code};`),
  'HTML, hexadecimal': each(SPECIAL, (_, code) => `&#x${hex(code)};`),
  'HTML, upper case': each(SPECIAL, (_, code) => `&#X00${hex(code).toUpperCase()};`),
  'HTML, names': each(
    /[+/=:@&]/,
    (char) =>
      `&${({ '+': 'plus', '/': 'sol', '=': 'equals', ':': 'colon', '@': 'commat', '&': 'amp' } as Record<string, string>)[char] ?? ''};`,
  ),
};

/** Of base64 that has been taken for something else. */
const OF_BASE64: Readonly<Record<string, Encoding>> = {
  'plus signs as spaces': (text) => text.replaceAll('+', ' '),
  base64url: (text) => text.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, ''),
  'without padding': (text) => text.replace(/=+$/, ''),
};

const base64Of = (length: number) =>
  Buffer.from(Array.from({ length }, () => Math.floor(random() * 256))).toString('base64');

const kinds: readonly (readonly [name: string, isBase64: boolean, make: () => string])[] = [
  ['signature', true, () => base64Of(32)],
  ['account key', true, () => base64Of(64)],
  [
    'password',
    false,
    () =>
      Array.from({ length: 8 + Math.floor(random() * 30) }, () =>
        String.fromCodePoint(
          random() < 0.9
            ? 0x21 + Math.floor(random() * 94)
            : random() < 0.5
              ? 0xa1 + Math.floor(random() * 0x500)
              : 0x1f600 + Math.floor(random() * 64),
        ),
      ).join(''),
  ],
];

t.test(
  `${SECRETS} random secrets are found in every encoding, in two of them at once, and within base64`,
  async (t) => {
    let tried = 0;
    const failures: string[] = [];
    for (let index = 0; index < SECRETS; index++) {
      // A module of its own: secrets that were registered before would only take time.
      const { registerSecret, redact } = (await import(`../../src/redact/redact.js?${index}`)) as Redact;
      for (const [kind, isBase64, make] of kinds) {
        const secret = make();
        registerSecret(random() < 0.5 ? secret : encodeURIComponent(secret));
        const check = (name: string, encoded: string) => {
          tried++;
          if (redact(BEFORE + encoded + BEHIND) !== `${BEFORE}REDACTED${BEHIND}`)
            failures.push(`${kind} ${secret}: ${name}: ${encoded}`);
        };
        const single = { ...ENCODINGS, ...(isBase64 ? OF_BASE64 : {}) };
        for (const [inner, encode] of Object.entries(single)) {
          check(inner, encode(secret));
          for (const [outer, again] of Object.entries(ENCODINGS))
            check(`${inner}, then ${outer}`, again(encode(secret)));
        }
        for (const inner of Object.keys(ENCODINGS)) {
          for (let before = 0; before < 4; before++) {
            const text = `${'x'.repeat(20 + before)}${ENCODINGS[inner]?.(secret) ?? ''}${'y'.repeat(20)}`;
            for (const [outer, again] of Object.entries({ ...ENCODINGS, ...OF_BASE64 })) {
              tried++;
              const shown = redact(again(Buffer.from(text).toString('base64')));
              // What is left is what stands for the neighbours, and at most three characters on each side that are shared.
              const left =
                again(Buffer.from('x'.repeat(20 + before)).toString('base64')).length +
                again(Buffer.from('y'.repeat(20)).toString('base64')).length;
              if (!shown.includes('REDACTED') || shown.length > 'REDACTED'.length + left + 2 * 3 * 12)
                failures.push(`${kind} ${secret}: ${inner}, in base64 at ${before}, then ${outer}: ${shown}`);
            }
          }
        }
      }
    }
    t.strictSame(failures.slice(0, 5), []);
    t.comment(`${tried} texts`);
    t.ok(tried > SECRETS * 3 * 300);
  },
);
