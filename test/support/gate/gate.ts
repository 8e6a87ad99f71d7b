import { once } from 'node:events';
import { Agent, createServer, request as forward, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { addressOf, type Azurite } from '../azurite.js';
import type { Answer, OwnAnswer } from './answer.js';
import { Copies, type CopyScript } from './copies.js';
import { Direct } from './direct.js';
import { NO_FAULTS, REFUSALS, isRefusal, type Fault, type FaultScript } from './faults.js';
import { RangeCopies, type RangeCopyScript } from './from-url.js';
import { troubleName } from './names.js';
import { pageOf } from './paging.js';
import { noteBody, recordOf, type GateRecord } from './record.js';
import { Strictness } from './strict.js';

/** An HTTP proxy before an Azurite: as strict as the service, it records every request, and can step in before and after it is served. */
export interface Gate extends Azurite {
  records: GateRecord[];
  /** Keeps the bodies of requests in their records. */
  keepsBodies: boolean;
  /** Keeps the server's name from the tool, so that it takes it for the real service. */
  hidesEmulator: boolean;
  /** Refuses what the service refuses and Azurite does not. On, unless a test switches it off. */
  isStrict: boolean;
  /** How copies go: at once, as Azurite has it, where it is not set. */
  copies: CopyScript | undefined;
  /** How copies of ranges go, where the gate makes them: as the service makes them, unless a test says more. */
  rangeCopies: RangeCopyScript;
  /** Entries in a page of a listing, at most. */
  pageSize: number;
  /** What befalls requests. */
  faults: FaultScript;
  /** How late a slow answer is. */
  slowMs: number;
  /** Resolves when no request is under way. */
  idle(): Promise<void>;
  /** Before a request is passed on: an answer keeps it from Azurite, `drop` closes the connection. */
  onRequest: (record: GateRecord) => void | OwnAnswer | 'drop' | Promise<void | OwnAnswer | 'drop'>;
  /** After Azurite has done it: `drop` loses the answer. */
  onAnswer: (record: GateRecord) => void | 'drop' | Promise<void | 'drop'>;
}

/** How a gate is started. */
export interface GateOptions {
  readonly host?: '127.0.0.1' | 'localhost';
  readonly copiesRanges?: boolean;
}

/**
 * Starts a gate before `target`. Requests are signed without the host, so they pass as they are. `host`: how its URL names this machine;
 * `copiesRanges`: it plays Put Page From URL, to which Azurite answers 501.
 */
export async function startGate(
  target: Azurite,
  { host = '127.0.0.1', copiesRanges = false }: GateOptions = {},
): Promise<Gate> {
  const { hostname, port } = new URL(target.url);
  const agent = new Agent({ keepAlive: true });
  const direct = new Direct(target);
  const strictness = new Strictness(direct);
  const copies = new Copies(direct);
  const underWay = new Set<Promise<unknown>>();
  const server = createServer((incoming, outgoing) => {
    const served = serve(incoming, outgoing)
      .catch(() => outgoing.destroy())
      .finally(() => underWay.delete(served));
    underWay.add(served);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://${host}:${(server.address() as AddressInfo).port}/devstoreaccount1`;
  const rangeCopies = new RangeCopies(direct, url);
  let index = 0;
  const gate: Gate = {
    ...addressOf(url),
    records: [],
    keepsBodies: false,
    hidesEmulator: false,
    isStrict: true,
    copies: undefined,
    rangeCopies: { refuse: () => undefined, tokens: new Set() },
    pageSize: Infinity,
    faults: NO_FAULTS,
    slowMs: 20,
    idle: async () => {
      while (underWay.size > 0) await Promise.allSettled(underWay);
    },
    onRequest: () => undefined,
    onAnswer: () => undefined,
    stop: async () => {
      agent.destroy();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };

  async function serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const record = recordOf(++index, incoming);
    gate.records.push(record);
    const fault = gate.faults(record);
    const body = await receive(incoming, fault);
    if (!body) return void outgoing.destroy();
    noteBody(record, body, gate.keepsBodies);
    const own =
      (await gate.onRequest(record)) ??
      (await stopped(fault, outgoing)) ??
      (gate.isStrict ? await strictness.refusal(record, body) : undefined) ??
      (await copies.refusal(record));
    if (own === 'drop') return void outgoing.destroy();
    if (own) {
      record.status = own.status;
      outgoing.writeHead(own.status, own.headers);
      return void outgoing.end(own.body);
    }
    const passed = await passOn(incoming, body);
    const answer =
      copiesRanges && record.kind === 'copy-range' && passed.status === 501
        ? await rangeCopies.answer(record, gate.rangeCopies)
        : passed;
    record.status = answer.status;
    await copies.show(record, answer, gate.copies);
    pageOf(record, answer, gate.pageSize);
    if ((await gate.onAnswer(record)) === 'drop' || fault === 'answer-lost') return void outgoing.destroy();
    if (fault === 'slow') await sleep(gate.slowMs);
    if (fault === 'silent-after') return void (await once(outgoing, 'close'));
    if (fault === 'truncated') return cutShort(outgoing, record.method, answer);
    const sent = fault === 'halved' ? halfOf(answer) : answer;
    outgoing.writeHead(sent.status, sent.headers);
    outgoing.end(sent.body);
  }

  async function passOn(incoming: IncomingMessage, body: Buffer): Promise<Answer> {
    const upstream = forward({
      agent,
      hostname,
      port,
      method: incoming.method,
      path: incoming.url,
      headers: incoming.headers,
    });
    upstream.end(body);
    const [answer] = (await once(upstream, 'response')) as [IncomingMessage];
    const headers = Object.entries(answer.headers).filter(([name]) => name !== 'server' || !gate.hidesEmulator);
    return {
      status: answer.statusCode ?? 0,
      headers: Object.fromEntries(headers),
      body: (await readAll(answer)) ?? Buffer.alloc(0),
    };
  }

  /** The fault's own end to a request that is not to be done. */
  async function stopped(fault: Fault | undefined, outgoing: ServerResponse): Promise<OwnAnswer | 'drop' | undefined> {
    if (fault === undefined) return undefined;
    if (isRefusal(fault)) return REFUSALS[fault];
    if (fault === 'unresolved' || fault === 'refused') {
      troubleName(fault);
      server.closeIdleConnections();
      return 'drop';
    }
    if (fault === 'silent') {
      await once(outgoing, 'close');
      return 'drop';
    }
    return fault === 'reset-after-body' ? 'drop' : undefined;
  }
  return gate;
}

/** The body of a request; `undefined` where its connection is to be reset before all of it has come. */
async function receive(incoming: IncomingMessage, fault: Fault | undefined): Promise<Buffer | undefined> {
  if (fault === 'reset-before-body') return undefined;
  return readAll(incoming, fault === 'reset-during-body' ? 1 : Infinity);
}

/** `undefined` as soon as there are `limit` bytes, or where there are none that could be cut. */
async function readAll(stream: IncomingMessage, limit = Infinity): Promise<Buffer | undefined> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of stream) {
    parts.push(part as Buffer);
    length += (part as Buffer).length;
    if (length >= limit) return undefined;
  }
  return limit === Infinity ? Buffer.concat(parts) : undefined;
}

function halfOf({ status, headers, body }: Answer): Answer {
  const half = body.subarray(0, Math.floor(body.length / 2));
  return { status, headers: body.length === 0 ? headers : { ...headers, 'content-length': half.length }, body: half };
}

/** Ends the connection within the answer: within its head, where it has no body at all. */
function cutShort(outgoing: ServerResponse, method: string, { status, headers, body }: Answer): void {
  const { socket } = outgoing;
  if (method === 'HEAD') return void socket?.end(`HTTP/1.1 ${status} OK\r\nx-ms-cut: sho`, () => socket.destroy());
  const plain = Object.entries(headers).filter(([name]) => name !== 'transfer-encoding');
  outgoing.writeHead(status, { ...Object.fromEntries(plain), 'content-length': body.length + 7 });
  outgoing.write(body.length > 0 ? body.subarray(0, Math.ceil(body.length / 2)) : 'x', () => socket?.destroy());
}
