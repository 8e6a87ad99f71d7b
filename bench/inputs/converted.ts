import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Input } from './input.js';

const run = promisify(execFile);

/** An image format as `qemu-img` writes it. */
export interface Conversion {
  /** For the table. */
  readonly name: string;
  readonly format: 'qcow2' | 'vhdx';
  /** Further arguments of `qemu-img convert`. */
  readonly flags: readonly string[];
}

export const CONVERSIONS = {
  zlib: { name: 'qcow2, zlib', format: 'qcow2', flags: ['-c', '-o', 'compression_type=zlib'] },
  zstd: { name: 'qcow2, zstd', format: 'qcow2', flags: ['-c', '-o', 'compression_type=zstd'] },
  qcow2: { name: 'qcow2', format: 'qcow2', flags: [] },
  vhdx: { name: 'vhdx', format: 'vhdx', flags: [] },
} as const satisfies Readonly<Record<string, Conversion>>;

/** Returns a disk in another image format, with the same content. */
export async function converted(input: Input, { name, format, flags }: Conversion): Promise<Input> {
  const path = `${input.path}.${name.replaceAll(/[^a-z0-9]/g, '')}.${format}`;
  await run('qemu-img', ['convert', '-O', format, ...flags, input.path, path]);
  return { ...input, name: `${input.name}, ${name}`, path };
}
