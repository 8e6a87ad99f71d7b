import { createHash } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';

/** The least that an upload can be: reads ranges of a file and puts them, and nothing else. Its argument names a `FloorJob`. */

export interface FloorJob {
  readonly file: string;
  /** Of the blob, with the SAS. */
  readonly url: string;
  /** Each at most 4 MiB. */
  readonly ranges: readonly (readonly [offset: number, length: number])[];
  /** Sends Content-MD5 with each. */
  readonly md5: boolean;
  readonly concurrency: number;
}

const MOST = 4 * 1024 * 1024;
const job = JSON.parse(await readFile(process.argv[2] ?? '', 'utf8')) as FloorJob;
const agent = new Agent({ keepAlive: true, maxSockets: job.concurrency });
const { hostname, port, pathname, search } = new URL(job.url);
const path = `${pathname}${search}&comp=page`;
const file = await open(job.file);
let next = 0;
await Promise.all(Array.from({ length: job.concurrency }, work));
await file.close();
agent.destroy();

async function work(): Promise<void> {
  const buffer = Buffer.allocUnsafeSlow(MOST);
  for (let range = job.ranges[next++]; range; range = job.ranges[next++]) {
    const [offset, length] = range;
    const piece = buffer.subarray(0, length);
    await file.read(piece, 0, length, offset);
    await put(offset, piece);
  }
}

function put(offset: number, piece: Buffer): Promise<void> {
  const headers = {
    'content-length': piece.length,
    'x-ms-version': '2021-12-02',
    'x-ms-page-write': 'update',
    'x-ms-range': `bytes=${offset}-${offset + piece.length - 1}`,
    ...(job.md5 ? { 'content-md5': createHash('md5').update(piece).digest('base64') } : {}),
  };
  return new Promise((resolve, reject) => {
    request({ agent, hostname, port, path, method: 'PUT', headers }, (response) => {
      response.resume().on('end', () => {
        if (response.statusCode === 201) resolve();
        else reject(new Error(`Put Page was answered with ${response.statusCode ?? 'nothing'}`));
      });
    })
      .on('error', reject)
      .end(piece);
  });
}
