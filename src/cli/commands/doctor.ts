import { credentialOptions } from '../blob-flags.js';
import type { Command } from '../command.js';
import { DOCTOR } from '../definition/manage.js';
import { exitCodeOf } from '../exit-code.js';
import { helpWidth } from '../help/wrap.js';
import { interruptible } from '../interrupt.js';
import { printResult } from '../output.js';
import { progressView } from '../progress.js';
import { doctorJson, doctorLines } from '../reports/doctor.js';

/** `vhdup doctor`: checks what commands need. */
export const doctorCommand: Command<typeof DOCTOR> = {
  definition: DOCTOR,
  handler: async (flags) => {
    const { diagnose } = await import('../../manage/diagnose.js');
    const credentials = await credentialOptions(flags, flags.blob);
    const { onEvent } = progressView({ quiet: true, verbose: flags.verbose });
    const diagnosis = await interruptible((signal) => diagnose(flags.blob, { ...credentials, signal, onEvent }));
    printResult(flags.json, doctorJson(diagnosis), () => doctorLines(diagnosis, helpWidth(process.stdout.columns)));
    const failed = diagnosis.checks.find(({ state }) => state === 'failed');
    if (failed) process.exitCode = exitCodeOf(failed.code ?? 'unexpected', failed.code !== 'output-unwritable');
  },
};
