import { rename } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasErrorCode } from './system-error.js';

/** How long a rename that Windows refuses is tried again. */
const RETRY_MS = 1000;

const FIRST_DELAY_MS = 5;

/** How a file is replaced. */
export interface ReplaceOptions {
  /** Called before each attempt. What it throws ends them. */
  readonly check?: () => Promise<void>;
  /** What the attempts depend on. Default: this machine. */
  readonly system?: RenameSystem;
}

/** What a rename depends on. */
export interface RenameSystem {
  readonly platform: NodeJS.Platform;
  readonly rename: (from: string, to: string) => Promise<void>;
  readonly pause: (milliseconds: number) => Promise<unknown>;
}

const THIS_SYSTEM: RenameSystem = { platform: process.platform, rename, pause: sleep };

/**
 * Renames a file, and replaces the file that has the new name. On Windows this fails while a virus scanner or a backup has
 * one of the two open, so it is tried again for a second there. Throws the system's error.
 */
export async function replaceFile(from: string, to: string, options: ReplaceOptions = {}): Promise<void> {
  const { check, system = THIS_SYSTEM } = options;
  let waitedMs = 0;
  for (let delayMs = FIRST_DELAY_MS; ; delayMs *= 2) {
    await check?.();
    try {
      await system.rename(from, to);
      return;
    } catch (error) {
      const mayPass = system.platform === 'win32' && hasErrorCode(error, 'EPERM', 'EACCES', 'EBUSY');
      if (!mayPass || waitedMs >= RETRY_MS) throw error;
    }
    const pauseMs = Math.min(delayMs, RETRY_MS - waitedMs);
    await system.pause(pauseMs);
    waitedMs += pauseMs;
  }
}
