import type { CheckReport, CheckedFile } from '../../disk/check.js';
import type { Problem } from '../../disk/findings.js';
import { EXIT } from '../exit-code.js';
import { count, size } from '../units.js';

/** Returns the findings of a check for programs. */
export function checkJson({ files, errors, warnings }: CheckReport): object {
  return {
    files: files.map(({ path, type, id, virtualSize }) => ({ path, type, id, virtualSize })),
    errors: errors.map(problemJson),
    warnings: warnings.map(problemJson),
    exitCode: errors.length > 0 ? EXIT.badDisk : EXIT.done,
  };
}

function problemJson({ severity, code, message, hint, file, offset, field }: Problem): object {
  return { severity, code, message, hint, file, offset, field };
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

function fileLine({ path, type, id, virtualSize }: CheckedFile): string {
  if (type === undefined) return path;
  return `${path}  ${type}, id ${id ?? 'none'}, ${virtualSize === undefined ? 'size unknown' : size(virtualSize)}`;
}

function problemLines({ severity, file, offset, field, message, hint }: Problem): string[] {
  const where = field === undefined ? '' : offset === undefined ? `${field}: ` : `${field} at offset ${offset}: `;
  return [
    // The lines of a message, such as the layers of a chain, stay lines.
    ...message
      .split('\n')
      .map((line, index) => (index === 0 ? `  ${severity}: ${file}: ${where}${line}` : `    ${line}`)),
    ...(hint === undefined ? [] : [`    ${hint}`]),
  ];
}
