import { refusal, type Answer, type OwnAnswer } from './answer.js';
import type { Direct } from './direct.js';
import { WRITES, blobPathOf, queryOf, type GateRecord } from './record.js';

/** How copies go from now on. */
export interface CopyScript {
  /** So many looks at the destination find it pending; `Infinity` for a copy that ends only by an abort. */
  readonly polls: number;
  readonly end: 'success' | 'failed';
}

interface Copy {
  readonly id: string;
  readonly source: string;
  readonly sourceEtag: string | undefined;
  readonly size: number;
  readonly end: CopyScript['end'];
  readonly polls: number;
  looks: number;
  status: 'pending' | 'success' | 'failed' | 'aborted';
  description: string | undefined;
}

/**
 * Copies as the service makes them: at work for a while, refusing writes meanwhile, failing where the source changes.
 * Azurite makes the copy at once; the gate says that it is pending, and empties the blob where it comes to nothing.
 */
export class Copies {
  readonly #direct: Direct;
  readonly #byPath = new Map<string, Copy>();

  constructor(direct: Direct) {
    this.#direct = direct;
  }

  /** Before a request is passed on: the answer to an abort, or to a write that has to wait. */
  async refusal({ kind, url, headers }: GateRecord): Promise<OwnAnswer | undefined> {
    const path = blobPathOf(url);
    const copy = this.#byPath.get(path);
    if (kind === 'abort-copy' && copy)
      return this.#abort(path, copy, queryOf(url).get('copyid'), headers['x-ms-copy-action']);
    if (copy?.status === 'pending' && WRITES.has(kind))
      return refusal(409, 'PendingCopyOperation', 'There is currently a pending copy operation.');
    return undefined;
  }

  /** After a request was served: begins a copy, or shows how far one is. */
  async show({ kind, url, headers }: GateRecord, answer: Answer, script: CopyScript | undefined): Promise<void> {
    const path = blobPathOf(url);
    if (
      answer.status < 300 &&
      (kind === 'create' || kind === 'delete' || kind === 'copy') &&
      !queryOf(url).has('snapshot')
    )
      this.#byPath.delete(path);
    if (answer.status === 202 && kind === 'copy' && script)
      await this.#begin(path, String(headers['x-ms-copy-source']), answer, script);
    const copy = this.#byPath.get(path);
    if (!copy || kind !== 'properties' || answer.status !== 200) return;
    if (copy.status === 'pending' && ++copy.looks > copy.polls) await this.#end(path, copy);
    const { 'x-ms-copy-completion-time': completed, ...rest } = answer.headers;
    const done =
      copy.status === 'pending'
        ? Math.floor((copy.size * copy.looks) / (copy.polls + 1) / 512) * 512
        : copy.status === 'success'
          ? copy.size
          : 0;
    answer.headers = {
      ...rest,
      ...(copy.status === 'pending' ? {} : { 'x-ms-copy-completion-time': completed }),
      ...(copy.status === 'failed' || copy.status === 'aborted' ? await this.#emptied(path) : {}),
      'x-ms-copy-id': copy.id,
      'x-ms-copy-status': copy.status,
      'x-ms-copy-progress': `${done}/${copy.size}`,
      ...(copy.description === undefined ? {} : { 'x-ms-copy-status-description': copy.description }),
    };
  }

  async #begin(path: string, source: string, answer: Answer, { polls, end }: CopyScript): Promise<void> {
    const size = (await this.#direct.properties(path))?.contentLength ?? 0;
    this.#byPath.set(path, {
      id: String(answer.headers['x-ms-copy-id']),
      source,
      sourceEtag: await this.#direct.etagOf(source),
      size,
      end,
      polls,
      looks: 0,
      status: 'pending',
      description: undefined,
    });
    answer.headers = { ...answer.headers, 'x-ms-copy-status': 'pending' };
  }

  async #end(path: string, copy: Copy): Promise<void> {
    const isChanged = (await this.#direct.etagOf(copy.source)) !== copy.sourceEtag;
    copy.status = isChanged ? 'failed' : copy.end;
    if (copy.status !== 'failed') return;
    copy.description = isChanged
      ? '412 ConditionNotMet "The source changed while it was copied."'
      : '500 InternalError "Copy failed."';
    await this.#empty(path);
  }

  async #abort(path: string, copy: Copy, id: string | null, action: unknown): Promise<OwnAnswer> {
    if (action !== 'abort') return refusal(400, 'MissingRequiredHeader', 'x-ms-copy-action is missing.');
    if (id !== copy.id)
      return refusal(
        409,
        'CopyIdMismatch',
        'The specified copy ID did not match the copy ID for the pending copy operation.',
      );
    if (copy.status !== 'pending')
      return refusal(409, 'NoPendingCopyOperation', 'There is currently no pending copy operation.');
    copy.status = 'aborted';
    await this.#empty(path);
    return { status: 204 };
  }

  /** What the service leaves of a copy that came to nothing: a blob of length zero with its metadata. */
  async #empty(path: string): Promise<void> {
    const blob = this.#direct.blob(path);
    await blob.resize(0);
    await blob.setHTTPHeaders({});
  }

  /** The properties may have been read before the blob was emptied. */
  async #emptied(path: string): Promise<Record<string, string>> {
    const { etag = '' } = (await this.#direct.properties(path)) ?? {};
    return { etag, 'content-length': '0', 'content-md5': '' };
  }
}
