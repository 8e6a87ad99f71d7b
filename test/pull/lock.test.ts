import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { lockOutput } from '../../src/pull/lock.js';
import { PullOutput } from '../../src/pull/output.js';
import { Session } from '../../src/session/session.js';
import type { SessionEvent } from '../../src/session/events.js';
import { temporaryFolder } from '../support/folder.js';
import { elsewhere } from '../support/pull-locks.js';

t.test('one pull at a time has an output; the next one is told which process has it', async (t) => {
  const output = new PullOutput(join(await temporaryFolder(t), 'out.vhd'), false);
  const lock = await lockOutput(new Session({}), output);
  await t.rejects(lockOutput(new Session({}), output), {
    code: 'destination-busy',
    message: new RegExp(`vhdup-lock: process ${process.pid} on .+ is pulling to it`),
    hint: 'wait for it to end',
  });
  await lock[Symbol.asyncDispose]();
  await (await lockOutput(new Session({}), output))[Symbol.asyncDispose]();
});

t.test('a wait for a sign of life is noted, and ends on request', async (t) => {
  const output = new PullOutput(join(await temporaryFolder(t), 'out.vhd'), false);
  await mkdir(output.lockPath);
  for (const name of ['0123456789abcdef', '0123456789abcdef.held'])
    await writeFile(join(output.lockPath, name), JSON.stringify(elsewhere()));
  const controller = new AbortController();
  const notes: string[] = [];
  const onEvent = (event: SessionEvent) => {
    if (event.type === 'note') notes.push(event.message);
    controller.abort();
  };
  await t.rejects(lockOutput(new Session({ signal: controller.signal, onEvent }), output), { code: 'cancelled' });
  t.match(notes, [/waiting about 10 s to see if it still runs/]);
});

t.test('a folder that does not exist is said with its path', async (t) => {
  const output = new PullOutput(join(await temporaryFolder(t), 'missing', 'out.vhd'), false);
  await t.rejects(lockOutput(new Session({}), output), { code: 'output-unwritable', message: /vhdup-lock/ });
});
