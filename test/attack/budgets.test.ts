/*
 * Budgets under random attacks: a chain of images, an error, a listing, or a server that is slow. Sizes, depths and the
 * place of the fault are drawn from a seed. Whatever comes, the budget holds:
 *
 * - the tables of a chain take at most 300 MiB, and its extents cover the disk;
 * - of an error little is read however long it is, and a listing longer than 64 MiB is given up;
 * - a listing that comes back to where it was, or goes on without items, ends;
 * - what moves less than 1 KiB a second is tried again, then fails so that it can be resumed; what moves faster is waited for.
 *
 * VHDUP_BUDGETS: how many rounds. VHDUP_SEED repeats those of a seed; with VHDUP_ROUND, one of them.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import t, { type Test } from 'tap';
import type { PageBlob } from '../../src/azure/page-blob.js';
import { openChain } from '../../src/disk/chain.js';
import { temporaryFolder } from '../support/folder.js';
import { Random } from '../support/mutations.js';
import { scaled, seedOfRun } from '../support/scale.js';
import { filesThatWatchMemory, SCATTERED_SIZE, scatteredChain } from '../support/scattered-chain.js';
import { drip, headOf, pour, serveBlob } from '../support/slow-server.js';

const ROUNDS = Number(process.env['VHDUP_BUDGETS'] ?? scaled(6));
const ONLY = process.env['VHDUP_ROUND'];
const SEED = seedOfRun();
const KIB = 1024;
const MIB = 1024 * KIB;
/** What lies in buffers on the way counts as taken. */
const IN_BUFFERS = 32 * MIB;
const FLOOR_WINDOW = 400;
const ATTEMPTS = 2;
t.comment(`seed ${SEED}`);
t.setTimeout(120_000 + ROUNDS * 60_000);

setFlagsFromString('--expose-gc');
/** What the test itself has left would hide what a chain takes. */
const collectGarbage = runInNewContext('gc') as () => void;

/** A round: what is attacked, in words that say how, and the attack. It throws if a budget does not hold. */
type Attack = readonly [what: string, play: (t: Test) => Promise<void>];

function hold(condition: boolean, problem: string): void {
  if (!condition) throw new Error(problem);
}

/** The error of a request that has to fail. */
async function failureOf(
  request: Promise<unknown>,
): Promise<Error & { readonly code?: string; readonly hint?: string }> {
  return request.then(
    () => {
      throw new Error('it succeeded');
    },
    (error: unknown) => error as Error,
  );
}

const REQUESTS: Readonly<Record<string, (blob: PageBlob) => Promise<unknown>>> = {
  'a listing': (blob) => blob.pageRanges({}),
  'a read': (blob) => blob.read({ offset: 0, length: 512 }),
  'a write': (blob) => blob.write(0, new Uint8Array(512), new Uint8Array(16), {}),
  metadata: (blob) => blob.setMetadata({}, {}),
};

function chainAttack(random: Random): Attack {
  const layers = 2 + random.below(11);
  const blockSize = random.pick([128, 128, 256, 512]) * KIB;
  const every = random.pick([512, 1024, 4096, 4096, 20_000]);
  return [
    `a chain of ${layers} layers with blocks of ${blockSize}, one in ${every}`,
    async (t) => {
      const path = await scatteredChain({ folder: await temporaryFolder(t), layers, blockSize, every });
      collectGarbage();
      const memory = filesThatWatchMemory();
      await using disk = await openChain(path, memory.files);
      let end = 0;
      for await (const { offset, length } of disk.extents()) {
        hold(offset === end && length > 0, `a gap or an overlap at ${end}`);
        end = offset + length;
        memory.look();
      }
      memory.look();
      hold(end === SCATTERED_SIZE, `the extents end at ${end}`);
      hold(memory.most() < 300 * MIB, `${Math.round(memory.most() / MIB)} MiB of buffers`);
    },
  ];
}

function errorAttack(random: Random): Attack {
  const length = 64 * KIB + random.below(400 * MIB);
  const status = random.pick([400, 403, 404, 409, 412, 416, 500, 503]);
  const isChunked = random.chance(2);
  const padding = random.below(3) * random.below(60 * KIB);
  const [name, request] = random.pick(Object.entries(REQUESTS));
  return [
    `${name} is answered by ${status} and ${length} bytes, ${isChunked ? 'chunked' : 'counted'}, its code behind ${padding}`,
    async (t) => {
      const sent = { bytes: 0 };
      let poured: Promise<void> | undefined;
      const { blob } = await serveBlob(
        t,
        (incoming, response) => {
          incoming.resume();
          const text = `<?xml version="1.0"?><Error><!--${' '.repeat(padding)}--><Code>Whatever</Code><Message>No.`;
          response.writeHead(status, {
            'content-type': 'application/xml',
            ...(isChunked ? {} : { 'content-length': text.length + Math.ceil(length / MIB) * MIB }),
          });
          response.write(text);
          poured = pour(response, length, sent);
        },
        { attempts: 1 },
      );
      const error = await failureOf(request(blob));
      await poured;
      hold(error.message.includes(String(status)), error.message);
      hold(sent.bytes < IN_BUFFERS, `${sent.bytes} bytes were taken`);
    },
  ];
}

