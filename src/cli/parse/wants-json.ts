/**
 * Returns true if the result and errors have to be JSON: for `--json`, also with a wrong value, and for the variable. It has to be known
 * even if the arguments are wrong.
 */
export function wantsJson(args: readonly string[], environment: NodeJS.ProcessEnv): boolean {
  const end = args.includes('--') ? args.indexOf('--') : args.length;
  const last = args.slice(0, end).findLast((arg) => /^--(no-)?json(=|$)/.test(arg));
  return last === undefined
    ? /^(1|true|yes)$/i.test(environment['VHDUP_JSON'] ?? '')
    : last !== '--no-json' && last !== '--json=false';
}
