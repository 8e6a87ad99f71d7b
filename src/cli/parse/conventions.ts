/** Returns the arguments in which flags are looked for: those before `--`. */
export function flagPartOf(args: readonly string[]): readonly string[] {
  return args.includes('--') ? args.slice(0, args.indexOf('--')) : args;
}

/** Returns what the value of an environment variable for a switch means; `undefined` if it means neither. */
export function yesOrNo(text: string): boolean | undefined {
  if (/^(1|true|yes)$/i.test(text)) return true;
  return /^(0|false|no)$/i.test(text) ? false : undefined;
}
