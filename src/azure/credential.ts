import {
  AnonymousCredential,
  BlobServiceClient,
  StorageSharedKeyCredential,
  newPipeline,
  type Pipeline,
} from '@azure/storage-blob';
import { VhdupError } from '../errors.js';
import { httpClient } from './http-client.js';
import type { BlobLocation } from './location.js';
import { DEADLINE_MS, type RequestLimits } from './request-limits.js';
import { ThroughputFloor } from './throughput-floor.js';
import { registerEnvironment, registerSas, registerSecret } from '../redact/redact.js';
import { option } from '../option-names.js';

/** Environment variables, by name. Some of them hold credentials. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The credentials for one account: a request pipeline, and what has to be in the URL. */
export interface Credentials {
  readonly pipeline: Pipeline;
  /** Shared access signature for the query of every URL, without the question mark. */
  readonly sas: string | undefined;
  /** How requests are authorized. */
  readonly kind: 'sas' | 'account-key' | 'token';
  /** For an account key: returns the value of Authorization. `text`: all that is signed before the resource; `path`: that of the URL. */
  readonly sign?: (text: string, path: string) => string;
  /** The limits of each request. */
  readonly limits: RequestLimits;
}

/** Options of `credentialsFor`. */
export interface CredentialOptions {
  /** Sends a credential over plain http also to other hosts than this machine. Default false. */
  readonly allowHttp?: boolean | undefined;
  /** Milliseconds without a byte in either direction after which a request fails. Default 30,000. */
  readonly deadlineMs?: number | undefined;
  /** The least throughput of all requests that share this object. Default: one for these credentials alone. */
  readonly floor?: ThroughputFloor | undefined;
}

/**
 * Returns the credentials for a blob. The first one found is used: the SAS in its URI; a credential in the environment for its
 * account (`AZURE_STORAGE_CONNECTION_STRING`, or `AZURE_STORAGE_ACCOUNT` with `AZURE_STORAGE_KEY` or `AZURE_STORAGE_SAS_TOKEN`); a
 * token of the Azure identity chain. A secret is sent only to the account that it belongs to, a token only to the service and over
 * https, and a SAS or a signature over plain http only to this machine, unless `allowHttp` is set. Throws `not-authorised` if there
 * is no credential, or it would be sent in the clear.
 */
export async function credentialsFor(
  location: BlobLocation,
  environment: Environment = process.env,
  { allowHttp = false, deadlineMs = DEADLINE_MS, floor = new ThroughputFloor() }: CredentialOptions = {},
): Promise<Credentials> {
  const limits = { deadlineMs, floor };
  // The SDK reads proxies from the environment of the process, even if another environment is passed.
  for (const each of [process.env, environment]) registerEnvironment(each);
  if (location.sas !== undefined) {
    refusePlainHttp(location, allowHttp);
    return sasCredentials(location.sas, limits);
  }
  const configured = fromEnvironment(environment);
  if (configured && belongsTo(configured, location)) {
    refusePlainHttp(location, allowHttp);
    if (configured.sas !== undefined) return sasCredentials(configured.sas, limits);
    if (configured.credential) return accountKeyCredentials(configured.credential, limits);
  }
  if (!isService(location.endpoint)) {
    throw new VhdupError('not-authorised', `no credential for ${location.endpoint}`, {
      hint: configured
        ? `the environment has one for ${configured.account ?? 'another account'} only; add a SAS to the URI`
        : SUPPORTED_CREDENTIALS,
    });
  }
  const { DefaultAzureCredential } = await import('@azure/identity');
  return {
    pipeline: pipelineFor(withDeadline(new DefaultAzureCredential(), deadlineMs), limits),
    sas: undefined,
    kind: 'token',
    limits,
  };
}

const SUPPORTED_CREDENTIALS =
  'set AZURE_STORAGE_CONNECTION_STRING, or AZURE_STORAGE_ACCOUNT and AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN, or add a SAS to the URI, or sign in with "az login"';

type Credential = Parameters<typeof newPipeline>[0];
type TokenCredential = Extract<Credential, { getToken: unknown }>;

interface Configured {
  readonly account: string | undefined;
  readonly endpoint: string | undefined;
  readonly credential: StorageSharedKeyCredential | undefined;
  readonly sas: string | undefined;
}

function fromEnvironment(environment: Environment): Configured | undefined {
  const text = environment['AZURE_STORAGE_CONNECTION_STRING'];
  if (text) return parseConnectionString(text);
  const account = environment['AZURE_STORAGE_ACCOUNT'] || undefined;
  const key = environment['AZURE_STORAGE_KEY'] || undefined;
  const sas = environment['AZURE_STORAGE_SAS_TOKEN']?.replace(/^\?/, '') || undefined;
  if (key !== undefined && account !== undefined)
    return { account, credential: sharedKey(account, key), endpoint: undefined, sas: undefined };
  if (sas !== undefined) return { account, sas, endpoint: undefined, credential: undefined };
  return undefined;
}

