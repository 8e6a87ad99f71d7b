/** Control characters, lone surrogates, and what turns the direction of text or ends a line: no name needs them, a forged one may. */
const UNPRINTABLE =
  /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]|\p{Surrogate}/gu;

/** A name out of a file as messages show it: on one line, printable, long ones without their middle. */
export function shown(name: string, maxLength = 160): string {
  const escaped = name.replace(UNPRINTABLE, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
  if (escaped.length <= maxLength) return escaped;
  // The cut may go through a pair of surrogates.
  return `${escaped.slice(0, Math.floor(maxLength / 3))} … ${escaped.slice(-Math.floor(maxLength / 2))}`.replace(
    /\p{Surrogate}/gu,
    '',
  );
}
