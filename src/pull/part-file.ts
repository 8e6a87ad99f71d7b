import { basename } from 'node:path';
import type { DiskWriter } from '../disk/disk-writer.js';
import { FlatWriter } from '../disk/flat-writer.js';
import { OutputFile } from '../disk/output-file.js';
import { SparseVhdWriter, type SparseSpec } from '../disk/vhd/writer.js';
import type { Lock } from '../state/lock.js';
import { thisOwner } from '../state/owner.js';
import { endOfCompleted } from './completed-windows.js';
import { resumeEarlierPart, type ResumedPart } from './earlier-part.js';
import type { PullOutput } from './output.js';
import { waitForNextTick } from './pulled-record.js';
import { changeOf, readPullRecord, writePullRecord, type DurableState, type PullRecord } from './record.js';
import { imageSize, type PullTask } from './task.js';

/** All windows are completed. */
const ALL_WINDOWS: Pick<DurableState, 'below' | 'ahead'> = { below: Number.MAX_SAFE_INTEGER, ahead: [] };

/** The file under its temporary name, and the record of its durable part. */
export class PartFile implements AsyncDisposable {
  readonly path: string;
  readonly writer: DiskWriter;
  /** What an earlier run has made durable; `undefined` if this run has begun the file. */
  readonly resumedFrom: DurableState | undefined;
  /** Below this offset, others may have written to the file while no run held the lock; 0 if it is proved that only this pull did. */
  readonly unprovedBelow: number;
  readonly #file: OutputFile;
  readonly output: PullOutput;
  readonly #lock: Lock;
  readonly #task: PullTask;
  /** The record as it was written last. */
  #record: PullRecord | undefined;

  private constructor(
    file: OutputFile,
    writer: DiskWriter,
    { lock, task, resumed }: { lock: Lock; task: PullTask; resumed: ResumedPart | undefined },
  ) {
    this.path = file.path;
    this.#file = file;
    this.writer = writer;
    this.output = task.output;
    this.#lock = lock;
    this.#task = task;
    this.resumedFrom = resumed?.record.durable;
    this.unprovedBelow = resumed && !resumed.isUntouched ? endOfCompleted(resumed.record.durable) : 0;
    this.#record = resumed?.record;
  }

  /** Resumes the part file of an earlier run with the same key, else begins a new one. Throws `destination-busy` if the lock is lost. */
  static async open(task: PullTask, lock: Lock): Promise<PartFile> {
    const { output } = task;
    const resumed = await resumeEarlierPart(task, lock);
    // The record is removed first: it must not describe a file that is begun anew.
    if (!resumed) await output.deleteRecord();
    const path = output.partPath(lock.token);
    const file = resumed ? await OutputFile.reopen(path) : await OutputFile.create(path);
    try {
      // Another process may have resumed over the file meanwhile. Then nothing is written to it.
      await lock.check();
      await output.removeLeftovers(path);
      return new PartFile(file, await writerFor(task, file, resumed?.record.durable), { lock, task, resumed });
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Makes the file durable, then records `completed`: windows that were completed before this call. */
  async record(completed: Pick<DurableState, 'below' | 'ahead'>): Promise<void> {
    const { end } = this.writer;
    await this.writer.sync();
    await this.#write({ ...completed, end }, 'fetching', null);
  }

  /** Records the stamp of the finished file. This run writes nothing more to it, so the next run can find out whether others did. */
  async recordFinished(): Promise<void> {
    await this.#write({ ...ALL_WINDOWS, end: this.writer.end }, 'fetching', null, await this.#stamp());
  }

  /** Records that the finished file does not match the blob's digest. */
  recordDiffering(): Promise<void> {
    return this.#write({ ...ALL_WINDOWS, end: this.writer.end }, 'differs', null);
  }

  /** Removes the record, so that the next run begins anew. */
  async discardRecord(): Promise<void> {
    this.#record = undefined;
    await this.output.deleteRecord();
  }

  /** Records that the file is finished and checked, and may get its name. Returns its identity, which a rename does not change. */
  async recordReady(): Promise<string | undefined> {
    const identity = await this.output.identityOf(this.path);
    await this.#write({ ...ALL_WINDOWS, end: this.writer.end }, 'ready', identity ?? null);
    return identity;
  }

  /** Gives the finished file its name. The record stays, see `publishedFile`. */
  async publish(): Promise<void> {
    await waitForNextTick(this.path);
    await this.output.publish(this.path, this.#lock);
    this.#record = undefined;
  }

  async #write(
    durable: Omit<DurableState, 'fileSize'>,
    state: PullRecord['state'],
    identity: string | null,
    stamp: string | null = null,
  ): Promise<void> {
    const { key, acceptsDiffering } = this.#task;
    await this.#save({
      job: key,
      acceptsDiffering,
      durable: { ...durable, fileSize: await this.#file.size() },
      state,
      identity,
      part: basename(this.path),
      formerPart: null,
      stamp,
      owner: thisOwner(),
    });
  }

  async #save(record: PullRecord): Promise<void> {
    await this.#lock.check();
    await writePullRecord(this.output.recordPath, record);
    this.#record = record;
  }

  /** Returns the file's stamp; `null` if others may have written to it. */
  async #stamp(): Promise<string | null> {
    return this.unprovedBelow === 0 ? ((await this.output.stampOf(this.path)) ?? null) : null;
  }

  /** Closes the file, and records that, so that the next run can resume it on any machine. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
    if (this.#record)
      await this.#save({ ...this.#record, stamp: await this.#stamp(), owner: null }).catch(() => undefined);
  }
}

/**
 * Returns the identity of the output if a run was killed after it had given the finished file its name, and before it had removed
 * the record. A file that was accepted without a comparison counts only if this run accepts that too.
 */
export async function publishedFile({ output, key, acceptsDiffering }: PullTask): Promise<string | undefined> {
  const record = await readPullRecord(output.recordPath);
  if (
    record?.state !== 'ready' ||
    changeOf(record.job, key) !== undefined ||
    (record.acceptsDiffering && !acceptsDiffering)
  )
    return undefined;
  return record.identity !== null && record.identity === (await output.identityOf(output.path))
    ? record.identity
    : undefined;
}

async function writerFor(task: PullTask, file: OutputFile, found: DurableState | undefined): Promise<DiskWriter> {
  const { source, parent, format } = task;
  if (format !== 'dynamic') {
    const footer = format === 'fixed' ? source.footer : new Uint8Array(0);
    return found
      ? FlatWriter.resume(file, imageSize(task), footer, endOfCompleted(found))
      : FlatWriter.create(file, imageSize(task), footer);
  }
  const spec: SparseSpec = { footer: source.footer, parent: parent?.link };
  return found ? SparseVhdWriter.resume(file, spec, found.end) : SparseVhdWriter.create(file, spec);
}
