import { join } from 'node:path';
import { BlobServiceClient } from '@azure/storage-blob';
import t from 'tap';
import { VhdupError, abortPush, blobStatus, inspectBlob, openDisk, pull, sealBlob, verify } from '../../src/index.js';
import { parseBlobUri } from '../../src/azure/location.js';
import { judgeBlob, type Verdict } from '../../src/protocol/verdict.js';
import { Session } from '../../src/session/session.js';
import { manageScene } from '../support/manage-scene.js';
import { rawBlob } from '../support/pull-scene.js';

/** What each command says of one blob; each is a pattern for its error, its findings or its state. */
interface Row {
  readonly blob: string;
  readonly state: Verdict['state'];
  readonly status: RegExp;
  readonly info: RegExp;
  readonly verify: RegExp;
  readonly pull: RegExp;
  readonly base: RegExp;
  readonly push: RegExp;
  readonly abort: RegExp;
  readonly seal: RegExp;
}

const MISSING = /destination-missing: .*: there is no such blob/;
const NO_SOURCE = /disk-unreadable: .*: there is no such blob/;
const OTHER = /it is a BlockBlob, not a page blob/;
const COPIED = /it is still being copied to/;
const UNFINISHED = /an unfinished push \(writing\)/;
const ELSEWHERE = /an unfinished upload of another tool/;
const ELSEWHERE_TOO = /another tool has not finished its upload/;

const rows: readonly Row[] = [
  {
    ...{ blob: 'missing', state: 'missing', status: /^none$/, info: NO_SOURCE, verify: NO_SOURCE, pull: NO_SOURCE },
    ...{ base: /there is no such blob/, push: /^pushed$/, abort: MISSING, seal: MISSING },
  },
  {
    ...{ blob: 'block', state: 'not-a-page-blob', status: /^none$/, info: OTHER, verify: OTHER, pull: OTHER },
    ...{ base: OTHER, push: /another blob is there/, abort: /no push of vhdup/, seal: /^sealed$/ },
  },
  {
    ...{ blob: 'copied', state: 'copy-pending', status: /^none$/, info: COPIED, verify: COPIED, pull: COPIED },
    ...{ base: COPIED, push: /another blob is being copied there/, abort: /no push of vhdup/, seal: COPIED },
  },
  {
    // A copy takes its source's metadata, and so the record of a finished push.
    ...{ blob: 'copied over', state: 'copy-pending', status: /^unfinished-elsewhere$/, info: COPIED, verify: COPIED },
    ...{
      pull: COPIED,
      base: COPIED,
      push: /another blob is being copied there/,
      abort: /a finished push/,
      seal: COPIED,
    },
  },
  {
    ...{ blob: 'writing', state: 'unfinished-push', status: /^writing$/, info: UNFINISHED, verify: UNFINISHED },
    ...{ pull: UNFINISHED, base: /it is an unfinished push/, push: /an unfinished push is there, and not this one/ },
    ...{ abort: /^deleted$/, seal: UNFINISHED },
  },
  {
    ...{ blob: 'elsewhere', state: 'unfinished-elsewhere', status: /^unfinished-elsewhere$/, info: ELSEWHERE },
    ...{ verify: ELSEWHERE, pull: ELSEWHERE_TOO, base: ELSEWHERE_TOO, push: ELSEWHERE, abort: ELSEWHERE },
    seal: ELSEWHERE_TOO,
  },
  {
    ...{
      blob: 'written',
      state: 'written-since',
      status: /^written-since, last 2/,
      info: /^written-since: written to after the push was completed/,
    },
    ...{
      verify: /^equal$/,
      pull: /was written to after it was pushed/,
      base: /it was written to after it was completed/,
    },
    ...{
      push: /a blob is there that was written to after the push was completed, last at 2/,
      abort: /a finished push/,
      seal: /^sealed$/,
    },
  },
  {
    ...{
      blob: 'raw',
      state: 'not-a-vhd',
      status: /^none$/,
      info: /not a fixed VHD: /,
      verify: /no footer of a fixed VHD/,
    },
    ...{ pull: /it is not a fixed VHD: /, base: /it is not a fixed VHD: /, push: /another blob is there/ },
    ...{ abort: /no push of vhdup/, seal: /^sealed$/ },
  },
  {
    ...{ blob: 'finished', state: 'finished', status: /^complete$/, info: /^$/, verify: /^equal$/, pull: /^pulled$/ },
    ...{ base: /^pushed$/, push: /^already-there$/, abort: /a finished push/, seal: /^sealed$/ },
  },
];

