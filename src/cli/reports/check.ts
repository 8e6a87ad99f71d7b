import type { CheckReport, CheckedFile } from '../../disk/check.js';
import type { Problem } from '../../disk/findings.js';
import { EXIT } from '../exit-code.js';
import { count, size } from '../units.js';

/** Returns the findings of a check for programs. */
export function checkJson({ files, errors, warnings }: CheckReport): object {
  return {
    files,
    errors: errors.map(problemJson),
    warnings: warnings.map(problemJson),
    exitCode: errors.length > 0 ? EXIT.badDisk : EXIT.done,
  };
}

function problemJson({ severity, file, offset, field, problem, code, hint }: Problem): object {
  return { severity, ...(severity === 'error' ? { code } : {}), file, offset, field, problem, hint };
}

/** Returns the findings of a check for people. */
export function checkLines({ files, errors, warnings }: CheckReport): string[] {
  const summary =
    errors.length === 0 && warnings.length === 0
      ? 'no errors'
      : `${errors.length === 0 ? 'no errors' : count(errors.length, 'error')}, ${warnings.length === 0 ? 'no warnings' : count(warnings.length, 'warning')}`;
  return [
    ...files.map(fileLine),
    ...[...errors, ...warnings].flatMap(problemLines),
    `${count(files.length, 'file')} checked: ${summary}`,
  ];
}

function fileLine({ path, type, id, size: bytes }: CheckedFile): string {
  if (type === undefined) return path;
  return `${path}  ${type}, id ${id ?? 'none'}, ${bytes === undefined ? 'size unknown' : size(bytes)}`;
}

function problemLines({ severity, file, offset, field, problem, hint }: Problem): string[] {
  const where = field === undefined ? '' : offset === undefined ? `${field}: ` : `${field} at offset ${offset}: `;
  return [
    // The lines of a message, such as the layers of a chain, stay lines.
    ...problem
      .split('\n')
      .map((line, index) => (index === 0 ? `  ${severity}: ${file}: ${where}${line}` : `    ${line}`)),
    ...(hint === undefined || severity === 'warning' ? [] : [`    ${hint}`]),
  ];
}
