import { createHash } from 'node:crypto';
import { PLAIN_GEAR_KEY, gearTable } from '../../src/cut/fastcdc.js';
import type { Disk } from '../../src/disk/disk.js';
import { DiskSource } from '../../src/vault/push/disk-source.js';
import type { VersionSource } from '../../src/vault/push/source.js';
import { StreamSource } from '../../src/vault/push/stream-source.js';
import { Toc } from '../../src/vault/read/toc.js';
import { VersionReader } from '../../src/vault/read/version-reader.js';
import type { VersionRecord } from '../../src/toc/record.js';
import type { Vault } from '../../src/vault/vault.js';

export const BLOCK = 65_536;
const GEAR = gearTable(PLAIN_GEAR_KEY);
/** What a stream brings at a time. */
const PART = 100_000;

/** Bytes without a pattern, the same for the same name. */
export function noise(name: string, length: number): Buffer {
  const pieces = Array.from({ length: Math.ceil(length / 32) }, (_, at) =>
    createHash('sha256').update(`${name} ${at}`).digest(),
  );
  return Buffer.concat(pieces).subarray(0, length);
}

/** Blocks one behind the other, each the same for the same name. */
export function blocks(...names: (string | number)[]): Buffer {
  return Buffer.concat(names.map((name) => noise(`block ${name}`, BLOCK)));
}

/** What a version is made of: a disk or a stream with these bytes. */
export function sourceOf(type: 'disk' | 'mailbox', content: Buffer): VersionSource {
  if (type === 'disk') return new DiskSource(diskOf(content));
  async function* stream(): AsyncGenerator<Uint8Array> {
    await Promise.resolve();
    for (let at = 0; at < content.length; at += PART) yield content.subarray(at, at + PART);
  }
  return new StreamSource(type, stream(), GEAR);
}

/** All bytes of a version. */
export async function bytesOfVersion(vault: Vault, record: VersionRecord): Promise<Buffer> {
  const reader = new VersionReader(vault, await Toc.open(vault, record));
  const bytes = Buffer.alloc(reader.size);
  await reader.read(0, bytes);
  return bytes;
}

function diskOf(content: Buffer): Pick<Disk, 'size' | 'read' | 'extentBatches'> {
  return {
    size: content.length,
    read: async (offset, into) => {
      await Promise.resolve();
      into.set(content.subarray(offset, offset + into.length));
    },
    extentBatches: async function* () {
      await Promise.resolve();
      yield [{ offset: 0, length: content.length, kind: 'data' as const, layer: 0 }];
    },
  };
}
