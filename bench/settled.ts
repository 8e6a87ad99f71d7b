import { stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** The digest cache remembers files only when they have not changed for a minute. */
const SETTLED_MS = 61_000;

/** Waits until a file is old enough for the digest cache. */
export async function settled(path: string, say: (text: string) => void): Promise<void> {
  const { ctimeMs } = await stat(path);
  const left = ctimeMs + SETTLED_MS - Date.now();
  if (left <= 0) return;
  say(`waiting ${Math.ceil(left / 1000)} s, until the files are old enough to be remembered`);
  await sleep(left);
}
