import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';

/** A folder for one test, with a space and Unicode in its name; it goes when the test ends. */
export async function temporaryFolder(t: Test): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'vhdup tést '));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
