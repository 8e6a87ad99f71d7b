import type { DiskDigests } from '../content/disk-digests.js';
import type { Disk } from '../disk/disk.js';
import { FOOTER_LENGTH, FixedStream } from '../protocol/fixed-vhd.js';
import { recordedTree } from '../protocol/push-record.js';
import { findProblem, refusalOf } from '../protocol/verdict.js';
import type { Base } from './base.js';
import { mismatch } from './base-blob.js';
import { call, option } from '../option-names.js';

/**
 * Checks that the base's content is the ancestor's: by the tree digest that a push has recorded, or by Content-MD5. That has to be
 * the MD5 of the ancestor's stream in the form that the blob has it, with its own footer and padding, so the blobs of all known
 * uploaders agree. Throws `base-mismatch` if it is not.
 */
export async function checkBase(digests: DiskDigests, disk: Disk, base: Base): Promise<void> {
  // Its leaves were proved when they were opened.
  if (base.check === 'id' || base.check === 'leaves') return;
  const { blob, properties, verdict, tail, layer, check } = base;
  const written = findProblem(verdict, 'written-since');
  if (written)
    throw mismatch(
      blob,
      refusalOf(written),
      `compare it with ${call('verify')}; if it is still right, accept it with ${option('baseCheck', 'id')}, else push the ancestor again`,
    );
  const ancestor = disk.ancestor(layer);
  const path = ancestor.layers[0]?.path ?? '';
  const { contentMd5 } = properties;
  if (check === 'tree') {
    const { tree } = await digests.of(layer, { tree: true }, 'check-base');
    if (tree && recordedTree(verdict.record, contentMd5)?.equals(tree)) return;
    throw mismatch(
      blob,
      `its tree digest differs from that of the local ancestor, ${path}: one of them was changed`,
      `push the ancestor again, or push without ${option('base')} to send everything`,
    );
  }
  if (!contentMd5) {
    const hasTree = recordedTree(verdict.record, contentMd5) !== undefined;
    throw mismatch(
      blob,
      `it has no Content-MD5, so its content cannot be compared${hasTree ? ' by it' : ''}`,
      hasTree
        ? `leave out ${option('baseCheck', 'md5')}: its tree digest is compared; or push the ancestor under another name with ${option('contentMd5', 'always')}, and name that blob as the base`
        : `push the ancestor once with this tool, or accept the id alone with ${option('baseCheck', 'id')}`,
    );
  }
  const stream = new FixedStream(ancestor, {
    footer: tail.footer,
    padding: properties.size - FOOTER_LENGTH - ancestor.size,
  });
  const { md5 } = await digests.of(layer, { md5: stream }, 'check-base');
  if (md5 && contentMd5.equals(md5)) return;
  const isDeep = disk.layers.length - layer >= 3;
  throw mismatch(
    blob,
    `its Content-MD5 differs from that of the local ancestor, ${path}: one of them was changed`,
    isDeep
      ? 'push the ancestor again; some uploaders write wrong bytes for chains of three and more layers, and record the MD5 of those'
      : `push the ancestor again, or push without ${option('base')} to send everything`,
  );
}