/** Returns the result of a command as text: its outcome, or code and message of its error. */
async function said(work: () => Promise<string>): Promise<string> {
  try {
    return await work();
  } catch (error) {
    return error instanceof VhdupError ? `${error.code}: ${error.message}` : String(error);
  }
}

t.test('all commands agree with the verdict on a blob', async (t) => {
  const { folder, container, gate, scene, options, uri, pushed, unfinished } = await manageScene(t);
  await pushed(scene.base, { to: uri('finished') });
  await pushed(scene.base, { to: uri('written') });
  await unfinished('writing', { contentMd5: 'never' });
  await container.getBlockBlobClient('block').upload('text', 4);
  await container.getPageBlobClient('elsewhere').create(1024, { metadata: { localmetadata: '<x/>' } });
  await rawBlob(container, 'raw');
  const through = BlobServiceClient.fromConnectionString(options.environment['AZURE_STORAGE_CONNECTION_STRING'] ?? '');
  gate.copies = { polls: Infinity, end: 'success' };
  await through.getContainerClient('vhds').getPageBlobClient('copied').beginCopyFromURL(uri('raw'));
  await through.getContainerClient('vhds').getPageBlobClient('copied over').beginCopyFromURL(uri('finished'));
  gate.copies = undefined;
  const written = container.getPageBlobClient('written');
  await written.setMetadata({
    ...(await written.getProperties()).metadata,
    vhdup_completed: new Date(Date.now() - 3_600_000).toISOString(),
  });

  for (const row of rows) {
    const blob = await new Session(options).blob(parseBlobUri(uri(row.blob)));
    const report = row.state === 'not-a-vhd' ? 'the footer is none' : undefined;
    t.equal(judgeBlob(await blob.properties(), report).state, row.state, `${row.blob}: the verdict`);
    const stories: Readonly<Record<Exclude<keyof Row, 'blob' | 'state'>, () => Promise<string>>> = {
      status: async () => {
        const { state, writtenSince } = await blobStatus(uri(row.blob), options);
        return writtenSince === undefined ? state : `${state}, last ${writtenSince}`;
      },
      info: async () => {
        const { state, problems } = await inspectBlob(uri(row.blob), options);
        t.equal(state, (await blobStatus(uri(row.blob), options)).state, `${row.blob}: status and info say the same`);
        return (state === 'written-since' ? [`${state}: ${problems.join()}`] : problems).join('\n');
      },
      verify: async () => {
        await using disk = await openDisk(scene.base);
        const { equal, problems } = await verify(disk, uri(row.blob), options);
        return equal ? 'equal' : problems.join('\n');
      },
      pull: async () => {
        const { warnings } = await pull(uri(row.blob), join(folder, `${row.blob}.vhd`), options);
        return warnings.length > 0 ? warnings.map(({ message }) => message).join('\n') : 'pulled';
      },
      base: async () => (await pushed(scene.middle, { base: uri(row.blob), to: uri(`over ${row.blob}`) })).outcome,
      push: async () => (await pushed(scene.base, { to: uri(row.blob) })).outcome,
      abort: async () => (await abortPush(uri(row.blob), options)).outcome,
      seal: async () => {
        await sealBlob(uri(row.blob), options);
        return 'sealed';
      },
    };
    // What would change the blob comes last: first the seal of what can be sealed, or the end of what cannot.
    const { push, abort, ...rest } = stories;
    const order = row.state === 'missing' ? { ...rest, abort, push } : { ...rest, push, abort };
    for (const [name, story] of Object.entries(order))
      t.match(await said(story), row[name as keyof typeof stories], `${row.blob}: ${name}`);
  }
});
