import { createHash } from 'node:crypto';
import type { ContainerClient } from '@azure/storage-blob';
import { parseFixedTail } from '../../src/protocol/fixed-vhd.js';
import type { Azurite } from './azurite.js';
import { bytesOf, factsOf } from './blobs.js';
import { startCli } from './cli.js';
import { startGate, type Gate, type GateRecord } from './gate.js';

/** When a process is killed, seen from its n-th request, or one that is told: before it is served, while it is, or when its answer is lost. */
export interface KillPoint {
  readonly request: number | ((record: GateRecord) => boolean);
  readonly moment: 'before' | 'during' | 'after';
}

/** Starts the tool as a process of its own behind a gate of its own, and kills it; false where it ended before that. */
export async function killPush(
  gate: Gate,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  { request, moment }: KillPoint,
): Promise<boolean> {
  const start = gate.records.length;
  const { child, ended } = startCli(args, env);
  const isIt = (record: GateRecord) =>
    typeof request === 'number' ? record.index === start + request : request(record);
  gate.onRequest = (record) => {
    if (!isIt(record) || moment === 'after') return undefined;
    child.kill('SIGKILL');
    return moment === 'before' ? 'drop' : undefined;
  };
  gate.onAnswer = (record) => {
    if (!isIt(record)) return undefined;
    child.kill('SIGKILL');
    return 'drop';
  };
  const { signal, exitCode, stdout, stderr } = await ended;
  await gate.idle();
  gate.onRequest = () => undefined;
  gate.onAnswer = () => undefined;
  if (signal === null && exitCode !== 0) throw new Error(`exit code ${exitCode}: ${stdout}${stderr}`);
  return signal === 'SIGKILL';
}

/** A gate for one push. */
export async function gateFor<T>(azurite: Azurite, emulator: boolean, work: (gate: Gate) => Promise<T>): Promise<T> {
  const gate = await startGate(azurite);
  gate.hidesEmulator = !emulator;
  try {
    return await work(gate);
  } finally {
    await gate.stop();
  }
}

/** The writes that were served. */
export function putsIn(records: readonly GateRecord[]): { readonly offset: number; readonly length: number }[] {
  return records.flatMap(({ kind, range, status }) => (kind === 'put-page' && range && status === 201 ? [range] : []));
}

/**
 * What is wrong with what anybody sees at a destination: a footer, a Content-MD5 or `complete` may stand only on right
 * content, which is the disk's, or the base's before it is changed.
 */
export async function halfImageAt(
  container: ContainerClient,
  name: string,
  content: Uint8Array,
  baseContent: Uint8Array | undefined,
): Promise<string | undefined> {
  const facts = await factsOf(container, name);
  if (!facts || facts.size < 512) return undefined;
  const bytes = await bytesOf(container, name);
  const there = bytes.subarray(0, -512);
  const isDisk = there.equals(content);
  if (
    typeof parseFixedTail(bytes.subarray(-512)) !== 'string' &&
    !isDisk &&
    !(baseContent && there.equals(baseContent))
  )
    return 'a footer on other content';
  if (facts.contentMd5 && facts.contentMd5 !== createHash('md5').update(bytes).digest('base64'))
    return 'a Content-MD5 on other content';
  if (facts.metadata['vhdup_state'] === 'complete' && !(isDisk && facts.contentMd5)) return 'complete on other content';
  return undefined;
}
