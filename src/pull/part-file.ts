import type { DiskWriter } from '../disk/disk-writer.js';
import { FlatWriter } from '../disk/flat-writer.js';
import { OutputFile } from '../disk/output-file.js';
import { SparseVhdWriter, type SparseSpec } from '../disk/vhd/writer.js';
import type { Session } from '../session/session.js';
import type { PullFormat } from './options.js';
import type { PullOutput } from './output.js';
import type { PullParent } from './parent.js';
import { readPullRecord, writePullRecord, type Durable, type PullJob, type PullRecord } from './record.js';
import type { PullSource } from './source.js';

/** What is to be made, and from what. */
export interface PullWork {
  readonly job: PullJob;
  readonly source: PullSource;
  readonly parent: PullParent | undefined;
  readonly format: PullFormat;
  /** Whether what an earlier run found to differ from Content-MD5 is taken now. */
  readonly acceptsDiffering: boolean;
}

/** Bytes of the blob that go into the image at their own place, from the start. */
export function imageSize({ source, format }: PullWork): number {
  return format === 'fixed' ? source.contentSize : source.diskSize;
}

/** All windows. */
const ALL: Pick<Durable, 'below' | 'ahead'> = { below: Number.MAX_SAFE_INTEGER, ahead: [] };

/** The file under its passing name, and the record of what of it is durable. */
export class PartFile implements AsyncDisposable {
  readonly writer: DiskWriter;
  /** What an earlier run has left. */
  readonly found: Durable | undefined;
  readonly #file: OutputFile;
  readonly #output: PullOutput;
  readonly #job: PullJob;

  private constructor(file: OutputFile, writer: DiskWriter, output: PullOutput, job: PullJob, found: Durable | undefined) {
    this.#file = file;
    this.writer = writer;
    this.#output = output;
    this.#job = job;
    this.found = found;
  }

  /** Goes on with what is there if it is of this very job, else begins. */
  static async open(session: Session, work: PullWork, output: PullOutput): Promise<PartFile> {
    const resumed = await PartFile.#resume(session, work, output);
    if (resumed) return resumed;
    // First the record goes: it must not speak of a file that is begun anew.
    await output.forget();
    const file = await OutputFile.create(output.partPath);
    try {
      const { source, format } = work;
      const writer = format === 'dynamic' ? await SparseVhdWriter.create(file, sparseSpec(work)) : await FlatWriter.create(file, imageSize(work), format === 'fixed' ? source.footer : undefined);
      return new PartFile(file, writer, output, work.job, undefined);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  static async #resume(session: Session, work: PullWork, output: PullOutput): Promise<PartFile | undefined> {
    const record = await readPullRecord(output.recordPath);
    const isThere = await output.identityOf(output.partPath) !== undefined;
    if (!record || !isThere) return undefined;
    const { job, source, format } = work;
    const change = changeOf(record.job, job) ?? (record.state === 'differs' && !work.acceptsDiffering ? 'what was pulled then did not fit its Content-MD5' : undefined);
    if (change !== undefined) {
      session.warn(`an earlier pull to ${output.path} cannot be resumed, so it starts again: ${change}`);
      return undefined;
    }
    const file = await OutputFile.reopen(output.partPath);
    try {
      if (await file.size() < record.durable.fileSize) {
        session.warn(`an earlier pull to ${output.path} cannot be resumed, so it starts again: its file was cut`);
        await file.close();
        return undefined;
      }
      const writer = format === 'dynamic' ? await SparseVhdWriter.resume(file, sparseSpec(work), record.durable.end) : FlatWriter.resume(file, imageSize(work), format === 'fixed' ? source.footer : undefined);
      return new PartFile(file, writer, output, job, record.durable);
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

  /** Records of a file that is finished, so durable, that it is not what Content-MD5 says. */
  recordDiffering(): Promise<void> {
    return this.#write({ ...ALL, end: this.writer.end }, 'differs', null);
  }

  /** Records of a file that is finished and checked that it may get its name. */
  async recordReady(): Promise<void> {
    await this.#write({ ...ALL, end: this.writer.end }, 'ready', await this.#output.identityOf(this.#output.partPath) ?? null);
  }

  async #write(durable: Omit<Durable, 'fileSize'>, state: PullRecord['state'], identity: string | null): Promise<void> {
    await writePullRecord(this.#output.recordPath, { job: this.#job, durable: { ...durable, fileSize: await this.#file.size() }, state, identity });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}

/** True where a run was killed between giving the finished file its name and forgetting how it was made. */
export async function isPublished(output: PullOutput, job: PullJob): Promise<boolean> {
  const record = await readPullRecord(output.recordPath);
  if (record?.state !== 'ready' || changeOf(record.job, job) !== undefined) return false;
  return record.identity !== null && record.identity === await output.identityOf(output.path);
}

function sparseSpec({ source, parent }: PullWork): SparseSpec {
  return { footer: source.footer, parent: parent?.link };
}

function changeOf(before: PullJob, now: PullJob): string | undefined {
  if (before.blob !== now.blob) return `it was of another blob, ${before.blob}`;
  if (before.etag !== now.etag) return 'the blob has changed since';
  if (before.format !== now.format) return `it was made in another format, ${before.format}`;
  if (before.onto !== now.onto) return 'the local ancestor is another one, or was changed';
  return undefined;
}