function parseConnectionString(text: string): Configured {
  let service: BlobServiceClient;
  try {
    // The SDK requires a protocol beside an account key even if an endpoint is named. Other tools assume https.
    const isComplete = /(^|;)\s*(DefaultEndpointsProtocol|SharedAccessSignature|UseDevelopmentStorage)=/i.test(text);
    service = BlobServiceClient.fromConnectionString(isComplete ? text : `DefaultEndpointsProtocol=https;${text}`);
  } catch {
    throw new VhdupError(
      'not-authorised',
      'AZURE_STORAGE_CONNECTION_STRING is not a connection string with an AccountKey or a SharedAccessSignature',
    );
  }
  const url = new URL(service.url);
  const sas = url.search.slice(1);
  const endpoint = `${url.origin}${url.pathname}`.replace(/\/$/, '');
  const { credential } = service;
  const key = /(?:^|;)\s*AccountKey=([^;]+)/i.exec(text)?.[1];
  if (key !== undefined) registerSecret(key);
  if (credential instanceof StorageSharedKeyCredential)
    return { account: service.accountName, endpoint, credential, sas: undefined };
  return { account: service.accountName, endpoint, credential: undefined, sas };
}

function belongsTo({ account, endpoint }: Configured, location: BlobLocation): boolean {
  if (endpoint !== undefined && endpoint.toLowerCase() === location.endpoint.toLowerCase()) return true;
  const isKnownHost = isService(location.endpoint) || isLoopback(location.endpoint);
  return isKnownHost && (account === undefined || account === location.account);
}

/** Returns true if the endpoint is one of the service, over https. */
function isService(endpoint: string): boolean {
  return /^https:\/\/[^/]+\.blob\.(core\.(windows\.net|chinacloudapi\.cn|usgovcloudapi\.net|cloudapi\.de)|storage\.azure\.net)$/i.test(
    endpoint,
  );
}

/** Throws `not-authorised` for plain http to another machine: a SAS, and all that a key signs, would be sent in the clear. */
function refusePlainHttp({ endpoint }: BlobLocation, allowHttp: boolean): void {
  if (allowHttp || !/^http:/i.test(endpoint) || isLoopback(endpoint)) return;
  throw new VhdupError('not-authorised', `${endpoint}: plain http would show credential and disk to the network`, {
    hint: `use https, or ${option('allowHttp')} where you trust every hop, such as to an emulator in a container`,
  });
}

function isLoopback(endpoint: string): boolean {
  return /^https?:\/\/(127(\.\d+){3}|localhost|\[::1\])(:\d+)?(\/|$)/i.test(endpoint);
}

function sasCredentials(sas: string, limits: RequestLimits): Credentials {
  registerSas(sas);
  return { pipeline: pipelineFor(new AnonymousCredential(), limits), sas, kind: 'sas', limits };
}

function accountKeyCredentials(credential: StorageSharedKeyCredential, limits: RequestLimits): Credentials {
  const { accountName } = credential;
  return {
    pipeline: pipelineFor(credential, limits),
    sas: undefined,
    kind: 'account-key',
    sign: (text, path) =>
      `SharedKey ${accountName}:${credential.computeHMACSHA256(`${text}/${accountName}${path}\ncomp:page`)}`,
    limits,
  };
}

function sharedKey(account: string, key: string): StorageSharedKeyCredential {
  if (!/^[A-Za-z0-9+/]+=*$/.test(key))
    throw new VhdupError('not-authorised', 'AZURE_STORAGE_KEY is not a base64 account key');
  registerSecret(key);
  return new StorageSharedKeyCredential(account, key);
}

/** Returns the credential with a deadline for sign-ins: their own HTTP client has none. */
function withDeadline(credential: TokenCredential, deadlineMs: number): TokenCredential {
  return {
    getToken: (scopes, options) => {
      const signals = [
        AbortSignal.timeout(deadlineMs),
        ...(options?.abortSignal instanceof AbortSignal ? [options.abortSignal] : []),
      ];
      return credential.getToken(scopes, { ...options, abortSignal: AbortSignal.any(signals) });
    },
  };
}

/** Returns a pipeline without the SDK's retries, which know neither all transient answers nor Retry-After. See `Retrier`. */
function pipelineFor(credential: Credential, { deadlineMs, floor }: RequestLimits): Pipeline {
  return newPipeline(credential, {
    httpClient: httpClient(deadlineMs, floor),
    retryOptions: { maxTries: 1 },
    userAgentOptions: { userAgentPrefix: 'vhdup' },
  });
}
