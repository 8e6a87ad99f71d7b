import t from 'tap';
import { doctorLines } from '../../../src/cli/reports/doctor.js';

t.test('a diagnosis fits the terminal: long reasons and hints go on below their beginning', (t) => {
  const lines = doctorLines(
    {
      ok: false,
      checks: [
        { name: 'node', state: 'ok', message: 'Node 20' },
        {
          name: 'credential',
          state: 'failed',
          message: 'no credential for https://acct.blob.core.windows.net',
          hint: 'looked for:\n  AZURE_STORAGE_CONNECTION_STRING: is for account other\nsign in',
        },
      ],
    },
    60,
  );
  t.strictSame(lines, [
    'ok       node        Node 20',
    'failed   credential  no credential for',
    '                     https://acct.blob.core.windows.net',
    '                     looked for:',
    '                       AZURE_STORAGE_CONNECTION_STRING: is',
    '                       for account other',
    '                     sign in',
    'a check failed',
  ]);
  t.end();
});
