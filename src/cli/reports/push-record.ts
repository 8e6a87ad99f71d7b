import type { PushRecord } from '../../protocol/push-record.js';

/** Returns what a push has recorded on its blob, for programs. The parts that only a resume needs are left out. */
export function recordJson({
  state,
  fingerprint,
  id,
  parentId,
  base,
  completedAt,
  digests,
  holder,
  toWrite,
  contentMd5Omitted,
}: PushRecord): object {
  return {
    state,
    fingerprint,
    id,
    parentId,
    base: base && { blob: base.uri, id: base.id, etag: base.etag, check: base.check },
    completedAt: completedAt?.toISOString(),
    treeDigest: digests?.tree,
    contentMd5: digests?.md5 === undefined ? undefined : Buffer.from(digests.md5, 'hex').toString('base64'),
    holder,
    toWrite,
    contentMd5Omitted,
  };
}
