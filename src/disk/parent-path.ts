import { posix, resolve, win32 } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Where a parent may be, given the name that its child carries.
 * What a name is, is told by the name itself (drive, UNC, leading slash, file URL, else relative): writers put
 * relative paths into absolute locators and the other way round.
 *
 * - relative names are meant from the folder of the file that holds them;
 * - a Windows path means nothing on another system, so there its last part is looked for beside the child.
 */
export function parentPaths(name: string, folder: string, platform: NodeJS.Platform = process.platform): string[] {
  const path = name.startsWith('file:') ? pathOfUrl(name) : name;
  const onWindows = platform === 'win32';
  const slashed = path.replaceAll('\\', '/');
  if (/^[A-Za-z]:/.test(path) || path.startsWith('\\\\')) {
    const beside = resolve(folder, win32.basename(path));
    return onWindows ? [path, beside] : [beside];
  }
  if (slashed.startsWith('/')) return [onWindows ? path : slashed];
  return [resolve(folder, slashed)];
}

/** The last part of a parent's name, whichever slashes it has. */
export function parentFileName(name: string): string {
  return posix.basename((name.startsWith('file:') ? pathOfUrl(name) : name).replaceAll('\\', '/'));
}

/** `CON`, `nul.vhd`, `COM1` … in any folder, and whatever the namespaces of devices hold. */
const WINDOWS_DEVICE =
  /^[\\/]{2}[.?][\\/]|(^|[\\/:])(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)[ .]*([.:][^\\/]*)?([\\/]|$)/i;

/** Why a path must not be opened, whatever it leads to; `undefined` where it may. */
export function refusedName(path: string, platform: NodeJS.Platform = process.platform): string | undefined {
  if (path.includes('\0')) return 'holds a NUL';
  if (platform === 'win32' && WINDOWS_DEVICE.test(path)) return 'names a device, not a file';
  return undefined;
}

/** `file:///abs/path`, or `file://./relative` as Xen writes it. */
function pathOfUrl(url: string): string {
  try {
    return fileURLToPath(url);
  } catch {
    const rest = url.replace(/^file:(\/\/)?/, '');
    try {
      return decodeURIComponent(rest);
    } catch {
      return rest;
    }
  }
}
