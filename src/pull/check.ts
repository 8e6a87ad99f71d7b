import { dirname } from 'node:path';
import { VhdupError } from '../errors.js';
import { localFiles, type SourceHandle } from '../disk/file.js';
import { isChangedSince, stateOf } from '../blob/metadata.js';
import { FixedStream } from '../disk/fixed-stream.js';
import { openDisk } from '../disk/open.js';
import type { Session } from '../session/session.js';
import { digestStream, type ByteStream } from '../session/stream-digest.js';
import type { PullOptions } from './options.js';
import { imageSize, type PullWork } from './part-file.js';
import type { PullResult } from './result.js';

/**
 * Compares the blob's Content-MD5 with the file as any reader sees it, in the form in which the blob has it: its own
 * footer, its own padding. Throws `content-differs`.
 */
export async function checkContent(session: Session, work: PullWork, path: string, options: PullOptions): Promise<PullResult['checked']> {
  const { blob, properties: { contentMd5, metadata, lastModified } } = work.source;
  if (!contentMd5) {
    session.warn(`${blob.uri} has no Content-MD5: what was pulled could not be checked`);
    return 'none';
  }
  const state = stateOf(metadata);
  if (state && isChangedSince(state, lastModified)) {
    session.warn(`${blob.uri} was written to after it was pushed, last at ${lastModified.toISOString()}: its Content-MD5 proves nothing any longer, and was not compared`);
    return 'none';
  }
  if (options.checkMd5 === false) {
    session.warn(`${blob.uri}: its Content-MD5 was not compared, as asked for`);
    return 'none';
  }
  const found = await digestOf(session, work, path, options);
  if (found.equals(contentMd5)) return 'md5';
  throw new VhdupError('content-differs', `${blob.uri}: its Content-MD5 (${contentMd5.toString('base64')}) does not fit its bytes (${found.toString('base64')}): they were changed after it was set, or the transfer was wrong`, {
    hint: 'run the same command to fetch all of it once more; --no-check-md5 accepts the bytes as they are',
  });
}

async function digestOf(session: Session, work: PullWork, path: string, options: PullOptions): Promise<Buffer> {
  const { source, parent, format } = work;
  if (format === 'dynamic') {
    await using disk = await openDisk(path, { ...options, parentDirs: [...options.parentDirs ?? [], ...(parent ? [dirname(parent.link.path)] : [])] });
    return await digestStream(session, 'check-pulled', new FixedStream(disk, { footer: source.footer, padding: source.contentSize - disk.size }));
  }
  const file = await localFiles.open(path);
  try {
    return await digestStream(session, 'check-pulled', flatStream(file, imageSize(work), source.contentSize - imageSize(work), source.footer));
  } finally {
    await file.close();
  }
}

const PIECE = 1024 * 1024;

/** The bytes of the blob from a file that has the first `size` of them. */
function flatStream(file: SourceHandle, size: number, padding: number, footer: Uint8Array): ByteStream {
  return {
    size: size + padding + footer.length,
    async *pieces() {
      const buffer = new Uint8Array(PIECE);
      for (let offset = 0; offset < size; offset += PIECE) {
        const piece = buffer.subarray(0, Math.min(PIECE, size - offset));
        await file.read(offset, piece);
        yield piece;
      }
      buffer.fill(0);
      for (let done = 0; done < padding; done += PIECE) yield buffer.subarray(0, Math.min(PIECE, padding - done));
      yield footer;
    },
  };
}
