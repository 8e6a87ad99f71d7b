import { undecoded, base64Parts, decodings, joinLines, type DecodedText } from './decoded.js';

/** The characters `[from, to)` of a text. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** The texts by which a secret is found in a decoded text. */
export type SecretForms = ReadonlySet<string>;

/** The least length of a secret, in characters. Shorter texts would be found by chance. */
export const SHORTEST_SECRET = 8;

/**
 * Returns the forms of a secret: the secret itself and its decodings, since it may be decoded together with the text around it.
 * They have no base64 padding, because some programs omit it. Forms that are too short are left out: they would be found by chance.
 */
export function formsOf(secret: string): SecretForms {
  return new Set(
    [...decodings(undecoded(secret))]
      .map(({ text }) => comparable(text.replace(/=+$/, '')))
      .filter(({ length }) => length >= SHORTEST_SECRET - '=='.length),
  );
}

/** A quick test: a text without a match has none of `LOOKS_SECRET`. Most texts have no match. */
const MAY_MATCH = /=|key|signature|bearer|authorization|eyJ|:\/\/|username|password/i;

/** Patterns of text that looks like a secret; the last group is the value. */
const SECRET_PATTERNS: readonly RegExp[] = [
  /[?&;](?:se|sp|sv|sr|skoid|sktid)=(?!\xe2\x80\xa6(?:[&\s"'<>,.)]|$))([^&\s"'<>]+)/dgi,
  // Not the dots of an example, `sig=…`; here they are three characters, the bytes of UTF-8.
  /\bsig=(?!\xe2\x80\xa6(?:[&\s"'<>,.)]|$))([^&\s"'<>]+)/dgi,
  /(?:AccountKey|SharedAccessSignature)["']?\s{0,8}[:=]\s{0,8}["']?([^\s"'<>]+)/dgi,
  // Not the next word of a sentence.
  /(?:AccountKey|SharedAccessSignature|Bearer|SharedKey)[=: ]+(?!(?<= )[a-z]{1,5} )([^\s"'<>]+)/dgi,
  /authorization\W{1,8}Basic +([^\s"'<>]+)/dgi,
  /(?<![\w-])(eyJ[\w-]+\.[\w-]+\.[\w-]*(?:\.[\w-]+){0,2})/dg,
  // User name and password before the host of a URI, such as a proxy's; then the same in a log that prints the parts of a URI.
  /[a-z][a-z0-9+.-]{0,30}:\/\/([^\s/?#"'<>]+)(?=@)/dgi,
  /\b(?:username|password)["']?\s{0,8}[:=]\s{0,8}(?:"([^"\n]+)"|'([^'\n]+)')/dgi,
];

/**
 * Yields the places of secrets in a text, in its decodings, and in base64 inside it: texts that look like a secret, and the values
 * of `registered` ones. The latter, and all secrets in base64, are also found across line ends. The places are in no order, and
 * may overlap.
 */
export function* findSecrets(text: string, registered: readonly SecretForms[]): Generator<Span> {
  const plain = undecoded(text);
  for (const level of decodings(plain)) {
    yield* findByPattern(level);
    yield* findRegistered(level, registered);
  }
  const whole = joinLines(plain);
  // A text that only looks like a secret ends with its line, so it is not searched for here.
  if (whole !== plain) for (const level of decodings(whole)) yield* findRegistered(level, registered);
}

function* findRegistered(level: DecodedText, registered: readonly SecretForms[]): Generator<Span> {
  const compared = comparable(level.text);
  yield* findForms(level, compared, registered);
  for (const part of base64Parts(compared)) {
    for (const inner of decodings(part)) {
      for (const span of findByPattern(inner)) yield originalSpan(span, level);
      for (const span of findForms(inner, comparable(inner.text), registered)) yield originalSpan(span, level);
    }
  }
}

/** `compared`: the text of the level, made comparable. */
function* findForms(level: DecodedText, compared: string, registered: readonly SecretForms[]): Generator<Span> {
  for (const forms of registered) for (const form of forms) yield* findForm(form, compared, level);
}

function* findByPattern(level: DecodedText): Generator<Span> {
  const { text } = level;
  if (!MAY_MATCH.test(text)) return;
  for (const pattern of SECRET_PATTERNS) {
    for (const { indices = [] } of text.matchAll(pattern)) {
      const [from, to] = indices.findLast((each) => each !== undefined) ?? [0, 0];
      yield originalSpan({ from, to: valueEnd(text, from, to) }, level);
    }
  }
}

function* findForm(form: string, compared: string, level: DecodedText): Generator<Span> {
  for (let from = compared.indexOf(form); from >= 0; from = compared.indexOf(form, from + form.length)) {
    const padding = /^={0,2}/.exec(compared.slice(from + form.length, from + form.length + 2))?.[0] ?? '';
    yield originalSpan({ from, to: from + form.length + padding.length }, level);
  }
}

function originalSpan({ from, to }: Span, { originOf, endOf }: DecodedText): Span {
  return { from: originOf(from), to: endOf(to) };
}

/**
 * Returns the text in the form in which texts are compared: the characters that base64url and web forms use instead of `+`
 * and `/` become those. The length stays the same.
 */
function comparable(text: string): string {
  return text.replace(/[ -]/g, '+').replaceAll('_', '/');
}

/** The length of an account key in characters: the longest secret in base64. */
const MAX_BASE64 = 88;

/**
 * Returns the end of the value `[from, to)`, which may be base64 whose plus signs have become spaces. Then it ends after its
 * padding, or after the last word that does not look like a word of a sentence.
 */
function valueEnd(text: string, from: number, to: number): number {
  if (text[to - 1] === '=' || text[to] !== ' ') return to;
  const [words = ''] = /^(?: {1,3}[A-Za-z0-9/+]+)*/.exec(text.slice(to, Math.max(to, from + MAX_BASE64))) ?? [];
  if (/^=(?![\w%])/.test(text.slice(to + words.length, to + words.length + 2))) return to + words.length + 1;
  const [own = ''] = /^(?: +(?![A-Z]?[a-z]+(?: |$))[A-Za-z0-9/+]+(?= |$))*/.exec(words) ?? [];
  return to + own.length;
}
