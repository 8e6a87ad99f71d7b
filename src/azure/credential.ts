import { AnonymousCredential, newPipeline, type Pipeline, type StorageSharedKeyCredential } from '@azure/storage-blob';
import { VhdupError } from '../errors.js';
import { option } from '../option-names.js';
import { registerEnvironment, registerSas } from '../redact/redact.js';
import {
  credentialSources,
  isLoopback,
  isService,
  type AccountSas,
  type CredentialSource,
  type Environment,
} from './credential-sources.js';
import { httpClient } from './http-client.js';
import { IDENTITY_NAME, identityCredential, noCredential } from './identity.js';
import type { ContainerLocation } from './location.js';
import { DEADLINE_MS, type RequestLimits } from './request-limits.js';
import { readSasBy, type ReadSas } from './read-sas.js';
import type { OnRequest } from './request-log.js';
import { requireValidNow } from './sas.js';
import { ThroughputFloor } from './throughput-floor.js';
import { CachedToken } from './token.js';

export type { AccountSas, Environment } from './credential-sources.js';

/** The credentials for one account: a request pipeline, and what has to be in the URL. */
export interface Credentials {
  readonly pipeline: Pipeline;
  /** Shared access signature for the query of every URL, without the question mark. */
  readonly sas: string | undefined;
  /** How requests are authorized. */
  readonly kind: 'sas' | 'account-key' | 'token';
  /** For an account key: returns the value of Authorization. `text`: all that is signed before the resource; `path`: that of the URL. */
  readonly sign?: (text: string, path: string) => string;
  /** For an account key: makes a SAS with which the service can read one blob. */
  readonly readSas?: ReadSas;
  /** For a token: also what the pipeline uses. */
  readonly token?: CachedToken;
  /** The limits of each request. */
  readonly limits: RequestLimits;
  /** Where the credential was found, such as `AZURE_STORAGE_KEY`. */
  readonly source: string;
}

/** Options of `credentialsFor`. */
export interface CredentialOptions {
  /** A SAS that replaces the credentials of the environment. */
  readonly accountSas?: AccountSas | undefined;
  /** Sends a credential over plain http also to other hosts than this machine. Default false. */
  readonly allowHttp?: boolean | undefined;
  /** Milliseconds without a byte in either direction after which a request fails. Default 30,000. */
  readonly deadlineMs?: number | undefined;
  /** The least throughput of all requests that share this object. Default: one for these credentials alone. */
  readonly floor?: ThroughputFloor | undefined;
  /** Called with each request that has ended. */
  readonly onRequest?: OnRequest | undefined;
}

/**
 * Returns the credentials for a blob or a container. The first one found is used: the SAS in its URI; a credential in the environment for its
 * account (`AZURE_STORAGE_CONNECTION_STRING`, or `AZURE_STORAGE_ACCOUNT` with `AZURE_STORAGE_KEY` or `AZURE_STORAGE_SAS_TOKEN`); a
 * token of the Azure identity chain. A secret is sent only to the account that it belongs to, a token only to the service and over
 * https, and a SAS or a signature over plain http only to this machine, unless `allowHttp` is set. Throws `not-authorised` if there
 * is no credential, it would be sent in the clear, or it is a SAS that is not valid now.
 */
export async function credentialsFor(
  location: ContainerLocation,
  environment: Environment = process.env,
  {
    accountSas,
    allowHttp = false,
    deadlineMs = DEADLINE_MS,
    floor = new ThroughputFloor(),
    onRequest,
  }: CredentialOptions = {},
): Promise<Credentials> {
  const limits = { deadlineMs, floor, onRequest };
  // The SDK reads proxies from the environment of the process, even if another environment is passed.
  for (const each of [process.env, environment]) registerEnvironment(each);
  const skipped: CredentialSource[] = [];
  for (const source of credentialSources(location, { environment, accountSas })) {
    if (!source.credential) {
      skipped.push(source);
      continue;
    }
    const { key, sas } = source.credential;
    refusePlainHttp(location, allowHttp);
    if (key) return accountKeyCredentials(source.name, key, limits);
    if (sas !== undefined) return sasCredentials(source.name, sas, location, limits);
  }
  if (!isService(location.endpoint)) throw noCredential(location.endpoint, skipped);
  const token = new CachedToken(await identityCredential(location.endpoint, skipped, deadlineMs));
  return { pipeline: pipelineFor(token, limits), sas: undefined, kind: 'token', token, limits, source: IDENTITY_NAME };
}

type Credential = Parameters<typeof newPipeline>[0];

/** Throws `not-authorised` for plain http to another machine: a SAS, and all that a key signs, would be sent in the clear. */
function refusePlainHttp({ endpoint }: ContainerLocation, allowHttp: boolean): void {
  if (allowHttp || !/^http:/i.test(endpoint) || isLoopback(endpoint)) return;
  throw new VhdupError('not-authorised', `${endpoint}: plain http would show credential and disk to the network`, {
    hint: `use https, or ${option('allowHttp')} if you trust every hop, such as to an emulator in a container`,
  });
}

function sasCredentials(
  source: string,
  sas: string,
  { endpoint }: ContainerLocation,
  limits: RequestLimits,
): Credentials {
  registerSas(sas);
  requireValidNow(sas, endpoint);
  return { pipeline: pipelineFor(new AnonymousCredential(), limits), sas, kind: 'sas', limits, source };
}

function accountKeyCredentials(
  source: string,
  credential: StorageSharedKeyCredential,
  limits: RequestLimits,
): Credentials {
  const { accountName } = credential;
  return {
    pipeline: pipelineFor(credential, limits),
    sas: undefined,
    kind: 'account-key',
    sign: (text, path) =>
      `SharedKey ${accountName}:${credential.computeHMACSHA256(`${text}/${accountName}${path}\ncomp:page`)}`,
    readSas: readSasBy(credential),
    limits,
    source,
  };
}

/** Returns a pipeline without the SDK's retries, which know neither all transient answers nor Retry-After. See `Retrier`. */
function pipelineFor(credential: Credential, { deadlineMs, floor, onRequest }: RequestLimits): Pipeline {
  return newPipeline(credential, {
    httpClient: httpClient(deadlineMs, floor, onRequest),
    retryOptions: { maxTries: 1 },
    userAgentOptions: { userAgentPrefix: 'vhdup' },
  });
}
