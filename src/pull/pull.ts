import { hasCode, VhdupError } from '../errors.js';
import { Session } from '../session/session.js';
import { checkContent, chooseDigest } from './check.js';
import { fetchAll, type DownloadStats } from './fetch.js';
import { lockOutput } from './lock.js';
import { PULL_RULES, type PullOptions } from './options.js';
import { PullOutput } from './output.js';
import { PullParent } from './parent.js';
import { PartFile, publishedFile } from './part-file.js';
import { isPulled, recordPulled } from './pulled-record.js';
import type { PullResult } from './result.js';
import { PullSource } from './source.js';
import type { PullTask } from './task.js';
import { option } from '../option-names.js';
import { checkOptions } from '../option-rules.js';

/**
 * Pulls a page blob to a file: sparse, resumable, checked. The file gets its name when all of it is there, compared with
 * a digest of the blob, and durable: see `docs/PROTOCOL.md`. Throws a `VhdupError`; after `cancelled`, `transfer-failed`
 * and `output-unwritable` the same call resumes, after `source-changed` and `content-differs` it starts again.
 */
export async function pull(uri: string, path: string, options: PullOptions = {}): Promise<PullResult> {
  const { format = 'dynamic', overwrite = false } = options;
  if (options.onto !== undefined && format !== 'dynamic')
    throw new VhdupError(
      'usage',
      `${option('onto')} makes a differencing VHD, which ${option('format', format)} is not`,
    );
  const session = new Session(options);
  checkOptions(options, PULL_RULES);
  const source = await PullSource.open(session, uri, format);
  await using parent =
    options.onto === undefined
      ? undefined
      : await PullParent.open(session, source, { ...options, path: options.onto, output: path });
  const output = new PullOutput(path, overwrite);
  await output.checkPath(parent);
  const key = {
    blob: source.blob.uri,
    etag: source.properties.etag,
    format: parent ? 'differencing' : format,
    onto: parent?.digest ?? null,
  };
  const acceptsDiffering = options.checkMd5 === false;
  const task: PullTask = { session, options, key, source, parent, output, format, acceptsDiffering };

  await using lock = await lockOutput(session, output);
  const published = await publishedFile(task);
  if (published !== undefined) {
    await recordDone(task, published);
    return resultOf(task, 'resumed', await chooseDigest(task));
  }
  if (await isPulled(task)) return resultOf(task, 'already-there', await chooseDigest(task));
  await output.checkFree();
  await using part = await PartFile.open(task, lock);
  return await download(task, part);
}

/** Fetches, finishes and checks the file, and only then gives it its name. */
async function download(task: PullTask, part: PartFile): Promise<PullResult> {
  const { session } = task;
  if (part.resumedFrom) session.note('resuming: what an earlier run has stored is kept');
  const stats = await fetchAll(task, part);
  session.progress('finish', 0, 0);
  await part.writer.finish();
  await part.recordFinished();
  const checked = await check(task, part);
  await task.parent?.check();
  const identity = await part.recordReady();
  await part.publish();
  await recordDone(task, identity);
  return resultOf(task, part.resumedFrom ? 'resumed' : 'pulled', checked, stats);
}

/**
 * Records in the state folder that the pull is done, then removes the record of how the file was made. So at any moment one of the
 * two records says so. Never throws: if the latter record cannot be removed, the next run finds it.
 */
async function recordDone(task: PullTask, identity: string | undefined): Promise<void> {
  if (identity !== undefined) await recordPulled(task, identity);
  await task.output.deleteRecord().catch(() => undefined);
}

/**
 * Checks the content. Records if it differs, so that the next run fetches all anew, or accepts it. Removes the record if the part
 * file is not a disk.
 */
async function check(task: PullTask, part: PartFile): Promise<PullResult['checked']> {
  try {
    return await checkContent(task, part);
  } catch (error) {
    if (hasCode(error, 'content-differs')) await part.recordDiffering();
    if (hasCode(error, 'disk-invalid')) await part.discardRecord();
    throw error;
  }
}

function resultOf(
  { session, key, source, output }: PullTask,
  outcome: PullResult['outcome'],
  checked: PullResult['checked'],
  { fetched, stored, requests }: DownloadStats = { fetched: 0, stored: 0, requests: 0 },
): PullResult {
  return {
    blob: source.blob.uri,
    output: output.path,
    format: key.format as PullResult['format'],
    id: source.tail?.id,
    virtualSize: source.diskSize,
    blobSize: source.properties.size,
    fetched,
    stored,
    requests,
    contentMd5: source.properties.contentMd5?.toString('base64'),
    checked,
    outcome,
    warnings: session.warnings,
    ...session.paceOf(fetched),
  };
}
