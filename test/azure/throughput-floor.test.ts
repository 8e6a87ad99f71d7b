import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { DRIP_MS, drip, headOf, serveBlob } from '../support/slow-server.js';

const WINDOW = 400;
const ATTEMPTS = 3;
const MIB = 1024 * 1024;

/** A blob on a server with a short window. */
function blobOn(
  t: Test,
  listener: RequestListener,
  more: { limit?: number; attempts?: number } = {},
): ReturnType<typeof serveBlob> {
  return serveBlob(t, listener, { attempts: ATTEMPTS, floorWindowMs: WINDOW, ...more });
}

t.test(
  'an answer that comes by a byte now and then is given up, tried again as other trouble is, and the end can be resumed',
  async (t) => {
    const { blob, requests } = await blobOn(t, (request, response) => {
      const isRead = request.headers['x-ms-range'] !== undefined;
      response.writeHead(isRead ? 206 : 200, isRead ? headOf(512) : {});
      void drip(response, 'x'.repeat(512));
    });
    const listed = /ETIMEDOUT: less than 1\.0 KiB\/s moved for 0\.4 s, in 1 request$/;
    // The SDK says of whatever ends a read that it was aborted.
    for (const [name, message, request] of [
      ['a listing', listed, () => blob.pageRanges({})],
      ['a read', /aborted/, () => blob.read({ offset: 0, length: 512 })],
    ] as readonly (readonly [string, RegExp, () => Promise<unknown>])[]) {
      const before = requests();
      const begun = performance.now();
      await t.rejects(request(), { code: 'transfer-failed', message, hint: 'run the same command to resume' }, name);
      t.equal(requests() - before, ATTEMPTS);
      t.ok(performance.now() - begun >= ATTEMPTS * WINDOW, 'not before the window is over');
    }
  },
);

t.test('a body that is taken by a few bytes now and then is given up too', async (t) => {
  const { blob, requests } = await blobOn(t, (request) => {
    // What fits into the buffers on the way is taken at once.
    const timer = setInterval(() => request.read(1), DRIP_MS);
    request.once('close', () => {
      clearInterval(timer);
    });
  });
  const bytes = new Uint8Array(32 * MIB);
  await t.rejects(blob.write(0, bytes, new Uint8Array(16), {}), {
    code: 'transfer-failed',
    message: /less than 1\.0 KiB\/s moved/,
  });
  t.equal(requests(), ATTEMPTS);
});

t.test('one that is slow among others that are not is never cut off', async (t) => {
  const slow = 100;
  const { blob, requests } = await blobOn(t, (request, response) => {
    const length = Number(/-(\d+)$/.exec(String(request.headers['x-ms-range']))?.[1]) + 1;
    response.writeHead(206, headOf(length));
    if (length === slow) void drip(response, 'x'.repeat(slow));
    else void drip(response, 'x'.repeat(length), 512);
  });
  let isDone = false;
  const one = blob.read({ offset: 0, length: slow }).finally(() => {
    isDone = true;
  });
  const begun = performance.now();
  while (!isDone) await blob.read({ offset: 0, length: 4096 });
  t.equal((await one).length, slow);
  t.ok(performance.now() - begun > 3 * WINDOW, `${Math.round(performance.now() - begun)} ms`);
  t.ok(requests() > 4);
});

t.test('the time that the service takes to answer is not counted, nor is the time between requests', async (t) => {
  const { blob, requests } = await blobOn(t, (request, response) => {
    request.resume();
    setTimeout(() => {
      response.writeHead(201, headOf(0)).end();
    }, 2 * WINDOW);
  });
  for (let index = 0; index < 2; index++) {
    await blob.write(0, new Uint8Array(MIB), new Uint8Array(16), {});
    await sleep(WINDOW);
  }
  t.equal(requests(), 2);
});

