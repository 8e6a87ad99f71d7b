import { dirname } from 'node:path';
import { VhdupError } from '../errors.js';
import { localFiles, type SourceHandle } from '../disk/file.js';
import { isChangedSince, notedTree, stateOf } from '../blob/metadata.js';
import { openDisk } from '../disk/open.js';
import type { Session } from '../session/session.js';
import { digestsOf, type Content, type DigestWish, type Digests } from '../session/digest-pass.js';
import type { PullOptions } from './options.js';
import type { PullResult } from './result.js';
import { imageSize, type PullWork } from './work.js';

/**
 * Compares the blob's Content-MD5 with the file as every reader sees it, in the form in which the blob has it: its own
 * footer, its own padding; where it has none, the tree digest that a push has noted. Throws `content-differs`.
 */
export async function checkContent(session: Session, work: PullWork, path: string, options: PullOptions): Promise<PullResult['checked']> {
  const kind = comparable(session, work, options);
  if (kind === 'none') return kind;
  const { blob, properties: { contentMd5 } } = work.source;
  const found = (await digestsOfFile(session, work, path, options, kind))[kind];
  const noted = kind === 'md5' ? contentMd5 : treeOf(work);
  if (found && noted?.equals(found)) return kind;
  const [name, encoding] = kind === 'md5' ? ['Content-MD5', 'base64'] as const : ['tree digest', 'hex'] as const;
  throw new VhdupError('content-differs', `${blob.uri}: its ${name} (${noted?.toString(encoding) ?? ''}) does not fit its bytes (${found?.toString(encoding) ?? ''}): they were changed after it was set, or the transfer was wrong`, {
    hint: 'run the same command to fetch all of it once more; --no-check-md5 accepts the bytes as they are',
  });
}

/** Which digest of the blob the content is to be compared with; `none`, with a warning that says why, if there is none that counts. */
export function comparable(session: Session, work: PullWork, options: PullOptions): PullResult['checked'] {
  const { blob, properties: { contentMd5, metadata, lastModified } } = work.source;
  const state = stateOf(metadata);
  const noted = treeOf(work);
  if (!contentMd5 && !noted) {
    session.warn(`${blob.uri} has no Content-MD5: what was pulled could not be checked`);
    return 'none';
  }
  if (state && isChangedSince(state, lastModified)) {
    session.warn(`${blob.uri} was written to after it was pushed, last at ${lastModified.toISOString()}: its digests prove nothing any longer, and were not compared`);
    return 'none';
  }
  if (options.checkMd5 === false) {
    session.warn(`${blob.uri}: its ${contentMd5 ? 'Content-MD5' : 'tree digest'} was not compared, as asked for`);
    return 'none';
  }
  return contentMd5 ? 'md5' : 'tree';
}

/** The tree digest that a push has noted of all of the blob's content. */
function treeOf({ source: { properties: { contentMd5, metadata }, contentSize, diskSize } }: PullWork): Buffer | undefined {
  return contentSize === diskSize ? notedTree(stateOf(metadata), contentMd5) : undefined;
}

async function digestsOfFile(session: Session, work: PullWork, path: string, options: PullOptions, kind: 'md5' | 'tree'): Promise<Digests> {
  const { source, parent, format } = work;
  const wish = (size: number): DigestWish => (kind === 'tree' ? { tree: true } : { md5: { footer: source.footer, padding: source.contentSize - size } });
  if (format === 'dynamic') {
    await using disk = await openDisk(path, { ...options, parentDirs: [...options.parentDirs ?? [], ...(parent ? [dirname(parent.link.path)] : [])] });
    return await digestsOf(session, disk, wish(disk.size), 'check-pulled');
  }
  const file = await localFiles.open(path);
  try {
    const content = flatContent(file, imageSize(work));
    return await digestsOf(session, content, wish(content.size), 'check-pulled');
  } finally {
    await file.close();
  }
}

/** The bytes of the blob in a file that has the first `size` of them as they are. */
function flatContent(file: SourceHandle, size: number): Content {
  return {
    size,
    read: (offset, into) => file.read(offset, into),
    async *stretches() {
      await Promise.resolve();
      yield [{ offset: 0, length: size, kind: 'data', layer: 0 }];
    },
  };
}
