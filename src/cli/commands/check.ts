import { VhdupError } from '../../errors.js';
import { isBlobUri } from '../../azure/location.js';
import { checkDisk, type CheckReport, type CheckedFile } from '../../disk/check.js';
import type { Problem } from '../../disk/findings.js';
import { imageFlags, imageOptions, type Command, type ImageFlags } from '../command.js';
import { EXIT } from '../exit-code.js';
import { printResult } from '../output.js';
import { count, size } from '../units.js';

interface CheckFlags extends ImageFlags {
  readonly disk: string;
}

/** `vhdup check`: lists all problems of a disk, with their places. */
export const checkCommand: Command<CheckFlags> = {
  command: 'check <disk>',
  describe: 'check every structure of a disk and of its parents, and list all that is wrong with them',
  builder: (yargs) =>
    imageFlags(yargs)
      .positional('disk', { type: 'string', demandOption: true, describe: 'a VHD or a raw disk' })
      .epilogue(
        `Exit code ${EXIT.done} where there are no errors (warnings are allowed), ${EXIT.badDisk} where there are.`,
      ),
  handler: async (flags) => {
    if (isBlobUri(flags.disk))
      throw new VhdupError('usage', 'check takes a local file', { hint: 'vhdup info shows what is known of a blob' });
    const report = await checkDisk(flags.disk, imageOptions(flags));
    printResult(flags.json, reportJson(report), () => reportLines(report));
    if (report.errors.length > 0) process.exitCode = EXIT.badDisk;
  },
};

function reportJson({ files, errors, warnings }: CheckReport): object {
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

function reportLines({ files, errors, warnings }: CheckReport): string[] {
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
    `  ${severity}: ${file}: ${where}${problem.replaceAll('\n', '\n    ')}`,
    ...(hint === undefined || severity === 'warning' ? [] : [`    ${hint}`]),
  ];
}
