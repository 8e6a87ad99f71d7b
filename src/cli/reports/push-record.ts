import { imageTitle } from '../../protocol/image-name.js';
import type { PushRecord, RecordedBase } from '../../protocol/push-record.js';

/** Returns the row of the image that a push has recorded for people; `undefined` if it has none. */
export function imageRow({
  image,
  imageVersion,
}: Pick<PushRecord, 'image' | 'imageVersion'>): readonly [name: string, value: string] | undefined {
  return image === undefined ? undefined : ['image', imageTitle(image, imageVersion)];
}

/** Returns the row of the base that a push has recorded. */
export function recordedBaseRow({ uri, id }: RecordedBase): readonly [name: string, value: string] {
  return ['base', `${uri} (${id === undefined ? 'no id' : `id ${id}`})`];
}

/** Returns what a push has recorded on its blob, for programs. The parts that only a resume needs are left out. */
export function recordJson({
  state,
  fingerprint,
  id,
  parentId,
  base,
  image,
  imageVersion,
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
    image,
    imageVersion,
    completedAt: completedAt?.toISOString(),
    treeDigest: digests?.tree,
    contentMd5: digests?.md5 === undefined ? undefined : Buffer.from(digests.md5, 'hex').toString('base64'),
    holder,
    toWrite,
    contentMd5Omitted,
  };
}
