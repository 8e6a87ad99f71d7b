import { once } from 'node:events';
import { Agent, createServer, request as forward, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { startAzurite } from '../../test/support/azurite.js';
import { containerOf } from '../../test/support/blobs.js';
import { CONTAINER, targetAt, type AzuriteTarget } from './target.js';

/** An Azurite behind a proxy that counts requests. */
export interface CountedTarget extends AzuriteTarget {
  /** What was counted since `reset`, by kind and type of blob, such as `GET leaves`. */
  readonly requests: Readonly<Record<string, number>>;
  /** The proxy does Put Page From URL, which Azurite does not know: it reads from the one blob and writes to the other. */
  copiesRanges: boolean;
  reset(): void;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

const LIST_OF_LEAVES = /\.vhdup-leaves$/;

/**
 * Starts an Azurite in this process, in which copies do not share pages with their source, and a proxy before it. Not
 * for measuring time.
 */
export async function startCountedTarget(): Promise<CountedTarget> {
  const azurite = await startAzurite();
  const { hostname, port } = new URL(azurite.url);
  const agent = new Agent({ keepAlive: true });
  let requests: Record<string, number> = {};

  const serve = async (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const kind = kindOf(incoming);
    requests[kind] = (requests[kind] ?? 0) + 1;
    const body = await buffer(incoming);
    const isCopy = kind === COPY && target.copiesRanges;
    const {
      status,
      headers,
      body: content,
    } = isCopy
      ? await copyRange(incoming)
      : kind === 'GET metadata'
        ? await metadataOf(incoming)
        : await pass(incoming, body);
    // By the server's name the tool knows an emulator, which copies no ranges.
    const named = Object.entries(headers).filter(([name]) => name !== 'server' || !target.copiesRanges);
    outgoing.writeHead(status, Object.fromEntries(named)).end(content);
  };

  const pass = async ({ method, url, headers }: Partial<IncomingMessage>, body: Buffer): Promise<Answer> => {
    const upstream = forward({ agent, hostname, port, method, path: url, headers }).end(body);
    const [answer] = (await once(upstream, 'response')) as [IncomingMessage];
    return { status: answer.statusCode ?? 0, headers: answer.headers, body: await buffer(answer) };
  };

  /** Before a copy, Azurite asks for the metadata of the source, and would answer itself with all of the blob. */
  const metadataOf = async ({ url, headers }: IncomingMessage): Promise<Answer> => {
    const answer = await pass({ method: 'HEAD', url, headers }, Buffer.alloc(0));
    return { ...answer, headers: { ...answer.headers, 'content-length': '0' } };
  };

  const copyRange = async ({ method, url, headers }: IncomingMessage): Promise<Answer> => {
    const source = new URL(String(headers['x-ms-copy-source']));
    const conditions = Object.entries(headers)
      .filter(([name]) => name.startsWith('x-ms-source-if-'))
      .map(([name, value]) => [name.replace('x-ms-source-', ''), value] as const);
    const read = await pass(
      {
        method: 'GET',
        url: `${source.pathname}${source.search}`,
        headers: {
          'x-ms-version': headers['x-ms-version'],
          'x-ms-range': headers['x-ms-source-range'],
          ...Object.fromEntries(conditions),
        },
      },
      Buffer.alloc(0),
    );
    if (read.status >= 300) return read;
    const own = Object.entries(headers).filter(([name]) => !/^x-ms-(copy-)?source/.test(name));
    return pass(
      { method, url, headers: { ...Object.fromEntries(own), 'content-length': String(read.body.length) } },
      read.body,
    );
  };

  const server = createServer((incoming, outgoing) => {
    serve(incoming, outgoing).catch(() => outgoing.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const target: CountedTarget = {
    ...targetAt('Azurite', `http://127.0.0.1:${(server.address() as AddressInfo).port}/devstoreaccount1`),
    container: await containerOf(azurite, CONTAINER),
    get requests() {
      return requests;
    },
    copiesRanges: false,
    reset: () => {
      requests = {};
    },
    stop: async () => {
      agent.destroy();
      server.closeAllConnections();
      server.close();
      await azurite.stop();
    },
  };
  return target;
}

const COPY = 'copy-pages';

/** Reads are counted by what they read; the rest by what it does. */
function kindOf({ method = '', url = '', headers }: IncomingMessage): string {
  const { pathname, searchParams } = new URL(url, 'http://azurite');
  const of = LIST_OF_LEAVES.test(pathname) ? ' leaves' : '';
  const comp = searchParams.get('comp');
  if (comp === 'page' && headers['x-ms-copy-source'] !== undefined) return COPY;
  if (comp === 'page') return headers['x-ms-page-write'] === 'clear' ? 'clear-pages' : 'put-page';
  return `${method}${comp === null ? '' : ` ${comp}`}${of}`;
}
