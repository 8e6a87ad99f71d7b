/** A text as it is behind an encoding, and from where in the original each of its characters came. */
export interface DecodedText {
  /** Beyond ASCII its characters are the bytes of UTF-8, one character each: encodings differ in what they call a character. */
  readonly text: string;
  /** The offset in the original of the character at an index, or of the end. */
  readonly originOf: (index: number) => number;
}

/** What takes the place of a match: of the whole and its groups. */
type Replacement = (match: readonly (string | undefined)[]) => string;

/** Deeper than this nothing is encoded by accident. */
const MAX_LEVELS = 12;

/** Most texts have nothing of all this, and are searched in their thousands. */
const MAY_BE_ENCODED = /[%\\&]/;
const NON_ASCII = /[^\x00-\x7f]/;

const NAMED: Readonly<Record<string, string>> = {
  amp: '&', plus: '+', sol: '/', bsol: '\\', equals: '=', colon: ':', commat: '@', quot: '"', apos: '\'', lt: '<', gt: '>', num: '#', percnt: '%', quest: '?',
};

/** A text as it is. */
export function asItIs(text: string): DecodedText {
  const plain = { text, originOf: (index: number) => index };
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

/** Shorter ones hold nothing that is worth looking for. */
const BASE64 = /[A-Za-z0-9+/]{10,}/g;

/**
 * What may be base64 in a text, decoded; its origin is the text. The base64 may begin at any character of a word that
 * looks like it, so each is decoded in four ways.
 */
export function* base64Parts(text: string): Generator<DecodedText> {
  for (const { 0: word, index } of text.matchAll(BASE64)) {
    for (let before = 0; before < 4; before++) {
      yield { text: Buffer.from(word.slice(before), 'base64').toString('latin1'), originOf: (byte) => index + before + Math.ceil(byte * 4 / 3) };
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
 * pair at once or not at all. One kind at a time: what is decoded is not to be taken together with what is not yet.
 */
const ENCODINGS: readonly (readonly [escape: RegExp, replacement: Replacement])[] = [
  [/%([0-9a-f]{2})/gi, fromPercent],
  [/&(?:#x([0-9a-f]{1,8})|#([0-9]{1,10})|(amp|plus|sol|bsol|equals|colon|commat|quot|apos|lt|gt|num|percnt|quest));/gi, fromHtml],
  [/\\(?:u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})|u(?!d[89a-f])([0-9a-f]{4})|x([0-9a-f]{2})|(["'/\\]))/gi, fromJson],
];

function character(codePoint: number, otherwise = ''): string {
  return codePoint <= 0x10ffff ? bytesOf(String.fromCodePoint(codePoint)) : otherwise;
}

/** The same text where nothing matches. */
function rewritten(level: DecodedText, pattern: RegExp, replacement: Replacement): DecodedText {
  const { text, originOf } = level;
  const parts: string[] = [];
  const from: number[] = [];
  let done = 0;
  const keep = (end: number) => {
    parts.push(text.slice(done, end));
    for (; done < end; done++) from.push(originOf(done));
  };
  for (const match of text.matchAll(pattern)) {
    keep(match.index);
    const put = replacement(match);
    parts.push(put);
    for (let index = 0; index < put.length; index++) from.push(originOf(match.index));
    done = match.index + match[0].length;
  }
  if (parts.length === 0) return level;
  keep(text.length);
  const end = originOf(text.length);
  return { text: parts.join(''), originOf: (index) => from[index] ?? end };
}

/** UTF-8, a character for each byte. */
function bytesOf(text: string | undefined): string {
  return Buffer.from(text ?? '').toString('latin1');
}
