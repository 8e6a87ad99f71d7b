import { flagPartOf, yesOrNo } from './conventions.js';

/**
 * Returns true if the result and errors have to be JSON: for `--json`, also with a wrong value, and for the variable. It has to be known
 * even if the arguments are wrong.
 */
export function wantsJson(args: readonly string[], environment: NodeJS.ProcessEnv): boolean {
  const last = flagPartOf(args).findLast((arg) => /^--(no-)?json(=|$)/.test(arg));
  return last === undefined
    ? yesOrNo(environment['VHDUP_JSON'] ?? '') === true
    : last !== '--no-json' && last !== '--json=false';
}