t.test('a limit that explains how slow it is keeps the floor below it', async (t) => {
  // 800 bytes a second.
  const listener = (_: IncomingMessage, response: ServerResponse) => {
    response.writeHead(206, headOf(1024));
    void drip(response, 'x'.repeat(1024), 16);
  };
  const { blob: free } = await blobOn(t, listener, { attempts: 1 });
  await t.rejects(free.read({ offset: 0, length: 1024 }), { code: 'transfer-failed' });
  const { blob: limited, requests } = await blobOn(t, listener, { limit: 1024, attempts: 1 });
  await limited.read({ offset: 0, length: 1024 });
  t.equal(requests(), 1);
});

t.test(
  'the head of an answer that comes by a byte now and then is given up, and so are informational answers without end',
  async (t) => {
    const heads: Readonly<Record<string, (response: ServerResponse) => Promise<void>>> = {
      'a head': async ({ socket }) => {
        socket?.write('HTTP/1.1 200 OK\r\nx: ');
        for (; socket?.destroyed === false; await sleep(DRIP_MS)) socket.write('y');
      },
      'informational answers, few': async ({ socket }) => {
        for (; socket?.destroyed === false; await sleep(DRIP_MS * 10)) socket.write('HTTP/1.1 100 Continue\r\n\r\n');
      },
      'informational answers, many': async ({ socket }) => {
        for (; socket?.destroyed === false; await sleep(1))
          socket.write('HTTP/1.1 103 Early Hints\r\nx: y\r\n\r\n'.repeat(100));
      },
    };
    for (const [name, send] of Object.entries(heads)) {
      const { blob, requests } = await blobOn(
        t,
        (request, response) => {
          request.resume();
          void send(response);
        },
        { attempts: 2 },
      );
      for (const [what, request] of [
        [
          'properties',
          async () => {
            await blob.properties();
          },
        ],
        ['a write', () => blob.write(0, new Uint8Array(512), new Uint8Array(16), {})],
      ] as const) {
        const before = requests();
        await t.rejects(
          request(),
          { code: 'transfer-failed', message: /less than 1\.0 KiB\/s moved|does not begin within 64 KiB/ },
          `${name}: ${what}`,
        );
        t.equal(requests() - before, 2);
      }
    }
  },
);

t.test('a connection that leaves HTTP is given up', async (t) => {
  const { blob, requests } = await blobOn(t, (_, { socket }) => {
    socket?.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n');
  });
  await t.rejects(blob.properties(), { code: 'transfer-failed' });
  t.equal(requests(), ATTEMPTS);
});

t.test('short bodies count for one that is slow among them', async (t) => {
  const slow = 100;
  const { blob, requests } = await blobOn(
    t,
    (request, response) => {
      request.resume();
      if (request.method === 'PUT') {
        response.writeHead(201, headOf(0)).end();
        return;
      }
      response.writeHead(206, headOf(slow));
      void drip(response, 'x'.repeat(slow));
    },
    { attempts: 1 },
  );
  let isDone = false;
  const one = blob.read({ offset: 0, length: slow }).finally(() => {
    isDone = true;
  });
  while (!isDone) {
    await blob.write(0, new Uint8Array(32 * 1024), new Uint8Array(16), {});
    await sleep(DRIP_MS);
  }
  t.equal((await one).length, slow);
  t.ok(requests() > 4);
});

t.test('the time in which the process stood still is not counted', async (t) => {
  const length = 64 * 1024;
  const { blob, requests } = await blobOn(
    t,
    (_, response) => {
      response.writeHead(206, headOf(length));
      response.write(Buffer.alloc(16));
      setTimeout(() => {
        response.end(Buffer.alloc(length - 16));
      }, WINDOW / 2);
    },
    { attempts: 1 },
  );
  const read = blob.read({ offset: 0, length });
  await sleep(WINDOW / 4);
  // As for a process that was stopped, or a machine that slept.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2 * WINDOW);
  t.equal((await read).length, length);
  t.equal(requests(), 1);
});
