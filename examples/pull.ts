// Pulls a blob to a sparse VHD. The file gets its name when it is complete and checked.
//
//   npx tsx examples/pull.ts https://ACCOUNT.blob.core.windows.net/CONTAINER/disk.vhd disk.vhd
import { pull } from 'vhdup';

const [uri, path] = process.argv.slice(2);
if (uri === undefined || path === undefined) throw new Error('usage: pull.ts URI FILE');

const result = await pull(uri, path, {
  // `fixed` is the blob byte for byte, `raw` the disk without its footer.
  format: 'dynamic',
  // At most 50 MiB a second.
  limit: 50 * 1024 * 1024,
});
console.log(`${result.output}: ${result.format}`);
