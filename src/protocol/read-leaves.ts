import { intersect, rangeSet } from '../bytes/range.js';
import type { BlobProperties } from '../azure/blob-properties.js';
import type { PageBlob } from '../azure/page-blob.js';
import type { Digests } from '../content/digest-computation.js';
import { flatContent } from '../content/flat-content.js';
import { KeptLeaves } from '../content/kept-leaves.js';
import { digestsOf } from '../content/running-digest.js';
import type { Session } from '../session/session.js';
import { FOOTER_LENGTH } from './fixed-vhd.js';
import { SeenBlob } from './seen-blob.js';

/**
 * Reads a blob as it was seen, up to its footer, and returns its leaves and their tree digest; with `footer` also the MD5 of the
 * whole blob. What has no pages is not read. Throws `source-changed` if the blob is changed meanwhile.
 */
export async function readLeaves(
  session: Session,
  blob: PageBlob,
  properties: Pick<BlobProperties, 'etag' | 'size'>,
  footer?: Uint8Array,
): Promise<Digests> {
  const size = properties.size - FOOTER_LENGTH;
  const seen = new SeenBlob(blob, properties);
  const pages = intersect(rangeSet(await seen.pageRanges()), [{ offset: 0, length: size }]);
  const content = flatContent(size, pages, (offset, into) => seen.readInto(offset, into));
  const kept = new KeptLeaves(session, size);
  const digests = await digestsOf(
    session,
    content,
    { tree: true, md5: footer && { footer, padding: 0 } },
    { phase: 'read-leaves', keep: (run) => kept.add(run) },
  );
  return { ...digests, leaves: await kept.finish() };
}
