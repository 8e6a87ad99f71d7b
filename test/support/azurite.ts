import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const require = createRequire(import.meta.url);

/** A running Azurite. */
export interface Azurite {
  /** With the account in the path. */
  readonly url: string;
  readonly connectionString: string;
  /** What the tool needs in its environment. */
  readonly env: { readonly AZURE_STORAGE_CONNECTION_STRING: string };
  stop(): Promise<void>;
}

/** An Azurite in this process, whose store tests can reach into. */
export interface AzuriteHere extends Azurite {
  /** Lets the lease of a blob run out, as if its time had passed. */
  expireLease(container: string, blob: string): void;
  /** Lists the pages of a blob in ranges of `length` bytes, side by side; those that `keep` refuses are gone. Returns how many are left. */
  splitPages(container: string, blob: string, length: number, keep?: (offset: number) => boolean): number;
}

interface ExpiredLease {
  readonly lease: { readonly leaseId?: string };
  readonly context: { readonly contextId: string };
  renew(id: string): unknown;
}
interface Server {
  readonly metadataStore: MetadataStore;
  start(): Promise<void>;
  close(): Promise<void>;
  getHttpServerAddress(): string;
}
interface StoredRange {
  start: number;
  end: number;
  persistency: { id: string; offset: number; count: number };
}
interface BlobDocument {
  pageRangesInOrder?: StoredRange[];
  leaseExpireTime?: Date;
}
interface Collection {
  findOne(query: object): BlobDocument | null;
  update(document: object): void;
}
interface MetadataStore {
  db: { getCollection(name: string): Collection };
}
type CopyMethod = (
  this: MetadataStore,
  context: unknown,
  source: unknown,
  destination: { account: string; container: string; blob: string },
  ...rest: unknown[]
) => Promise<unknown>;

let isRepaired = false;
/** The stores of servers that are to stay as Azurite made them. */
const unrepaired = new WeakSet<MetadataStore>();

/**
 * Azurite 3.35 lets a copy share its list of pages with its source: a write to the one changes the other. The repair
 * gives the destination a list of its own. (What is wrong with its leases is repaired too, for all servers.)
 */
function installRepair(): void {
  if (isRepaired) return;
  isRepaired = true;
  installLeaseRepair();
  const { default: Store } = require('azurite/dist/src/blob/persistence/LokiBlobMetadataStore.js') as {
    default: { prototype: Record<string, CopyMethod> };
  };
  for (const method of ['startCopyFromURL', 'copyFromURL']) {
    const original = Store.prototype[method];
    if (!original) throw new Error(`Azurite has no ${method}`);
    Store.prototype[method] = async function (context, source, destination, ...rest) {
      const result = await original.call(this, context, source, destination, ...rest);
      if (!unrepaired.has(this)) {
        alter(this, destination, (document) => {
          if (document.pageRangesInOrder)
            document.pageRangesInOrder = document.pageRangesInOrder.map((range) => ({ ...range }));
        });
      }
      return result;
    };
  }
}

/** Azurite 3.35 renews a lease that has run out for whoever asks, with any id. The service asks for the lease's own. */
function installLeaseRepair(): void {
  const { default: ExpiredState } = require('azurite/dist/src/blob/lease/LeaseExpiredState.js') as {
    default: { prototype: ExpiredLease };
  };
  const { default: errors } = require('azurite/dist/src/blob/errors/StorageErrorFactory.js') as {
    default: { getLeaseIdMismatchWithLeaseOperation(contextId: string): Error };
  };
  const original = ExpiredState.prototype.renew;
  ExpiredState.prototype.renew = function (id) {
    if (id !== this.lease.leaseId) throw errors.getLeaseIdMismatchWithLeaseOperation(this.context.contextId);
    return original.call(this, id);
  };
}

function alter(
  store: MetadataStore,
  { account, container, blob }: { account: string; container: string; blob: string },
  change: (document: BlobDocument) => void,
): void {
  const collection = store.db.getCollection('$BLOBS_COLLECTION$');
  const document = collection.findOne({ accountName: account, containerName: container, name: blob, snapshot: '' });
  if (!document) return;
  change(document);
  collection.update(document);
}

/** Starts an Azurite in this process, in memory, on a free port. `repair: false` leaves copies sharing their pages. */
export async function startAzurite({ repair = true } = {}): Promise<AzuriteHere> {
  installRepair();
  const { default: Server } = require('azurite/dist/src/blob/BlobServer.js') as {
    default: new (configuration: unknown) => Server;
  };
  const { default: Configuration } = require('azurite/dist/src/blob/BlobConfiguration.js') as {
    default: new (...args: unknown[]) => unknown;
  };
  const { MemoryExtentChunkStore } = require('azurite/dist/src/common/persistence/MemoryExtentStore.js') as {
    MemoryExtentChunkStore: new () => unknown;
  };
  const unused = join(tmpdir(), 'vhdup-azurite-unused');
  const configuration = new Configuration(
    '127.0.0.1',
    0,
    5,
    join(unused, 'blobs.json'),
    join(unused, 'extents.json'),
    [],
    // Loose: x-ms-content-crc64 passes; the gate checks it.
    false,
    undefined,
    false,
    undefined,
    true,
    true,
    '',
    '',
    '',
    undefined,
    false,
    true,
    new MemoryExtentChunkStore(),
  );
  const server = new Server(configuration);
  if (!repair) unrepaired.add(server.metadataStore);
  await server.start();
  const url = `${server.getHttpServerAddress()}/devstoreaccount1`;
  const account = 'devstoreaccount1';
  return {
    ...addressOf(url),
    stop: () => server.close(),
    expireLease: (container, blob) => {
      alter(server.metadataStore, { account, container, blob }, (document) => {
        if (document.leaseExpireTime) document.leaseExpireTime = new Date(Date.now() - 1000);
      });
    },
    splitPages: (container, blob, length, keep = () => true) => {
      let left = 0;
      alter(server.metadataStore, { account, container, blob }, (document) => {
        document.pageRangesInOrder = (document.pageRangesInOrder ?? []).flatMap((range) =>
          pieces(range, length).filter(({ start }) => keep(start)),
        );
        left = document.pageRangesInOrder?.length ?? 0;
      });
      return left;
    },
  };
}

function pieces({ start, end, persistency: { id, offset } }: StoredRange, length: number): StoredRange[] {
  return Array.from({ length: Math.ceil((end + 1 - start) / length) }, (_, index) => {
    const from = start + index * length;
    const to = Math.min(from + length - 1, end);
    return { start: from, end: to, persistency: { id, offset: offset + from - start, count: to - from + 1 } };
  });
}

/** How to reach an Azurite, from its URL. */
export function addressOf(url: string): Omit<Azurite, 'stop'> {
  const { EMULATOR_ACCOUNT_KEY_STR: key } = require('azurite/dist/src/blob/utils/constants.js') as {
    EMULATOR_ACCOUNT_KEY_STR: string;
  };
  const connectionString = `DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=${key};BlobEndpoint=${url};`;
  return { url, connectionString, env: { AZURE_STORAGE_CONNECTION_STRING: connectionString } };
}
