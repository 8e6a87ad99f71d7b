import { VhdupError, hasCode, messageOf } from '../errors.js';
import { visibleOf } from '../azure/access.js';
import { sourcesOf, type Configuration } from '../azure/credential-sources.js';
import { parseBlobUri, type BlobLocation } from '../azure/location.js';
import type { PageBlob } from '../azure/page-blob.js';
import { probe } from '../azure/probe.js';
import { MAX_CLOCK_DIFFERENCE_MS, expiryWarning } from '../azure/sas.js';
import { usesProxy } from '../azure/put-page.js';
import { redact } from '../redact/redact.js';
import type { SessionOptions } from '../session/options.js';
import { Session } from '../session/session.js';
import type { Check } from './check.js';
import { folderCheck } from './folder-check.js';

/** What `diagnose` found. */
export interface Diagnosis {
  /** True if no check failed. */
  readonly ok: boolean;
  readonly checks: readonly Check[];
}

/**
 * Checks what commands need: Node, the folders of this user, and for a blob the credential, the server, the clock and the access.
 * Changes nothing, and never throws for what it finds. Throws `usage` if `uri` is not the URI of a blob, and `cancelled`.
 */
export async function diagnose(uri?: string, options: SessionOptions = {}): Promise<Diagnosis> {
  const session = new Session(options);
  const { environment = process.env, accountSas } = options;
  const checks: Check[] = [
    nodeCheck(),
    await folderCheck('state', environment),
    await folderCheck('cache', environment),
    proxyCheck(process.env),
  ];
  if (uri === undefined)
    checks.push({ name: 'credential', state: 'skipped', message: 'the URI of a blob is needed for the other checks' });
  else checks.push(...(await serviceChecks(session, parseBlobUri(uri), { environment, accountSas })));
  return { ok: checks.every(({ state }) => state !== 'failed'), checks };
}

/** The oldest version of Node that the tool is tested with. */
const OLDEST_NODE = [20, 19] as const;

function nodeCheck(): Check {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const isOld = major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1]);
  const message = `Node ${process.versions.node}, ${process.platform} ${process.arch}`;
  return isOld
    ? { name: 'node', state: 'warning', message, hint: `use Node ${OLDEST_NODE.join('.')} or later` }
    : { name: 'node', state: 'ok', message };
}

function proxyCheck(environment: Readonly<Record<string, string | undefined>>): Check {
  if (!usesProxy(environment)) return { name: 'proxy', state: 'ok', message: 'none' };
  const named = Object.entries(environment)
    .filter(([name, value]) => /^((HTTPS?|ALL)_PROXY|NO_PROXY)$/i.test(name) && value)
    .map(([name, value = '']) => `${name}=${redact(value.replace(/\/\/[^/]*@/, '//REDACTED@'))}`);
  return { name: 'proxy', state: 'ok', message: named.join(', ') };
}

async function serviceChecks(session: Session, location: BlobLocation, configuration: Configuration): Promise<Check[]> {
  const { blob, check } = await credentialCheck(session, location, configuration);
  const [server, clock] = usesProxy(process.env)
    ? [
        {
          name: 'server',
          state: 'skipped',
          message: 'a proxy is used: the access shows whether the server answers',
        } as const,
        undefined,
      ]
    : await serverChecks(session, location);
  return [
    check,
    server,
    ...(clock ? [clock] : []),
    blob && server.state !== 'failed'
      ? await accessCheck(session, blob)
      : { name: 'access', state: 'skipped', message: blob ? 'the server cannot be reached' : 'there is no credential' },
  ];
}

async function credentialCheck(
  session: Session,
  location: BlobLocation,
  configuration: Configuration,
): Promise<{ blob?: PageBlob; check: Check }> {
  try {
    const blob = await session.blob(location);
    const { source, token, sas } = blob.credentials;
    await token?.authorization(session.stop.cancel);
    const others = sourcesOf(location, configuration)
      .filter(({ name }) => name !== source)
      .map(({ name, skipped }) => `${name}: ${skipped ?? 'not needed'}`);
    const warning = sas === undefined ? undefined : expiryWarning(sas, 0);
    const message = `${source} is used (${others.join('; ')})`;
    return {
      blob,
      check:
        warning === undefined
          ? { name: 'credential', state: 'ok', message }
          : { name: 'credential', state: 'warning', message, hint: warning },
    };
  } catch (error) {
    return { check: failed(session, 'credential', error) };
  }
}

/** A difference above this is worth a warning. */
const CLOCK_WARNING_MS = 60_000;

async function serverChecks(session: Session, { endpoint }: BlobLocation): Promise<[Check, Check?]> {
  try {
    const { status, server, clockAheadMs } = await probe(endpoint, session.stop.cancel);
    const name = server === undefined ? '' : ` by ${redact(server)}`;
    const check = {
      name: 'server',
      state: 'ok',
      message: `${endpoint} answers${name} (${status} without a credential)`,
    } as const;
    return clockAheadMs === undefined ? [check] : [check, clockCheck(clockAheadMs)];
  } catch (error) {
    return [failed(session, 'server', error)];
  }
}

/** `aheadMs`: how far the clock of the server is ahead of this machine's. */
export function clockCheck(aheadMs: number): Check {
  const seconds = Math.round(Math.abs(aheadMs) / 1000);
  const message =
    seconds <= 1
      ? 'agrees with the clock of the server'
      : `${seconds} s ${aheadMs > 0 ? 'behind' : 'ahead of'} the clock of the server`;
  if (Math.abs(aheadMs) <= CLOCK_WARNING_MS) return { name: 'clock', state: 'ok', message };
  const hint = 'set the clock of this machine: the service refuses signatures that are 15 minutes off';
  return Math.abs(aheadMs) > MAX_CLOCK_DIFFERENCE_MS
    ? { name: 'clock', state: 'failed', message, hint, code: 'not-authorised' }
    : { name: 'clock', state: 'warning', message, hint };
}

async function accessCheck(session: Session, blob: PageBlob): Promise<Check> {
  try {
    switch (await visibleOf(blob)) {
      case 'blob':
        return { name: 'access', state: 'ok', message: `${blob.uri} can be read` };
      case 'container':
        return { name: 'access', state: 'ok', message: `the container is there; it has no blob ${blob.location.name}` };
      case 'nothing':
        return {
          name: 'access',
          state: 'failed',
          message: `there is no container ${blob.location.container}`,
          hint: 'create the container first, and check the name',
          code: 'destination-missing',
        };
    }
  } catch (error) {
    return failed(session, 'access', error);
  }
}

/** Returns the check that an error failed. Throws the error if the work was stopped. */
function failed(session: Session, name: Check['name'], error: unknown): Check {
  session.throwIfStopped();
  if (hasCode(error, 'cancelled')) throw error;
  const { code, message, hint, retryable } =
    error instanceof VhdupError ? error : new VhdupError('unexpected', redact(messageOf(error)));
  return { name, state: 'failed', message, code, retryable, ...(hint === undefined ? {} : { hint }) };
}
