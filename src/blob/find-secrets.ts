import { asItIs, base64Parts, decodings, unfolded, type DecodedText } from './decoded.js';

/** Characters `[from, to)` of a text. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** What tells a secret in a decoded text. */
export type SecretForms = ReadonlySet<string>;

/** Shorter texts would be found where they mean nothing. */
export const SHORTEST_SECRET = 8;

/**
 * A secret as it is, without the padding that is left out at times, and as it is when it is decoded together with the text
 * around it. What is too short of these is left out: it would be found everywhere.
 */
export function formsOf(secret: string): SecretForms {
  return new Set([...decodings(asItIs(secret))].map(({ text }) => comparable(text.replace(/=+$/, ''))).filter(({ length }) => length >= SHORTEST_SECRET - '=='.length));
}

/** What every text has that has one of the next: most texts have not. */
const MAY_LOOK_SECRET = /=|key|signature|bearer|authorization|eyJ|:\/\/|username|password/i;

/** What looks like a secret: the last group is the value. */
const LOOKS_SECRET: readonly RegExp[] = [
  /[?&;](?:se|sp|sv|sr|skoid|sktid)=([^&\s"'<>]+)/gdi,
  /\bsig=([^&\s"'<>]+)/gdi,
  /(?:AccountKey|SharedAccessSignature)["']?\s{0,8}[:=]\s{0,8}["']?([^\s"'<>]+)/gdi,
  // Not the next word of a sentence.
  /(?:AccountKey|SharedAccessSignature|Bearer|SharedKey)[=: ]+(?!(?<= )[a-z]{1,5} )([^\s"'<>]+)/gdi,
  /authorization\W{1,8}Basic +([^\s"'<>]+)/gdi,
  /(?<![\w-])(eyJ[\w-]+\.[\w-]+\.[\w-]*(?:\.[\w-]+){0,2})/gd,
  // User name and password before the host of a URI, such as a proxy's; and where a log has such a URI taken apart.
  /[a-z][a-z0-9+.-]{0,30}:\/\/([^\s/?#"'<>]+)(?=@)/gdi,
  /\b(?:username|password)["']?\s{0,8}[:=]\s{0,8}(?:"([^"\n]+)"|'([^'\n]+)')/gdi,
];

/**
 * Where a text has secrets, by their form, and by their value for `known` ones: in the text as it is, behind its encodings,
 * and in what it holds in base64; by their value and in base64 also across the ends of its lines. In no order; they may
 * overlap.
 */
export function* secretsIn(text: string, known: readonly SecretForms[]): Generator<Span> {
  const plain = asItIs(text);
  for (const level of decodings(plain)) {
    yield* formedIn(level);
    yield* valuesIn(level, known);
  }
  const whole = unfolded(plain);
  // What only looks like a secret ends with its line.
  if (whole !== plain) for (const level of decodings(whole)) yield* valuesIn(level, known);
}

function* valuesIn(level: DecodedText, known: readonly SecretForms[]): Generator<Span> {
  const compared = comparable(level.text);
  yield* knownIn(level, compared, known);
  for (const part of base64Parts(compared)) {
    for (const inner of decodings(part)) {
      for (const span of formedIn(inner)) yield original(span, level);
      for (const span of knownIn(inner, comparable(inner.text), known)) yield original(span, level);
    }
  }
}

/** `compared`: its text, made comparable. */
function* knownIn(level: DecodedText, compared: string, known: readonly SecretForms[]): Generator<Span> {
  for (const forms of known) for (const form of forms) yield* placesOf(form, compared, level);
}

function* formedIn(level: DecodedText): Generator<Span> {
  const { text } = level;
  if (!MAY_LOOK_SECRET.test(text)) return;
  for (const pattern of LOOKS_SECRET) {
    for (const { indices = [] } of text.matchAll(pattern)) {
      const [from, to] = indices.findLast((each) => each !== undefined) ?? [0, 0];
      yield original({ from, to: valueEnd(text, from, to) }, level);
    }
  }
}

function* placesOf(form: string, compared: string, level: DecodedText): Generator<Span> {
  for (let from = compared.indexOf(form); from >= 0; from = compared.indexOf(form, from + form.length)) {
    const padding = /^={0,2}/.exec(compared.slice(from + form.length, from + form.length + 2))?.[0] ?? '';
    yield original({ from, to: from + form.length + padding.length }, level);
  }
}

function original({ from, to }: Span, { originOf, endOf }: DecodedText): Span {
  return { from: originOf(from), to: endOf(to) };
}

/**
 * The text as it is compared: what takes a character's place in base64url, and in a form, is that character. Its length
 * stays.
 */
function comparable(text: string): string {
  return text.replace(/[ -]/g, '+').replaceAll('_', '/');
}

/** Characters of an account key, the longest of what is base64. */
const MOST_BASE64 = 88;

/**
 * Where the value `[from, to)` ends if it is base64 whose plus signs have become spaces: behind its padding, or behind the
 * words that are no words of a sentence.
 */
function valueEnd(text: string, from: number, to: number): number {
  if (text[to - 1] === '=' || text[to] !== ' ') return to;
  const [words = ''] = /^(?: {1,3}[A-Za-z0-9/+]+)*/.exec(text.slice(to, Math.max(to, from + MOST_BASE64))) ?? [];
  if (/^=(?![\w%])/.test(text.slice(to + words.length, to + words.length + 2))) return to + words.length + 1;
  const [own = ''] = /^(?: +(?![A-Z]?[a-z]+(?: |$))[A-Za-z0-9/+]+(?= |$))*/.exec(words) ?? [];
  return to + own.length;
}
