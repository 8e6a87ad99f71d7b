/** Control characters, lone surrogates, and characters that change the direction of text or end a line: real names do not need them, forged ones may have them. */
const UNPRINTABLE =
  /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]|\p{Surrogate}/gu;

/** Returns a name that comes from a file in a form for messages: on one line, printable, and without its middle if it is longer than `maxLength` characters. */
export function displayName(name: string, maxLength = 160): string {
  const escaped = name.replace(UNPRINTABLE, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
  if (escaped.length <= maxLength) return escaped;
  // The cut may go through a pair of surrogates.
  return `${escaped.slice(0, Math.floor(maxLength / 3))} … ${escaped.slice(-Math.floor(maxLength / 2))}`.replace(
    /\p{Surrogate}/gu,
    '',
  );
}
