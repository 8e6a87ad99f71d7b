import { VhdupError } from '../errors.js';
import { hashingFor } from '../digest/hash-workers.js';
import type { Disk } from '../disk/disk.js';
import { rangeSet, totalLength } from '../bytes/range.js';
import { dataRanges } from './data-ranges.js';
import { READ_AHEAD, passOver, type Consumer, type Supervisor } from './scan.js';
import type { Phase } from '../session/events.js';
import { Md5Consumer, type BlobForm } from './md5-consumer.js';
import { together } from '../run/concurrency.js';
import type { Session } from '../session/session.js';
import { TreeConsumer, type KnownLeaves, type LeafRun } from './tree-consumer.js';

/** Which digests are wanted. */
export interface DigestWish {
  /** The MD5 in this form of a blob. */
  readonly md5?: BlobForm | undefined;
  readonly tree?: boolean | undefined;
}

/** Digests as they were wished for. */
export interface Digests {
  /** 16 bytes. */
  readonly md5: Buffer | undefined;
  /** 32 bytes, as `docs/DIGEST.md` says. */
  readonly tree: Buffer | undefined;
}

/** What digests are computed of: a disk, or what stands for one. */
export type Content = Pick<Disk, 'size' | 'read' | 'extentBatches'>;

/** Digests that are computed while the content is read, perhaps for others too. */
export interface DigestPass {
  /** Who has to see the content first; nobody, where all is known. */
  readonly consumers: readonly Consumer[];
  /** After the pass. */
  finish(): Promise<Digests>;
  /** Ends what the pass began; never throws. */
  close(): Promise<void>;
}

/** What helps with the digests. */
export interface PassHelp {
  /** Most of the content is sent besides: that takes longer than to hash it, so one thread is enough for the leaves. */
  readonly isSent?: boolean | undefined;
  readonly known?: KnownLeaves | undefined;
  /** Gets the leaves as they become known. */
  readonly keep?: ((run: LeafRun) => Promise<void>) | undefined;
}

/** Windows that are worked on at a time while nothing is sent. */
export const WINDOWS = 5;

/** Readies digests for a pass over `content`. Whoever takes it closes it. */
export async function startDigestPass(
  session: Session,
  content: Content,
  wish: DigestWish,
  phase: Phase,
  { isSent = false, known, keep = () => Promise.resolve() }: PassHelp = {},
): Promise<DigestPass> {
  const { size } = content;
  const data = await dataRanges(content);
  const toHash = (wish.md5 ? size : 0) + (wish.tree === true ? totalLength(known ? rangeSet(known.changed) : data) : 0);
  const hashing = hashingFor(toHash, isSent ? 1 : undefined);
  const progress = (done: number) => {
    session.throwIfStopped();
    session.progress(phase, Math.min(done, size), size);
  };
  const md5 = wish.md5 && new Md5Consumer(size, data, wish.md5, hashing, progress);
  const tree =
    wish.tree === true
      ? new TreeConsumer(size, data, known, hashing, keep, md5 ? () => undefined : progress)
      : undefined;
  return {
    consumers: [md5, tree].filter((consumer) => consumer !== undefined),
    finish: async () => {
      const digests = { md5: await md5?.digest(), tree: await tree?.digest() };
      session.progress(phase, size, size);
      return digests;
    },
    close: async () => {
      await tree?.close();
      await hashing.close();
    },
  };
}

/** Reads `content` for its digests alone. */
export async function digestsOf(session: Session, content: Content, wish: DigestWish, phase: Phase): Promise<Digests> {
  return passOverAll(session, content, await startDigestPass(session, content, wish, phase), WINDOWS);
}

/** Reads for a pass alone, so many windows at a time, and closes it. */
export async function passOverAll(
  session: Session,
  content: Content,
  pass: DigestPass,
  windows: number,
): Promise<Digests> {
  await using begun = beginPass(session, content, Promise.resolve(pass), () => false);
  return await begun.finish([], () => windows);
}

/** A pass of which part is under way. Whoever lets go of it ends it, at any time. */
export interface BegunPass extends AsyncDisposable {
  /** Computes what is left while others look at the content too; `windows` says how many may be in memory for them at the time. */
  finish(others: readonly Consumer[], windows: () => number): Promise<Digests>;
}

/**
 * Begins a pass as soon as it is ready. Consumers that are `apart` read on their own, from now on; the rest reads with
 * others later. What fails is told to the session at once, and thrown by `finish`.
 */
export function beginPass(
  session: Session,
  content: Content,
  ready: Promise<DigestPass>,
  isApart: (consumer: Consumer) => boolean,
): BegunPass {
  let isClosed = false;
  const supervisor: Supervisor = {
    throwIfStopped: () => {
      if (isClosed) throw new VhdupError('cancelled', 'the digests are not wanted any longer');
      session.throwIfStopped();
    },
    fail: (error) => {
      if (!isClosed) session.fail(error);
    },
  };
  const apart = ready.then(({ consumers }) =>
    passOver(supervisor, content, consumers.filter(isApart), () => READ_AHEAD),
  );
  apart.catch(supervisor.fail);
  const close = async () => {
    isClosed = true;
    const pass = await ready.catch(() => undefined);
    await pass?.close();
    await apart.catch(() => undefined);
  };
  let closed: Promise<void> | undefined;
  return {
    finish: async (others, windows) => {
      const pass = await ready;
      const shared = pass.consumers.filter((consumer) => !isApart(consumer));
      await together(
        passOver(session, content, [...others, ...shared], () => windows() + READ_AHEAD),
        apart,
        session.fail,
      );
      return pass.finish();
    },
    [Symbol.asyncDispose]: () => (closed ??= close()),
  };
}
