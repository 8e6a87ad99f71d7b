import { credentialOptions, blobFlags, type BlobFlags } from '../blob-flags.js';
import type { Command } from '../command.js';
import { exitCodeOf } from '../exit-code.js';
import { interruptible } from '../interrupt.js';
import { printResult } from '../output.js';
import { doctorLines } from '../reports/doctor.js';

interface DoctorFlags extends BlobFlags {
  readonly blob: string | undefined;
  readonly json: boolean;
}

/** `vhdup doctor`: checks what commands need. */
export const doctorCommand: Command<DoctorFlags> = {
  command: 'doctor [blob]',
  describe: 'check Node, folders, credential, clock and access, and say what to do',
  builder: (yargs) =>
    blobFlags(yargs)
      .positional('blob', { type: 'string', describe: 'URI of the blob that a command would use' })
      .option('json', { type: 'boolean', default: false, describe: 'print one JSON object instead of text' }),
  handler: async (flags) => {
    const { diagnose } = await import('../../manage/diagnose.js');
    const credentials = await credentialOptions(flags, flags.blob);
    const diagnosis = await interruptible((signal) => diagnose(flags.blob, { ...credentials, signal }));
    printResult(flags.json, diagnosis, () => doctorLines(diagnosis));
    const failed = diagnosis.checks.find(({ state }) => state === 'failed');
    if (failed) process.exitCode = exitCodeOf(failed.code ?? 'unexpected', failed.code !== 'output-unwritable');
  },
};
