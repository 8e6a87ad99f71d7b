/** A decoded text, and the offset in the original that each of its characters comes from. */
export interface DecodedText {
  /** Text outside ASCII is held as UTF-8, one character for each byte, because some encodings encode bytes and others characters. */
  readonly text: string;
  /** Returns the offset in the original of the character at an index, or of the end. */
  readonly originOf: (index: number) => number;
  /** Returns the offset in the original just after the character before an index. Text that was removed between the two is not included. */
  readonly endOf: (index: number) => number;
}

/** Returns the text that replaces a match; `match` is the whole match and its groups. */
type Replacement = (match: readonly (string | undefined)[]) => string;

/** The most decodings of one text. */
const MAX_LEVELS = 12;

/** A quick test: most texts have none of these characters. */
const MAY_BE_ENCODED = /[%\\&\0\x1b]/;
const NON_ASCII = /[^\x00-\x7f]/;

const CHARACTER_REFERENCES: Readonly<Record<string, string>> = {
  amp: '&',
  plus: '+',
  sol: '/',
  bsol: '\\',
  equals: '=',
  colon: ':',
  commat: '@',
  quot: '"',
  apos: "'",
  lt: '<',
  gt: '>',
  num: '#',
  percnt: '%',
  quest: '?',
};

/** Returns the text as it is, without any decoding. */
export function undecoded(text: string): DecodedText {
  const same = (index: number) => index;
  const plain = { text, originOf: same, endOf: same };
  return NON_ASCII.test(text) ? replaceMatches(plain, /[^\x00-\x7f]/gu, ([char]) => utf8CharsOf(char)) : plain;
}

/** Yields a text, then the text decoded once, twice and so on until nothing is left to decode. The encodings may be mixed. */
export function* decodings(text: DecodedText): Generator<DecodedText> {
  let level = text;
  for (let round = 0; ; round++) {
    yield level;
    if (round === MAX_LEVELS || !MAY_BE_ENCODED.test(level.text)) return;
    const before = level;
    for (const [escape, replacement] of ENCODINGS) {
      level = replaceMatches(before, escape, replacement);
      if (level !== before) break;
    }
    if (level === before) return;
  }
}

/**
 * Returns the text with its lines joined, as they were before they were folded (base64 or quoted-printable in mails, for
 * example). Line breaks that JSON escapes count too. Returns the same object if the text has one line.
 */
export function joinLines(text: DecodedText): DecodedText {
  return replaceMatches(text, /=?(?:\r?\n|(?:\\r)?\\n)[ \t]*/g, () => '');
}

/** Shorter words are too short to hold a secret. */
const BASE64 = /[A-Za-z0-9+/]{10,}/g;

/**
 * Yields the parts of a text that may be base64, decoded; their offsets refer to the text. The base64 may begin at any
 * character of a word that looks like it, so each word is decoded from its first four characters.
 */
export function* base64Parts(text: string): Generator<DecodedText> {
  for (const { 0: word, index } of text.matchAll(BASE64)) {
    for (let before = 0; before < 4; before++) {
      const originOf = (byte: number) => index + before + Math.ceil((byte * 4) / 3);
      yield { text: Buffer.from(word.slice(before), 'base64').toString('latin1'), originOf, endOf: originOf };
    }
  }
}

const fromPercent: Replacement = ([, byte = '']) => String.fromCharCode(parseInt(byte, 16));

const fromHtml: Replacement = ([whole, hex, decimal, name]) =>
  name === undefined
    ? character(hex === undefined ? Number(decimal) : parseInt(hex, 16), whole)
    : (CHARACTER_REFERENCES[name.toLowerCase()] ?? '');

const fromJson: Replacement = ([whole, high, low, unit, code, itself]) => {
  if (itself !== undefined) return itself;
  if (high !== undefined && low !== undefined)
    return utf8CharsOf(String.fromCharCode(parseInt(high, 16), parseInt(low, 16)));
  return character(parseInt(unit ?? code ?? '', 16), whole);
};

/**
 * Escapes and what they stand for: percent-encoding; character references of HTML; escapes of JSON and JavaScript (a surrogate
 * pair as a whole or not at all); the zero bytes of UTF-16 and the colours of a terminal. Only one kind is decoded at a time:
 * decoded text must not be joined with text that is still encoded.
 */
const ENCODINGS: readonly (readonly [escape: RegExp, replacement: Replacement])[] = [
  [/%([0-9a-f]{2})/gi, fromPercent],
  [
    /&(?:#x([0-9a-f]{1,8})|#([0-9]{1,10})|(amp|plus|sol|bsol|equals|colon|commat|quot|apos|lt|gt|num|percnt|quest));/gi,
    fromHtml,
  ],
  [/\\(?:u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})|u(?!d[89a-f])([0-9a-f]{4})|x([0-9a-f]{2})|(["'/\\]))/gi, fromJson],
  [/\0|\x1b\[[0-9;]*m/g, () => ''],
];

function character(codePoint: number, otherwise = ''): string {
  return codePoint <= 0x10ffff ? utf8CharsOf(String.fromCodePoint(codePoint)) : otherwise;
}

/** Replaces all matches of a pattern. Returns the same object if nothing matches. */
function replaceMatches(level: DecodedText, pattern: RegExp, replacement: Replacement): DecodedText {
  const { text, originOf, endOf } = level;
  const parts: string[] = [];
  const from: number[] = [];
  const to: number[] = [];
  let done = 0;
  const keep = (end: number) => {
    parts.push(text.slice(done, end));
    for (; done < end; done++) {
      from.push(originOf(done));
      to.push(endOf(done + 1));
    }
  };
  for (const match of text.matchAll(pattern)) {
    keep(match.index);
    const put = replacement(match);
    parts.push(put);
    done = match.index + match[0].length;
    for (let index = 0; index < put.length; index++) {
      from.push(originOf(match.index));
      to.push(endOf(done));
    }
  }
  if (parts.length === 0) return level;
  keep(text.length);
  const end = originOf(text.length);
  return { text: parts.join(''), originOf: (index) => from[index] ?? end, endOf: (index) => to[index - 1] ?? 0 };
}

/** Returns the text as UTF-8, one character for each byte. */
function utf8CharsOf(text: string | undefined): string {
  return Buffer.from(text ?? '').toString('latin1');
}
