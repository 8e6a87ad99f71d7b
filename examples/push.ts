// Pushes a disk to a page blob. With a base, only what the base does not have is sent.
//
//   npx tsx examples/push.ts child.vhd https://ACCOUNT.blob.core.windows.net/CONTAINER/child.vhd [BASE-URI]
//
// Credentials are found as the command line finds them: in AZURE_STORAGE_CONNECTION_STRING, an Azure sign-in, …
import { VhdupError, openDisk, push } from 'vhdup';

const [path, to, base] = process.argv.slice(2);
if (path === undefined || to === undefined) throw new Error('usage: push.ts DISK URI [BASE-URI]');

// Ctrl-C stops the push in an orderly way. The same call resumes it later.
const stop = new AbortController();
process.once('SIGINT', () => {
  stop.abort();
});

try {
  // Opens the disk and all its parents, and checks them. `await using` closes the files.
  await using disk = await openDisk(path);
  const result = await push(disk, {
    to,
    base,
    // Fetches what was sent, and compares it before the blob is marked complete.
    verify: 'sent',
    signal: stop.signal,
    onEvent: (event) => {
      if (event.type === 'progress') process.stderr.write(`${event.phase}: ${event.done} of ${event.total} bytes\n`);
      if (event.type === 'warning') process.stderr.write(`warning: ${event.message}\n`);
    },
  });
  console.log(`${result.outcome}, id ${result.id}`);
} catch (error) {
  if (!(error instanceof VhdupError)) throw error;
  console.error(`${error.code}: ${error.message}`);
  if (error.hint !== undefined) console.error(error.hint);
  // `retryable`: the same call may succeed later, and goes on where this one has stopped.
  process.exitCode = error.retryable ? 75 : 1;
}
