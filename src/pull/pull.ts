import { VhdupError } from '../errors.js';
import { Session } from '../session/session.js';
import { checkContent, comparable } from './check.js';
import { fetchAll, type Fetched } from './fetch.js';
import { lockOutput } from './lock.js';
import type { PullOptions } from './options.js';
import { PullOutput } from './output.js';
import { PullParent } from './parent.js';
import { PartFile, publishedFile } from './part-file.js';
import { isPulled, pulledFolder, recordPulled } from './pulled-record.js';
import type { PullResult } from './result.js';
import { PullSource } from './source.js';
import type { PullWork } from './work.js';

/** Bytes fetched between two records of what is durable. */
const RECORD_EVERY = 16 * 1024 * 1024;

/**
 * Pulls a page blob to a file: sparse, resumable, checked. The file gets its name when all of it is there, compared with
 * a digest of the blob, and durable: see `docs/PROTOCOL.md`. Throws a `VhdupError`; after `cancelled`, `transfer-failed`
 * and `output-unwritable` the same call resumes, after `source-changed` and `content-differs` it starts again.
 */
export async function pull(uri: string, path: string, options: PullOptions = {}): Promise<PullResult> {
  const { format = 'dynamic', overwrite = false } = options;
  if (options.onto !== undefined && format !== 'dynamic')
    throw new VhdupError('usage', `--onto makes a differencing VHD, which --format ${format} is not`);
  const session = new Session(options);
  const source = await PullSource.open(session, uri, format);
  await using parent =
    options.onto === undefined ? undefined : await PullParent.open(session, source, options.onto, path, options);
  const output = new PullOutput(path, overwrite);
  await output.checkPlace(parent);
  const job = {
    blob: source.blob.uri,
    etag: source.properties.etag,
    format: parent ? 'differencing' : format,
    onto: parent?.digest ?? null,
  };
  const work: PullWork = { job, source, parent, format, acceptsDiffering: options.checkMd5 === false };

  await using lock = await lockOutput(session, output);
  const folder = pulledFolder(options);
  const published = await publishedFile(output, work);
  if (published !== undefined) {
    await forget(output, work, published, folder);
    return resultOf(session, work, path, 'resumed', await comparable(session, work, options));
  }
  if (folder !== undefined && (await isPulled(folder, output, work)))
    return resultOf(session, work, path, 'already-there', await comparable(session, work, options));
  await output.checkFree();
  await using part = await PartFile.open(session, work, output, lock);
  return await make(session, work, part, options);
}

/**
 * Removes the record of how the file was made, after it has recorded in the state folder that the pull is done. So at any moment
 * one of the two records says so. Never throws; if the first record cannot be removed, the next run finds it.
 */
async function forget(
  output: PullOutput,
  work: PullWork,
  identity: string | undefined,
  folder: string | undefined,
): Promise<void> {
  if (folder !== undefined && identity !== undefined) await recordPulled(folder, output, work, identity);
  await output.forget().catch(() => undefined);
}

/** Fetches, finishes, checks, and only then gives the file its name. */
async function make(session: Session, work: PullWork, part: PartFile, options: PullOptions): Promise<PullResult> {
  if (part.found) session.note('resuming: what an earlier run made durable is kept');
  const fetched = await fetchAll(session, work, part, options.recordEvery ?? RECORD_EVERY);
  session.progress('finish', 0, 0);
  await part.writer.finish();
  await part.recordFinished();
  const checked = await check(session, work, part, options);
  await work.parent?.check();
  const identity = await part.recordReady();
  await part.publish();
  await forget(part.output, work, identity, pulledFolder(options));
  return resultOf(session, work, part.output.path, part.found ? 'resumed' : 'pulled', checked, fetched);
}

/** Checks the content. Records a difference, so that the next run fetches all anew, or accepts what is there. If the part file is no disk, removes its record. */
async function check(
  session: Session,
  work: PullWork,
  part: PartFile,
  options: PullOptions,
): Promise<PullResult['checked']> {
  try {
    return await checkContent(session, work, part, options);
  } catch (error) {
    if (error instanceof VhdupError && error.code === 'content-differs') await part.recordDiffering();
    if (error instanceof VhdupError && error.code === 'disk-invalid') await part.giveUp();
    throw error;
  }
}

function resultOf(
  session: Session,
  { job, source }: PullWork,
  output: string,
  outcome: PullResult['outcome'],
  checked: PullResult['checked'],
  fetched?: Fetched,
): PullResult {
  return {
    blob: source.blob.uri,
    output,
    format: job.format as PullResult['format'],
    id: source.tail?.id,
    size: source.diskSize,
    fetched: fetched?.fetched ?? 0,
    stored: fetched?.stored ?? 0,
    requests: fetched?.requests ?? 0,
    contentMd5: source.properties.contentMd5?.toString('base64'),
    checked,
    outcome,
    warnings: session.warnings,
  };
}
