import t from 'tap';
import { parentFileName, parentPaths, refusedName } from '../../src/disk/parent-path.js';

t.test('the form of a name decides what it is', (t) => {
  const linux = (name: string) => parentPaths(name, '/vms/a', 'linux');
  t.strictSame(linux('.\\base.vhd'), ['/vms/a/base.vhd']);
  t.strictSame(linux('..\\b\\base.vhd'), ['/vms/b/base.vhd']);
  t.strictSame(linux('/other/base.vhd'), ['/other/base.vhd']);
  t.strictSame(linux('C:\\vms\\base.vhd'), ['/vms/a/base.vhd'], 'a drive means nothing here');
  t.strictSame(linux('\\\\server\\share\\base.vhd'), ['/vms/a/base.vhd']);
  t.strictSame(linux('file:///other/a%20b.vhd'), ['/other/a b.vhd']);
  t.strictSame(linux('file://./base.vhd'), ['/vms/a/base.vhd'], 'as Xen writes it');
  t.equal(parentPaths('C:\\vms\\base.vhd', '/vms/a', 'win32')[0], 'C:\\vms\\base.vhd');
  t.end();
});

t.test('the last part of a name, whatever its slashes', (t) => {
  for (const name of ['base.vhd', 'a/base.vhd', 'C:\\a\\base.vhd', '\\\\s\\a/base.vhd', 'file:///a/base.vhd'])
    t.equal(parentFileName(name), 'base.vhd', name);
  t.end();
});

t.test('names of devices are refused on Windows, a NUL everywhere', (t) => {
  t.equal(refusedName('a\0b', 'linux'), 'holds a NUL');
  for (const name of [
    'CON',
    'C:\\a\\nul.vhd',
    'com1',
    'LPT¹',
    '\\\\.\\PhysicalDrive0',
    '\\\\?\\C:\\a.vhd',
    'aux .vhd',
  ]) {
    t.equal(refusedName(name, 'win32'), 'names a device, not a file', name);
    t.equal(refusedName(name, 'linux'), undefined);
  }
  for (const name of ['console.vhd', 'C:\\nullable\\a.vhd', 'com.vhd'])
    t.equal(refusedName(name, 'win32'), undefined, name);
  t.end();
});
