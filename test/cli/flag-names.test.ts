import t from 'tap';
import { nameFlags } from '../../src/cli/flag-names.js';
import { call, option } from '../../src/option-names.js';

t.test('a message names options of the library, and in the command line its flags', (t) => {
  t.same(
    [option('overwrite'), option('format', 'raw'), option('contentMd5', 'never'), call('sealBlob')],
    ['`overwrite`', "`format: 'raw'`", "`contentMd5: 'never'`", '`sealBlob`'],
  );
  nameFlags();
  t.same(
    [option('overwrite'), option('baseCheck', 'id'), option('parentDirs'), option('accountSas')],
    ['--overwrite', '--base-check id', '--parent-dir', '--sas-file'],
  );
  t.same(
    [option('contentMd5', 'never'), option('checkMd5', false), option('seal', 'lease')],
    ['--content-md5 never', '--no-check-md5', '--seal=lease'],
  );
  t.same(
    [call('sealBlob'), call('blobStatus'), call('listImages'), call('verify')],
    ['vhdup seal', 'vhdup status', 'vhdup images', 'vhdup verify'],
  );
  t.end();
});
