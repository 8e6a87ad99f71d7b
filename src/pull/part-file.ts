import { basename } from 'node:path';
import type { DiskWriter } from '../disk/disk-writer.js';
import { FlatWriter } from '../disk/flat-writer.js';
import { OutputFile } from '../disk/output-file.js';
import { SparseVhdWriter, type SparseSpec } from '../disk/vhd/writer.js';
import type { Session } from '../session/session.js';
import type { Lock } from '../state/lock.js';
import { thisOwner } from '../state/owner.js';
import { takeEarlierPart, type TakenPart } from './earlier-part.js';
import type { PullOutput } from './output.js';
import { passTick } from './pulled-record.js';
import { changeOf, readPullRecord, writePullRecord, type Durable, type PullRecord } from './record.js';
import { endOfDone } from './window-log.js';
import { imageSize, type PullWork } from './work.js';

/** All windows. */
const ALL: Pick<Durable, 'below' | 'ahead'> = { below: Number.MAX_SAFE_INTEGER, ahead: [] };

/** The file under its passing name, and the record of what of it is durable. */
export class PartFile implements AsyncDisposable {
  readonly path: string;
  readonly writer: DiskWriter;
  /** What an earlier run has left. */
  readonly found: Durable | undefined;
  /** Below this offset, others may have written to the file while no run held the lock; 0 if it is proved that nobody did. */
  readonly foreignBelow: number;
  readonly #file: OutputFile;
  readonly output: PullOutput;
  readonly #lock: Lock;
  readonly #work: PullWork;
  /** The record as it was written last. */
  #record: PullRecord | undefined;

  private constructor(
    file: OutputFile,
    writer: DiskWriter,
    { output, lock, work, taken }: { output: PullOutput; lock: Lock; work: PullWork; taken: TakenPart | undefined },
  ) {
    this.path = file.path;
    this.#file = file;
    this.writer = writer;
    this.output = output;
    this.#lock = lock;
    this.#work = work;
    this.found = taken?.record.durable;
    this.foreignBelow = taken && !taken.isOnlyOurs ? endOfDone(taken.record.durable) : 0;
    this.#record = taken?.record;
  }

  /** Resumes the part file of an earlier run of the same job, else begins a new one. Throws `destination-busy` if the lock is lost. */
  static async open(session: Session, work: PullWork, output: PullOutput, lock: Lock): Promise<PartFile> {
    const taken = await takeEarlierPart(session, work, output, lock);
    // The record is removed first: it must not describe a file that is begun anew.
    if (!taken) await output.forget();
    const path = output.partPath(lock.token);
    const file = taken ? await OutputFile.reopen(path) : await OutputFile.create(path);
    try {
      // Nothing is written to a file that another process has taken over meanwhile.
      await lock.check();
      await output.sweep(path);
      return new PartFile(file, await writerFor(work, file, taken?.record.durable), { output, lock, work, taken });
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Makes durable what was put, then records `done`, which was done before this call. */
  async record(done: Pick<Durable, 'below' | 'ahead'>): Promise<void> {
    const { end } = this.writer;
    await this.writer.sync();
    await this.#write({ ...done, end }, 'fetching', null);
  }

  /** Records the stamp of a finished file. This run writes nothing more to it, so the next run can see whether others did. */
  async recordFinished(): Promise<void> {
    await this.#write({ ...ALL, end: this.writer.end }, 'fetching', null, await this.#stamp());
  }

  /** Records of a file that is finished, so durable, that it is not what Content-MD5 says. */
  recordDiffering(): Promise<void> {
    return this.#write({ ...ALL, end: this.writer.end }, 'differs', null);
  }

  /** Removes the record, so that the next run begins anew. */
  async giveUp(): Promise<void> {
    this.#record = undefined;
    await this.output.forget();
  }

  /** Records that the file is finished and checked, and may get its name. Returns its identity, which a rename does not change. */
  async recordReady(): Promise<string | undefined> {
    const identity = await this.output.identityOf(this.path);
    await this.#write({ ...ALL, end: this.writer.end }, 'ready', identity ?? null);
    return identity;
  }

  /** Gives the finished file its name. The record stays: see `publishedFile`. */
  async publish(): Promise<void> {
    await passTick(this.path);
    await this.output.publish(this.path, this.#lock);
    this.#record = undefined;
  }

  async #write(
    durable: Omit<Durable, 'fileSize'>,
    state: PullRecord['state'],
    identity: string | null,
    stamp: string | null = null,
  ): Promise<void> {
    const { job, acceptsDiffering } = this.#work;
    await this.#save({
      job,
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
    return this.foreignBelow === 0 ? ((await this.output.stampOf(this.path)) ?? null) : null;
  }

  /** Closes the file, and records that, so that the next run can resume it on any machine. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
    if (this.#record)
      await this.#save({ ...this.#record, stamp: await this.#stamp(), owner: null }).catch(() => undefined);
  }
}

/**
 * Returns the identity of the output if a run was killed between giving the finished file its name and forgetting how it was
 * made. What it accepted without a comparison is not what this run asks for, unless this one accepts that too.
 */
export async function publishedFile(
  output: PullOutput,
  { job, acceptsDiffering }: PullWork,
): Promise<string | undefined> {
  const record = await readPullRecord(output.recordPath);
  if (
    record?.state !== 'ready' ||
    changeOf(record.job, job) !== undefined ||
    (record.acceptsDiffering && !acceptsDiffering)
  )
    return undefined;
  return record.identity !== null && record.identity === (await output.identityOf(output.path))
    ? record.identity
    : undefined;
}

async function writerFor(work: PullWork, file: OutputFile, found: Durable | undefined): Promise<DiskWriter> {
  const { source, parent, format } = work;
  if (format !== 'dynamic') {
    const footer = format === 'fixed' ? source.footer : new Uint8Array(0);
    return found
      ? FlatWriter.resume(file, imageSize(work), footer, endOfDone(found))
      : FlatWriter.create(file, imageSize(work), footer);
  }
  const spec: SparseSpec = { footer: source.footer, parent: parent?.link };
  return found ? SparseVhdWriter.resume(file, spec, found.end) : SparseVhdWriter.create(file, spec);
}