function longListingAttack(random: Random): Attack {
  const length = (65 + random.below(336)) * MIB;
  return [
    `a listing of ${length} bytes`,
    async (t) => {
      const sent = { bytes: 0 };
      let poured: Promise<void> | undefined;
      const { blob } = await serveBlob(
        t,
        (_, response) => {
          response.writeHead(200, { 'content-type': 'application/xml' });
          response.write('<?xml version="1.0"?><PageList>');
          poured = pour(response, length, sent);
        },
        { attempts: 1 },
      );
      const error = await failureOf(blob.pageRanges({}));
      await poured;
      hold(error.message.includes('longer than 64 MiB'), error.message);
      hold(sent.bytes < 64 * MIB + IN_BUFFERS, `${sent.bytes} bytes were taken`);
    },
  ];
}

function endlessListingAttack(random: Random): Attack {
  const [before, cycle] = [random.below(120), 1 + random.below(120)];
  const isEmpty = random.chance(3);
  return [
    isEmpty
      ? `a listing that goes on without items after ${before} pages`
      : `a listing that goes round ${cycle} pages after ${before}`,
    async (t) => {
      let page = 0;
      const { blob } = await serveBlob(
        t,
        (_, response) => {
          const index = page++;
          if (index > 2 * (before + cycle) + 100) return void response.writeHead(404).end();
          const item = isEmpty && index >= before ? '' : '<PageRange><Start>0</Start><End>511</End></PageRange>';
          const marker = isEmpty || index < before ? index : before + ((index - before) % cycle);
          response
            .writeHead(200, { 'content-type': 'application/xml' })
            .end(`<?xml version="1.0"?><PageList>${item}<NextMarker>m${marker}</NextMarker></PageList>`);
        },
        { attempts: 1 },
      );
      const error = await failureOf(blob.pageRanges({}));
      hold(
        error.code === 'transfer-failed' &&
          (isEmpty ? /pages in a row are empty/ : /comes back to where it was/).test(error.message),
        error.message,
      );
      hold(page === before + (isEmpty ? 51 : cycle + 1), `${page} pages were asked for`);
    },
  ];
}

function slowAttack(random: Random): Attack {
  const isRead = random.chance(2);
  const each = 1 + random.below(8);
  const atOnce = random.below(3) * random.below(900);
  const isFast = random.chance(3);
  const length = 2048 + (isFast ? random.below(8) : 2 + random.below(8)) * 512;
  return [
    `${isRead ? 'a read' : 'a listing'} of ${length} bytes, ${atOnce} at once, then ${isFast ? 512 : each} each 20 ms`,
    async (t) => {
      const empty = '<?xml version="1.0"?><PageList></PageList>';
      const text = isRead
        ? 'x'.repeat(length)
        : `${empty.slice(0, -11)}${' '.repeat(length - empty.length)}${empty.slice(-11)}`;
      const { blob, requests } = await serveBlob(
        t,
        (_: IncomingMessage, response: ServerResponse) => {
          response.writeHead(isRead ? 206 : 200, isRead ? headOf(length) : { 'content-type': 'application/xml' });
          if (atOnce > 0) response.write(text.slice(0, atOnce));
          void drip(response, text.slice(atOnce), isFast ? 512 : each);
        },
        { attempts: ATTEMPTS, floorWindowMs: FLOOR_WINDOW },
      );
      const request = isRead ? blob.read({ offset: 0, length }) : blob.pageRanges({});
      if (isFast) {
        await request;
        hold(requests() === 1, `${requests()} requests`);
        return;
      }
      const error = await failureOf(request);
      hold(
        error.code === 'transfer-failed' && error.hint === 'run the same command to resume',
        `${error.code} ${error.message} ${error.hint}`,
      );
      hold(requests() === ATTEMPTS, `${requests()} requests`);
    },
  ];
}

function attackOf(index: number): Attack {
  const random = new Random(SEED + Math.imul(index + 1, 0x9e3779b1));
  // Chains take the longest, and come least.
  return random.pick([
    chainAttack,
    errorAttack,
    errorAttack,
    errorAttack,
    longListingAttack,
    endlessListingAttack,
    endlessListingAttack,
    slowAttack,
    slowAttack,
    slowAttack,
  ])(random);
}

for (
  let index = ONLY === undefined ? 0 : Number(ONLY);
  index < (ONLY === undefined ? ROUNDS : Number(ONLY) + 1);
  index++
) {
  const [what, play] = attackOf(index);
  t.test(`the budget holds: ${what}`, async (t) => {
    await t.resolves(play(t), `VHDUP_SEED=${SEED} VHDUP_ROUND=${index}`);
  });
}
