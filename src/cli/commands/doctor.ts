import type { Command } from '../command.js';
import { DOCTOR } from '../definition/manage.js';
import { exitCodeOf } from '../exit-code.js';
import { helpWidth } from '../help/wrap.js';
import { printResult } from '../output.js';
import { doctorJson, doctorLines } from '../reports/doctor.js';
import { runOnBlob } from '../run-on-blob.js';

/** `vhdup doctor`: checks what commands need. */
export const doctorCommand: Command<typeof DOCTOR> = {
  definition: DOCTOR,
  handler: async (flags) => {
    const { diagnose } = await import('../../manage/diagnose.js');
    const diagnosis = await runOnBlob(flags, flags.blob, (options) => diagnose(flags.blob, options));
    printResult(flags.json, doctorJson(diagnosis), () => doctorLines(diagnosis, helpWidth(process.stdout.columns)));
    const failed = diagnosis.checks.find(({ state }) => state === 'failed');
    if (failed) process.exitCode = exitCodeOf(failed.code ?? 'unexpected', failed.retryable);
  },
};
