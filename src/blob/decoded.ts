/** A text as it is behind an encoding, and from where in the original each of its characters came. */
export interface DecodedText {
  /** Beyond ASCII its characters are the bytes of UTF-8, one character each: encodings differ in what they call a character. */
  readonly text: string;
  /** The offset in the original of the character at an index, or of the end. */
  readonly originOf: (index: number) => number;
  /** The offset in the original behind the character before an index: what was left out between the two is not in it. */
  readonly endOf: (index: number) => number;
}

/** What takes the place of a match: of the whole and its groups. */
type Replacement = (match: readonly (string | undefined)[]) => string;

/** Deeper than this nothing is encoded by accident. */
const MAX_LEVELS = 12;

/** Most texts have nothing of all this, and are searched in their thousands. */
const MAY_BE_ENCODED = /[%\\&\0\x1b]/;
const NON_ASCII = /[^\x00-\x7f]/;

const NAMED: Readonly<Record<string, string>> = {
  amp: '&', plus: '+', sol: '/', bsol: '\\', equals: '=', colon: ':', commat: '@', quot: '"', apos: '\'', lt: '<', gt: '>', num: '#', percnt: '%', quest: '?',
};

/** A text as it is. */
export function asItIs(text: string): DecodedText {
  const same = (index: number) => index;
  const plain = { text, originOf: same, endOf: same };
  return NON_ASCII.test(text) ? rewritten(plain, /[^\x00-\x7f]/gu, ([char]) => bytesOf(char)) : plain;
}

/** A text, and then decoded once, twice and so on until nothing is left to decode, whatever mixture of encodings it is in. */
export function* decodings(text: DecodedText): Generator<DecodedText> {
  let level = text;
  for (let round = 0; ; round++) {
    yield level;
    if (round === MAX_LEVELS || !MAY_BE_ENCODED.test(level.text)) return;
    const before = level;
    for (const [escape, replacement] of ENCODINGS) {
      level = rewritten(before, escape, replacement);
      if (level !== before) break;
    }
    if (level === before) return;
  }
}

/**
 * The text with its lines joined, as they were before something folded them, such as base64 or quoted-printable in mails; the
 * line breaks of JSON too. The same text where it has one line.
 */
export function unfolded(text: DecodedText): DecodedText {
  return rewritten(text, /=?(?:\r?\n|(?:\\r)?\\n)[ \t]*/g, () => '');
}

/** Shorter ones hold nothing that is worth looking for. */
const BASE64 = /[A-Za-z0-9+/]{10,}/g;

/**
 * What may be base64 in a text, decoded; its origin is the text. The base64 may begin at any character of a word that
 * looks like it, so each is decoded in four ways.
 */
export function* base64Parts(text: string): Generator<DecodedText> {
  for (const { 0: word, index } of text.matchAll(BASE64)) {
    for (let before = 0; before < 4; before++) {
      const originOf = (byte: number) => index + before + Math.ceil(byte * 4 / 3);
      yield { text: Buffer.from(word.slice(before), 'base64').toString('latin1'), originOf, endOf: originOf };
    }
  }
}

const fromPercent: Replacement = ([, byte = '']) => String.fromCharCode(parseInt(byte, 16));

const fromHtml: Replacement = ([whole, hex, decimal, name]) => (name === undefined ? character(hex === undefined ? Number(decimal) : parseInt(hex, 16), whole) : NAMED[name.toLowerCase()] ?? '');

const fromJson: Replacement = ([whole, high, low, unit, code, itself]) => {
  if (itself !== undefined) return itself;
  if (high !== undefined && low !== undefined) return bytesOf(String.fromCharCode(parseInt(high, 16), parseInt(low, 16)));
  return character(parseInt(unit ?? code ?? '', 16), whole);
};

/**
 * Escapes and what they stand for: percent signs; character references of HTML; escapes of JSON and JavaScript, a surrogate
 * pair at once or not at all; the second bytes of UTF-16, and the colours of a terminal. One kind at a time: what is decoded is not to be taken together with what is not yet.
 */
const ENCODINGS: readonly (readonly [escape: RegExp, replacement: Replacement])[] = [
  [/%([0-9a-f]{2})/gi, fromPercent],
  [/&(?:#x([0-9a-f]{1,8})|#([0-9]{1,10})|(amp|plus|sol|bsol|equals|colon|commat|quot|apos|lt|gt|num|percnt|quest));/gi, fromHtml],
  [/\\(?:u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})|u(?!d[89a-f])([0-9a-f]{4})|x([0-9a-f]{2})|(["'/\\]))/gi, fromJson],
  [/\0|\x1b\[[0-9;]*m/g, () => ''],
];

function character(codePoint: number, otherwise = ''): string {
  return codePoint <= 0x10ffff ? bytesOf(String.fromCodePoint(codePoint)) : otherwise;
}

/** The same text where nothing matches. */
function rewritten(level: DecodedText, pattern: RegExp, replacement: Replacement): DecodedText {
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

/** UTF-8, a character for each byte. */
function bytesOf(text: string | undefined): string {
  return Buffer.from(text ?? '').toString('latin1');
}
