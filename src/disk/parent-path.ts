import { join, posix, resolve, win32 } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Returns the paths at which a parent may be, given the name that its child carries.
 * The form of the name decides what it is (drive, UNC, leading slash, file URL, else relative), because writers put relative
 * paths into absolute locators, and the reverse.
 *
 * - A relative name starts from `folder`, the folder of the file that holds it.
 * - On another system a Windows path has no meaning, so its last part is searched beside the child.
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

/** Returns the paths at which a file may be that an image names: as in `parentPaths`, then by its last part in `parentDirs`. */
export function candidatePaths(names: readonly string[], folder: string, parentDirs: readonly string[]): string[] {
  return [
    ...new Set([
      ...names.flatMap((name) => parentPaths(name, folder)),
      ...parentDirs.flatMap((dir) => names.map((name) => join(dir, parentFileName(name)))),
    ]),
  ];
}

/** Returns the last part of a parent's name; both kinds of slashes separate parts. */
export function parentFileName(name: string): string {
  return posix.basename((name.startsWith('file:') ? pathOfUrl(name) : name).replaceAll('\\', '/'));
}

/** `CON`, `nul.vhd`, `COM1` … in any folder, and everything in the namespaces of devices. */
const WINDOWS_DEVICE =
  /^[\\/]{2}[.?][\\/]|(^|[\\/:])(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)[ .]*([.:][^\\/]*)?([\\/]|$)/i;

/** Returns why a path must not be opened, whatever it leads to, or `undefined` if it may. */
export function refusedName(path: string, platform: NodeJS.Platform = process.platform): string | undefined {
  if (path.includes('\0')) return 'holds a NUL';
  if (platform === 'win32' && WINDOWS_DEVICE.test(path)) return 'names a device, not a file';
  return undefined;
}

/** Returns the path of a `file:///abs/path`, or of a `file://./relative` as Xen writes it. */
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
